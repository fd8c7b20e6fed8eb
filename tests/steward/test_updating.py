"""The steward of updates, with the real RAUC behind it: its own service on a bus that the test makes."""

import json
import subprocess

import pytest

from edge.board import bootstate
from edge.steward import programs, updating
from edge.steward.errors import Refused
from tests.support import process
from tests.update.rauc import BOARD, PROJECT, Signer

BUS = """<busconfig><type>system</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
<allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>"""
VERBS = {each.name: each.run for each in updating.ROLE.verbs}


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    """Who may sign updates for this box."""
    return Signer(tmp_path_factory.mktemp("signer"), "updates")


@pytest.fixture
def slots(tmp_path, monkeypatch):
    """A machine that runs from slot A; returns the path of its boot state."""
    place = tmp_path / "bootstate"
    place.write_bytes(bytes(2 * bootstate.COPY_BYTES))
    bootstate.command(["init", "A"], str(place))
    (tmp_path / "cmdline").write_text("ro quiet rauc.slot=A\n")
    monkeypatch.setenv("EDGE_BOOTSTATE", str(place))
    monkeypatch.setattr(updating, "COMMAND_LINE", str(tmp_path / "cmdline"))
    monkeypatch.setattr(updating, "RECORD", str(tmp_path / "update.json"))
    monkeypatch.setattr(updating, "RAUC", ("/usr/bin/rauc", "-c", str(tmp_path / "system.conf")))
    monkeypatch.setattr(updating, "_SYSTEMCTL", "/bin/true")
    return str(place)


@pytest.fixture
def rauc(slots, signer, tmp_path, monkeypatch):
    """RAUC's service, whose slots are files, and whose boot loader is image-build/bootstate."""
    backend = tmp_path / "backend"
    backend.write_text(f'#!/bin/sh\nexec {PROJECT}/image-build/bootstate {slots} "$@"\n')
    backend.chmod(0o755)
    conf = (PROJECT / "image-build/rauc/system.conf").read_text()
    for there, here in (
        ("@BOARD@", BOARD),
        ("/data/rauc", tmp_path / "data"),
        ("/run/rauc", tmp_path / "mounts"),
        ("/etc/edge/update.pem", signer.certificate),
        ("/usr/lib/rauc/bootstate", backend),
        ("/dev/disk/by-partlabel", tmp_path),
    ):
        assert there in conf
        conf = conf.replace(there, str(here))
    (tmp_path / "system.conf").write_text(conf)
    for name in ("data", "mounts"):
        (tmp_path / name).mkdir()
    for name in ("boot_a", "root_a", "boot_b", "root_b"):
        (tmp_path / name).write_bytes(bytes(8 << 20))
    bus = tmp_path / "bus"
    (tmp_path / "bus.conf").write_text(BUS % bus)
    address = f"unix:path={bus}"
    monkeypatch.setitem(programs.ENVIRONMENT, "DBUS_SYSTEM_BUS_ADDRESS", address)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    daemon = subprocess.Popen(
        ["dbus-daemon", f"--config-file={tmp_path}/bus.conf", "--nofork", "--nopidfile"], **quiet
    )
    service = None
    try:
        process.wait_until(bus.exists, 10, "the bus")
        service = subprocess.Popen(
            [*updating.RAUC, "service", "--override-boot-slot=A"], env=programs.ENVIRONMENT, **quiet
        )
        process.wait_until(_answers, 10, "RAUC to answer")
        yield
    finally:
        for each in (service, daemon):
            if each is not None:
                process.end(each)


def _answers():
    try:
        return programs.run([*updating.RAUC, "status"], 10)
    except Refused:
        return None


def install(path, version="0.2.0"):
    """Have an update installed; return (what was said of its progress, the answer or the refusal's words)."""
    told = []
    working = VERBS["install"](None, {"source": str(path), "version": version})
    try:
        while True:
            told.append(next(working))
    except StopIteration as end:
        return told, end.value
    except Refused as refused:
        return told, str(refused)


def test_the_state_says_what_runs_what_boots_next_and_what_is_good(slots):
    found = VERBS["state"](None, {})
    assert (found["booted"], found["next"], found["trial"]) == ("A", "A", None)
    assert [(each["name"], each["good"]) for each in found["slots"]] == [("A", True), ("B", False)]


def test_rauc_and_the_box_agree_on_the_slots(rauc, slots):
    words = programs.run([*updating.RAUC, "status", "--output-format=json"], 10)
    said = json.loads(next(line for line in words.splitlines() if line.startswith("{")))
    status = {row["bootname"]: row["boot_status"] for each in said["slots"] for row in each.values() if row["bootname"]}
    assert status == {"A": "good", "B": "bad"} and said["boot_primary"] == "root.0"
    bootstate.write(bootstate.judged(bootstate.read(slots), "B", True), slots)
    programs.run([*updating.RAUC, "status", "mark-active", "other"], 10)
    assert VERBS["state"](None, {})["next"] == "B"


def test_what_rauc_refuses_is_said_in_words_and_nothing_boots_from_it(rauc, slots, signer, tmp_path):
    good = signer.bundle(tmp_path / "good.raucb")
    octets = good.read_bytes()
    length = int.from_bytes(octets[-8:], "big")
    other = Signer(tmp_path, "somebody").bundle(tmp_path / "other.raucb")
    (tmp_path / "tampered.raucb").write_bytes(octets.replace(b"version=0.2.0", b"version=9.2.0"))
    (tmp_path / "unsigned.raucb").write_bytes(octets[: -8 - length])
    (tmp_path / "nothing.raucb").write_bytes(b"nothing" * 1000)
    for path, words in (
        (other, "signed by somebody whom this box does not believe"),
        (tmp_path / "tampered.raucb", "its signature does not fit it"),
        (tmp_path / "unsigned.raucb", "cut short or not signed"),
        (tmp_path / "nothing.raucb", "cut short or not signed"),
        (tmp_path / "missing.raucb", "there is no such file"),
    ):
        told, said = install(path)
        assert words in said, (path.name, said)
        assert bootstate.next_slot(bootstate.read(slots)) == "A"
    assert VERBS["state"](None, {})["last"]["result"] == "refused"


def test_an_update_that_is_believed_gets_past_rauc_as_far_as_this_kernel_goes(rauc, slots, signer, tmp_path):
    """All of it is seen on an emulated machine; a kernel without device mapper cannot open a bundle."""
    told, said = install(signer.bundle(tmp_path / "good.raucb"))
    assert {"percent": 40, "words": "Checking bundle done."} in told
    assert said == {"slot": "B"} or "no device mapper" in said


def test_without_rauc_it_is_said_what_does_not_run(slots, tmp_path):
    (tmp_path / "system.conf").write_text("")
    assert "RAUC" in install(tmp_path / "any.raucb")[1]


def trial(slots):
    """Make slot B the one on trial, and the one that runs."""
    state = bootstate.preferred(bootstate.judged(bootstate.read(slots), "B", False), "B")
    bootstate.write(state._replace(tries=0), slots)  # the boot loader has counted it down


def test_a_version_on_trial_that_is_good_stays(slots, tmp_path):
    trial(slots)
    (tmp_path / "cmdline").write_text("rauc.slot=B edge.trial\n")
    assert VERBS["state"](None, {})["trial"] == "B"
    VERBS["good"](None, {})
    state = bootstate.read(slots)
    assert (bootstate.next_slot(state), state.on_trial, state.good) == ("B", False, (True, True))


def test_a_version_on_trial_that_is_bad_is_gone_back_from_and_the_reason_is_kept(slots, tmp_path):
    trial(slots)
    (tmp_path / "cmdline").write_text("rauc.slot=B edge.trial\n")
    assert VERBS["bad"](None, {"why": "C-STORE: answered with A700"}) == {"slot": "A"}
    assert bootstate.next_slot(bootstate.read(slots)) == "A"
    last = VERBS["state"](None, {})["last"]
    assert (last["result"], last["why"]) == ("went back", "C-STORE: answered with A700")


def test_a_version_that_did_not_come_up_is_put_down_as_bad_by_the_one_that_did(slots):
    trial(slots)
    assert VERBS["trial"](None, {}) == {"booted": "A", "trial": "B"}
    assert VERBS["settle"](None, {}) == {"failed": "B"}
    assert VERBS["trial"](None, {}) == {"booted": "A", "trial": None}
    assert VERBS["settle"](None, {}) == {"failed": None}
    assert VERBS["state"](None, {})["last"]["result"] == "went back"


def test_the_only_good_version_is_never_put_down_as_bad(slots):
    with pytest.raises(Refused, match="the other slot holds nothing that was found good"):
        VERBS["bad"](None, {"why": "for no reason"})
    assert bootstate.next_slot(bootstate.read(slots)) == "A"


def test_a_system_without_slots_says_so(slots, tmp_path):
    (tmp_path / "cmdline").write_text("root=/dev/sda1\n")
    with pytest.raises(Refused, match="does not run from a slot"):
        VERBS["state"](None, {})


def test_a_stream_that_was_looked_into_too_early_is_tried_again(slots, tmp_path, monkeypatch):
    program = tmp_path / "rauc"
    words = "LastError: Failed mounting bundle: Failed to load dm table: Argument list too long"
    program.write_text(
        f'#!/bin/sh\n[ -e {tmp_path}/once ] && echo "100% Installing done." && exit 0\n'
        f'touch {tmp_path}/once\necho "{words}"\nexit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(updating, "RAUC", (str(program),))
    told, said = install("https://updates.example.org/edge.raucb")
    assert said == {"slot": "B"} and told == [{"percent": 100, "words": "Installing done."}]
