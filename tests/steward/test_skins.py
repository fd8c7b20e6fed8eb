"""The console sets the network up through a steward: on a page, on the serial line, and as the box itself needs it."""

import json
import os
import socket
import threading

import pytest

from edge.access.audit import Trail
from edge.box import load
from edge.settings.keeper import Keeper
from edge.steward import network as role
from edge.steward import resetting, serve
from edge.terminal import menu
from edge.verbs import box as boxes
from edge.verbs.verb import ENGINEER, Asker
from tests.spool.data import Clock, open_spool
from tests.steward.test_network import SIDES, Recorded
from tests.support.console import Console
from tests.support.process import wait_until
from tests.terminal.far import Far


class Stewards:
    """The stewards for the network and for resetting, at sockets in a folder, with a runner that keeps its words."""

    def __init__(self, folder):
        self.folder = folder
        self.runner = Recorded()
        self.state = role.Network(str(folder / "state"), str(folder / "run"), self.runner, self.runner.names.append)
        self._servers = []
        for found in (role.ROLE._replace(open=lambda: self.state), resetting.ROLE):
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(str(folder / (found.name + ".sock")))
            listening.listen()
            server = serve.Server(found, listening, {os.geteuid()})
            thread = threading.Thread(target=server.run)
            thread.start()
            self._servers.append((server, thread, listening))

    def close(self):
        """End them."""
        for server, thread, listening in self._servers:
            server.stop()
            thread.join(10)
            listening.close()


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    """A claimed console, of a box with stewards: (Console, Stewards)."""
    stewards = Stewards(tmp_path_factory.mktemp("stewards"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGE_STEWARD", str(stewards.folder))
        patch.setattr(resetting.programs, "run", stewards.runner)
        patch.setenv("EDGE_RESET_ORDER", str(stewards.folder / "bootstate"))
        (stewards.folder / "bootstate").write_bytes(bytes(1 << 20))
        with Console(tmp_path_factory.mktemp("console"), {"bind": "0.0.0.0"}, dicom={"bind": "0.0.0.0"}) as made:
            made.claim()
            yield made, stewards
    stewards.close()


def fields(**more):
    """What a person fills in on the page."""
    form = {
        "box.name": "edge-test",
        "1.device": "eth0",
        "1.side": "modality",
        "1.addresses": "192.168.7.1/24",
        "2.device": "wlan0",
        "2.side": "uplink",
        "2.ssid": "Ward 3",
        "2.passphrase": "not to be told",
        "3.device": "",
    }
    return {**form, **more}


def test_the_steward_is_told_on_which_ports_the_box_listens(console):
    made, stewards = console
    wait_until(stewards.state._listens, 20, "the ports")
    assert sorted(stewards.state._listens()) == [("console", made.port, "tcp"), ("dicom", made.box.port, "tcp")]


def test_a_change_on_the_page_is_tried_and_kept(console):
    made, stewards = console
    assert made.post("/network/change", fields(), csrf="/network").status == 303
    shown = made.get("/network").text
    assert "The change is applied, and on trial" in shown and "Keep it" in shown
    assert made.post("/network/confirm", {"trial": stewards.state.trial["id"]}, csrf="/network").status == 303
    assert stewards.state.confirmed["interface"][0]["addresses"] == ["192.168.7.1/24"]
    shown = made.get("/network").text
    assert "It stays." in shown and 'value="192.168.7.1/24"' in shown and "Interface 2: wlan0" in shown


def test_a_passphrase_is_on_no_page_and_in_no_log_and_no_trail(console):
    made, stewards = console
    if stewards.state.confirmed is None:
        made.post("/network/change", fields(), csrf="/network")
        stewards.state.confirm(None)
    assert stewards.state.confirmed["interface"][1]["passphrase"] == "not to be told"
    changed = fields(**{"2.passphrase": "", "box.name": "edge-other"})
    made.post("/network/change", changed, csrf="/network")
    assert stewards.state.trial["settings"]["interface"][1]["passphrase"] == "not to be told"
    made.post("/network/revert", {}, csrf="/network")
    trail = b"".join(each.read_bytes() for each in (made.box.state_dir / "audit").rglob("*") if each.is_file())
    assert b"change-network" in trail
    for text in (made.get("/network").text, made.box.log(), trail.decode(), made.ask("network").text):
        assert "not to be told" not in text


def test_what_cannot_be_is_said_on_the_page_and_what_was_typed_stays(console):
    made, stewards = console
    before = stewards.state.confirmed
    answer = made.post("/network/change", fields(**{"1.addresses": "192.168.7.0/24"}), csrf="/network")
    assert answer.status == 409 and "is the name of the subnet itself" in answer.text
    assert 'value="192.168.7.0/24"' in answer.text
    assert stewards.state.trial is None and stewards.state.confirmed == before
    answer = made.post("/network/change", fields(**{"1.vlan": "seven"}), csrf="/network")
    assert answer.status == 409 and "expected a whole number, found seven" in answer.text


def test_a_factory_reset_wants_the_boxs_own_title(console):
    made, stewards = console
    refused = made.ask("factory-reset", title="another")
    assert refused.status == 409 and "give title as EDGE" in refused.json["failed"]
    assert not resetting.erasing.is_ordered(stewards.folder / "bootstate")
    assert made.ask("factory-reset", title="EDGE").status == 200
    assert resetting.erasing.is_ordered(stewards.folder / "bootstate")
    assert stewards.runner.words[-1] == ["/usr/bin/systemctl", "--no-block", "reboot"]


# On the command line


def test_the_network_is_changed_on_the_command_line_by_what_it_printed(console, tmp_path):
    made, stewards = console
    box, wifi = made.box, {"device": "wlan0", "side": "uplink", "ssid": "Ward 3", "passphrase": "not to be told"}
    list(stewards.state.apply({"name": "edge-ct1", "interface": [SIDES["interface"][0], wifi]}, 0))
    assert box.edge("network").stdout.startswith("edge-ct1.local\n")
    printed = box.edge("network", "--toml").stdout
    assert "not to be told" not in printed and 'ssid = "Ward 3"' in printed
    (tmp_path / "network.toml").write_text(printed.replace("edge-ct1", "edge-ct2"), encoding="utf-8")
    said = box.edge("network", "--apply", tmp_path / "network.toml", "--within", "60").stdout
    assert "it goes back in 60 s, unless you say `edge network --confirm`" in said
    assert "on trial: it goes back in" in box.edge("network").stdout
    assert box.edge("network", "--confirm").stdout == "the network stays\n"
    assert stewards.state.trial is None
    assert stewards.state.confirmed["name"] == "edge-ct2" and stewards.state.confirmed["interface"][1] == wifi
    box.edge("network", "--apply", tmp_path / "network.toml")
    assert box.edge("network", "--revert").stdout == "the network is as it was before\n"
    assert "the last change went back: somebody asked for it" in box.edge("network").stdout


def test_settings_that_cannot_be_are_refused_on_the_command_line_with_every_mistake(console, tmp_path):
    made, stewards = console
    before = stewards.state.confirmed
    text = '[network]\nname = "-"\n[[network.interface]]\ndevice = "eth0"\nvlan = 5000\n'
    (tmp_path / "network.toml").write_text(text, encoding="utf-8")
    for option in ("--check", "--apply"):
        done = made.box.edge("network", option, tmp_path / "network.toml", check=False)
        assert done.returncode == 1 and "name: expected" in done.stderr and "interface 1.vlan" in done.stderr
    assert stewards.state.trial is None and stewards.state.confirmed == before


# On the serial line


@pytest.fixture
def far(tmp_path, monkeypatch):
    """The far end of a terminal at a box whose steward is there: (Far, Network)."""
    stewards = Stewards(tmp_path)
    monkeypatch.setenv("EDGE_STEWARD", str(tmp_path))
    (tmp_path / "edge.toml").write_text('[box]\nstate_dir = "box"\n', encoding="ascii")
    loaded = load.load(str(tmp_path / "edge.toml"))
    spool = open_spool(tmp_path / "box", Clock())
    box = boxes.Box(loaded.config, spool, lambda: (), loaded=loaded, audit=Trail(str(tmp_path / "audit")))
    box.settings = Keeper(loaded, lambda loaded: None)
    who = Asker("", ENGINEER, "serial")
    yield Far(lambda: menu.conversation(box, "serial line", lambda: ["Console: none"], who)), stewards.state
    spool.close()
    stewards.close()


def test_the_network_is_set_up_on_the_serial_line(far):
    far, state = far
    list(state.apply(SIDES, 0))
    far.type("6")
    assert "edge-test.local" in far.type("s")
    far.type("1")
    listed = far.seen
    number = [line.split()[0] for line in listed.splitlines() if "1: eth0" in line and " addresses " in line][0]
    far.type(number)
    listed = far.type("192.168.9.1/24")
    assert "192.168.9.1/24" in listed
    assert "goes back" in far.type("a") + far.seen
    shown = far.type("yes")
    assert "on trial and goes back by itself" in shown + far.seen
    far.type("2")
    assert state.trial is None and state.confirmed["interface"][0]["addresses"] == ["192.168.9.1/24"]


def test_a_mistake_on_the_serial_line_is_said_and_changes_nothing(far):
    far, state = far
    list(state.apply(SIDES, 0))
    for each in ("6", "s", "1"):
        far.type(each)
    number = [line.split()[0] for line in far.seen.splitlines() if "1: eth0" in line and " gateway " in line][0]
    far.type(number)
    far.type("192.168.7.254")
    assert "the modality's side has no way to anywhere else" in far.type("a") + far.seen
    assert state.trial is None and json.dumps(state.confirmed) == json.dumps(SIDES)


def test_without_a_steward_it_is_said_whose_business_the_network_is(far, monkeypatch, tmp_path):
    far, _ = far
    monkeypatch.setenv("EDGE_STEWARD", str(tmp_path / "nowhere"))
    far.type("6")
    assert "the network of this machine is not set by the box" in " ".join((far.type("s") + far.seen).split())
