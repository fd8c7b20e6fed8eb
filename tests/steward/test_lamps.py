"""The steward of the lamps shows what the box says, and has a factory reset ordered by the button."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pydicom.data
import pytest

from edge.board import profile
from edge.service.lamps import Lamps as Told
from edge.spool.health import Trouble
from edge.steward import client, roles, serve
from edge.steward.errors import Misused
from edge.steward.lamps import Lamps
from edge.steward.shapes import Role, State, Verb
from tests.support.button import Pressed
from tests.support.process import OWN_MOUNTS, end, wait_until
from tests.support.service import Service, destination, route

BOARDS = Path(__file__).parents[2] / "boards"
EDGE = str(Path(sys.executable).parent / "edge")
LAMPS = ("ready", "busy", "error", "held")
ALL_WELL = {"ready": True, "busy": False, "error": False, "held": False}
# A machine of the steward's own: what its firmware says, its profile, and its LEDs, which a test sees from outside
MACHINE = """
mount --bind "$1/sys" /sys
mount -t tmpfs none /usr/share
mkdir -p /usr/share/edge/boards/lit
cp "$1/profile.toml" /usr/share/edge/boards/lit/
exec "$2" steward lamps
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the stewards' sockets."""
    made = tmp_path / "steward"
    made.mkdir()
    monkeypatch.setenv("EDGE_STEWARD", str(made))
    return made


@pytest.fixture
def served(folder):
    """A function that serves a Role with a State until the test ends."""
    ending = []

    def start(role, state):
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(folder / f"{role.name}.sock"))
        listening.listen()
        server = serve.Server(role._replace(open=lambda: state), listening, {os.geteuid()}, idle_s=0.1)
        thread = threading.Thread(target=server.run)
        thread.start()
        ending.append((server, thread, listening))

    yield start
    for server, thread, listening in ending:
        server.stop()
        thread.join(10)
        listening.close()
        assert not thread.is_alive()


def leds(root, *names):
    """Make the LEDs of a machine below `root`; return the function that says which are lit."""
    for name in names:
        place = root / "sys/class/leds" / name
        place.mkdir(parents=True)
        for file, words in (("brightness", "0"), ("max_brightness", "255"), ("trigger", "none")):
            (place / file).write_text(words)
    return lambda: [each for each in names if (root / "sys/class/leds" / each / "brightness").read_text() == "255"]


@pytest.fixture
def lit(tmp_path):
    """Which LEDs of a Pi 4 below tmp_path / "root" are lit: a function."""
    return leds(tmp_path / "root", "PWR", "ACT")


@pytest.fixture
def lamps(lit, tmp_path):
    """The state of the role on that machine."""
    board = profile.load(BOARDS / "pi-4")
    return Lamps(str(tmp_path / "root"), board._replace(gpio=board.gpio._replace(chip=None)))


def test_the_lamps_show_what_the_box_says(served, folder, lit, lamps):
    served(roles.role("lamps"), lamps)
    state = client.answer(folder, "lamps", "show", **ALL_WELL)
    assert (state["board"], state["lamps"], state["is_armed"]) == ("pi-4", ["ready", "busy"], False)
    wait_until(lambda: lit() == ["PWR"], 10, "the lamps")
    client.answer(folder, "lamps", "show", **{**ALL_WELL, "ready": False, "busy": True})
    wait_until(lambda: lit() == ["ACT"], 10, "the lamps")


def test_a_steward_with_lamps_to_hold_stays_and_one_without_does_not(lamps):
    assert lamps.due_s() > 0
    assert Lamps("/nowhere", profile.load(BOARDS / "x86-64")).due_s() is None
    lamps.close()


@pytest.mark.parametrize("wrong", ({"ready": 1}, {"ready": True, "horn": True}, {"ready": None}))
def test_anything_but_four_truths_is_refused(served, folder, lamps, wrong):
    served(roles.role("lamps"), lamps)
    with pytest.raises(Misused):
        client.answer(folder, "lamps", "show", **{**ALL_WELL, **wrong})


def test_a_button_that_is_held_and_pressed_again_has_the_reset_ordered_and_the_box_start_anew(
    served, tmp_path, lit, monkeypatch
):
    asked, now, button = [], [0.0], Pressed()
    verbs = [Verb(name, "does", lambda _, __, name=name: asked.append(name) or {}) for name in ("order", "reboot")]
    served(Role("resetting", "resets", tuple(verbs), State), State())
    monkeypatch.setattr("edge.board.indicators.Button", lambda *line: button)
    monkeypatch.setattr("edge.board.lines.chips", lambda root: {"pinctrl-bcm2711": "/dev/null"})
    lamps = Lamps(str(tmp_path / "root"), profile.load(BOARDS / "pi-4"), lambda: now[0])
    try:
        button.happen(True)
        wait_until(lambda: lamps._indicators._hold.deadline() is not None, 10, "the press")
        now[0] = 10.5
        lamps.show(ALL_WELL)
        wait_until(lambda: lamps.state()["is_armed"], 10, "ten seconds")
        assert asked == []
        button.happen(False, True)
        wait_until(lambda: asked == ["order", "reboot"], 10, "the order")
    finally:
        lamps.close()


# What the box tells


class Steward(State):
    """A steward of lamps that keeps what it was told. lamps: those that it says it has."""

    def __init__(self, lamps=LAMPS):
        self.told = []
        self._lamps = list(lamps)

    def show(self, request):
        """Keep it, in the order of the lamps' names."""
        self.told.append([name for name in LAMPS if request[name]])
        return {"lamps": self._lamps}


def box(*keys, lamps="auto"):
    """A box with troubles by their keys, and nobody there."""
    wrong = [Trouble(key, 0.0, "words") for key in keys]
    settings = SimpleNamespace(board=SimpleNamespace(lamps=lamps))
    return SimpleNamespace(config=settings, wrong=lambda: wrong, associations=lambda: [], workers=lambda: [])


def steps(told, now, *times):
    """Have it step at these times, having looked."""
    told.look()
    for now[0] in times:
        told.step()


@pytest.mark.parametrize(
    "keys, shown",
    (
        ((), ["ready"]),
        (("space",), ["error"]),
        (("held for archive",), ["held"]),
        (("held unrouted", "down archive"), ["error", "held"]),
    ),
)
def test_each_trouble_is_shown_by_its_lamp(served, keys, shown):
    steward, now = Steward(), [0.0]
    served(roles.role("lamps"), steward)
    steps(Told(box(*keys), lambda: now[0]), now, 0.0)
    assert steward.told == [shown]


def test_it_is_told_when_it_changes_and_again_before_the_box_counts_as_dead(served):
    steward, now, made = Steward(), [0.0], box()
    served(roles.role("lamps"), steward)
    told = Told(made, lambda: now[0])
    steps(told, now, 0.0, 2.0, 4.0)
    assert steward.told == [["ready"]]
    made.associations = lambda: ["one"]
    steps(told, now, 6.0, 8.0)
    assert steward.told[1:] == [["ready", "busy"]]
    steps(told, now, 27.0)
    assert steward.told[2:] == [["ready", "busy"]]


def test_a_steward_without_lamps_is_told_once_and_one_that_nobody_wants_never(served):
    steward, now = Steward(()), [0.0]
    served(roles.role("lamps"), steward)
    steps(Told(box(lamps="off"), lambda: now[0]), now, 0.0, 30.0)
    assert steward.told == []
    steps(Told(box(), lambda: now[0]), now, 60.0, 90.0, 120.0)
    assert steward.told == [["ready"]]


def test_a_steward_that_comes_later_is_found(served, folder):
    steward, now = Steward(), [0.0]
    told = Told(box(), lambda: now[0])
    steps(told, now, 0.0, 2.0)
    served(roles.role("lamps"), steward)
    steps(told, now, 4.0, 30.0)
    assert steward.told == [["ready"]]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_a_running_box_lights_the_lamps_of_its_board_through_the_steward(tmp_path, folder):
    lit = leds(tmp_path, *LAMPS)
    names = tmp_path / "sys/class/dmi/id"
    names.mkdir(parents=True)
    (names / "product_name").write_text("Lit board\n")
    text = (BOARDS / "x86-64/profile.toml").read_text(encoding="utf-8")
    text = text.replace('id = "x86-64"', 'id = "lit"\ndmi = ["Lit board"]')
    text += "".join(["\n[leds]\n", *[f'{each} = "{each}"\n' for each in LAMPS]])
    (tmp_path / "profile.toml").write_text(text, encoding="utf-8")
    steward = subprocess.Popen([*OWN_MOUNTS, "sh", "-ec", MACHINE, "sh", tmp_path, EDGE])
    try:
        wait_until((folder / "lamps.sock").exists, 20, "the steward")
        nowhere = destination("archive", 9)
        with Service(tmp_path / "box", [nowhere], [route("archive", called=["NOBODY"])]) as made:
            wait_until(lambda: lit() == ["ready"], 20, "the lamp for ready")
            image = pydicom.data.get_testdata_file("CT_small.dcm")
            subprocess.run(["storescu", "-aec", "EDGE", "127.0.0.1", str(made.port), image], check=True)
            wait_until(lambda: lit() == ["held"], 20, "the lamp for what is held")
            assert client.answer(folder, "lamps", "state")["board"] == "lit"
    finally:
        end(steward)
    assert lit() == []
