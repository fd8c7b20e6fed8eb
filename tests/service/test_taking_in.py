"""What a box has exported, taken in by a running box: from a stick by its pages and its menus, image and archive."""

import os
import pty
import re
import subprocess

import pytest

from edge.demo import phantom
from tests.support import process
from tests.support.console import Console
from tests.support.process import OWN_MOUNTS
from tests.support.service import EDGE, route

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
LIMIT_S = 20
PASSWORD = "a long pass phrase"


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    """A box whose study was exported in all ways, and is on a stick that is mounted where sticks are."""
    folder = tmp_path_factory.mktemp("taking")
    (folder / "files").mkdir()
    head = phantom.study("CT", 3)
    for number in (1, 2, 3):
        phantom.save(phantom.ct(head, number=number, of=3, size=64), folder / "files")
    (folder / "words").write_text(PASSWORD + "\n")
    (folder / "words").chmod(0o600)
    (folder / "away").mkdir()
    away = {"name": "away", "kind": "folder", "path": str(folder / "away")}
    with Console(folder / "box", wrap=OWN_MOUNTS, destinations=[away], routes=[route("away")]) as made:
        made.folder = folder
        made.claim()
        made.box.edge("send", "away", folder / "files")
        lock = ("--password-file", folder / "words")
        for kind, name, words in (("iso", "disc.iso", ()), ("zip", "disc.zip", ()), ("zip", "locked.zip", lock)):
            made.box.edge("export", "--patient", "DEMO-00003", "--to", f"{kind}:{folder / name}", *words)
        script = 'mkdir -p "$1" && mount -t tmpfs none "$1" && 7z x -bd -y "-o$1" "$2" > /dev/null'
        stick = f"/media/edge-test-{os.getpid()}"
        enter = ["nsenter", f"--mount=/proc/{made.box.pid}/ns/mnt", "sh", "-ec", script, "sh"]
        subprocess.run([*enter, stick, folder / "disc.iso"], check=True, timeout=60)
        made.stick = stick
        yield made
    os.rmdir(stick)


@pytest.fixture
def empty(console):
    box = console.box
    for each in box.objects():
        box.ask("remove", object=each["id"], yes=True)
    assert box.objects() == []
    return box


def test_a_stick_is_taken_in_by_a_press_on_the_page_of_media(console, empty):
    shown = console.get("/media").text
    assert console.stick in shown and "a DICOM file-set" in shown and "Take in its objects" in shown
    answer = console.post("/media/import", {"medium": console.stick}, csrf="/media")
    assert answer.status == 200 and "3 objects taken in" in answer.text, answer.text
    assert len(empty.objects()) == 3
    again = console.post("/media/import", {"medium": console.stick}, csrf="/media")
    assert "0 objects taken in" in again.text and "3 here before" in again.text


def test_a_stick_is_taken_in_by_the_menus_of_the_serial_line(console, empty):
    master, slave = pty.openpty()
    asked = [EDGE, "console", "--tty", "--config", str(empty.config_path)]
    menus = subprocess.Popen(asked, stdin=slave, stdout=slave, start_new_session=True)
    try:
        os.set_blocking(master, False)
        pages = (("", "Choose: "), ("b\r", "Take in"), ("3\r", re.escape(console.stick)), ("1\r", "3 taken"))
        for text, wanted in pages:
            os.write(master, text.encode())
            await_words(master, wanted)
    finally:
        process.end(menus)
        os.close(master)
        os.close(slave)
    assert len(empty.objects()) == 3


def await_words(master, wanted):
    seen = []

    def has_come():
        try:
            seen.append(os.read(master, 4096).decode())
        except BlockingIOError:
            pass
        return re.search(wanted, "".join(seen))

    process.wait_until(has_come, LIMIT_S, f"{wanted} on the terminal")


@pytest.mark.parametrize("name", ["disc.iso", "disc.zip", "locked.zip"])
def test_what_was_exported_is_taken_in_straight_from_its_file(console, empty, name):
    words = ("--passphrase-file", console.folder / "words") if name == "locked.zip" else ()
    done = empty.edge("import", console.folder / name, *words)
    assert done.stdout.startswith("3 objects taken in") and done.stderr == ""
    kept = {path.read_bytes()[-8192:] for path in empty.stored()}
    assert kept == {path.read_bytes()[-8192:] for path in (console.folder / "files").iterdir()}
    assert empty.partial() == []


def test_what_was_taken_in_is_no_device_that_calls(console, empty):
    empty.edge("import", console.folder / "disc.iso")
    assert empty.status()["modalities"] == []
    assert "from from media" not in console.get("/").text and "No modality seen yet" in console.get("/").text
