"""Updates on an emulated machine: installed while the box works, tried, kept, and gone back from when they are bad.

The image is made anew, with the certificate of a signer that the test makes; the program is the one that the board's
image was made with.
"""

import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from checks import box as boxes
from checks.guest import HOST, IMAGES, PROJECT, Guest
from tests.support import process
from tests.update.rauc import Signer

BOARD = "qemu-amd64"
LIMIT_S = 300
_PIECE = 4 << 20
NEWER = "9.0.0"


class Far(boxes.Site):
    """The console of a guest, with the patience that an update in an emulated machine needs."""

    def verb(self, name, **arguments):
        """POST to the API as who is logged in; return the answer's JSON."""
        octets = json.dumps(arguments)
        return self._told(name, "--data-binary", octets, "--header", "Content-Type: application/json")

    def stage(self, path):
        """Bring an update as the page does: in pieces, one after the other; return the last answer's JSON."""
        size, told = path.stat().st_size, None
        for offset in range(0, size, _PIECE):
            piece = self.guest.folder / "piece"
            with path.open("rb") as file:
                file.seek(offset)
                piece.write_bytes(file.read(_PIECE))
            form = (f"file=@{piece}", f"bytes={size}", f"offset={offset}")
            told = self._told("stage-update", *[word for each in form for word in ("--form", each)])
        return told

    def _told(self, name, *options):
        token = f"X-CSRF-Token: {self.csrf('/people')}"
        return self.curl(f"/api/v1/{name}", *options, "--header", token, limit_s=LIMIT_S).json

    def do(self, name, **arguments):
        """The same for what has to be done; return what was."""
        answer = self.verb(name, **arguments)
        assert "done" in answer, answer
        return answer["done"]

    def is_there(self):
        """Say whether pages are answered."""
        try:
            return self.get("/login", limit_s=60).status < 500
        except ConnectionError:
            return False


class Shelf:
    """A web server that sends parts of the files of a folder, as RAUC asks for them."""

    def __init__(self, folder):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Parts, folder))
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def url(self, path):
        """Return the address of a file for the guest."""
        return f"http://{HOST}:{self._server.server_address[1]}/{path.name}"

    def close(self):
        """Serve no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Parts(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, folder, *more):
        self._folder = folder
        super().__init__(*more)

    def do_GET(self):
        path = Path(self._folder, Path(self.path).name)
        size = path.stat().st_size
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = (int(found[1]), min(int(found[2] or size), size - 1)) if found else (0, size - 1)
        self.send_response(206 if found else 200)
        if found:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        if self.command == "GET":
            with path.open("rb") as file:
                file.seek(first)
                self.wfile.write(file.read(last + 1 - first))

    do_HEAD = do_GET

    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """(folder of the image and the updates, Signer, Shelf)."""
    folder = tmp_path_factory.mktemp("updates")
    signer = Signer(folder, "updates")
    program = IMAGES / BOARD / "program"
    program = program / "edge" if (program / "edge").is_dir() else program
    command = [PROJECT / "image-build/build", BOARD, "--program", program, "--output", folder / "image"]
    options = ["--certificate", signer.certificate, "--no-download"]
    subprocess.run([sys.executable, *map(str, [*command, *options])], check=True, capture_output=True, cwd=PROJECT)
    served = Shelf(folder)
    yield folder, signer, served
    served.close()


@pytest.fixture(scope="module")
def guest(shelf, tmp_path_factory):
    """A guest that is ready and keeps an object, and its console, claimed: (Guest, Far, the object's UID)."""
    folder = tmp_path_factory.mktemp("guest")
    image = shelf[0] / "image" / f"edge-{BOARD}.img"
    with Guest(BOARD, folder / "guest", image=image) as running:
        running.await_ready()
        console = Far(running)
        process.wait_until(console.is_there, LIMIT_S, "the console", 0.5)
        code = process.wait_until(lambda: re.search(r"claim code:\s+(\S+)", running.console()), LIMIT_S, "the code")
        assert console.claim(code=code[1]).status == 303
        (kept,) = objects = boxes.make_objects(folder / "kept", 1)
        boxes.store(running, objects.values())
        yield running, console, kept


def made(shelf, name, arguments="", board=BOARD, version=NEWER):
    """Return an update whose kernel is told `arguments` besides."""
    folder, signer, _ = shelf
    images = folder / name
    images.mkdir(exist_ok=True)
    for each in ("root.img", "boot.img"):
        shutil.copyfile(folder / "image" / each, images / each)
    if arguments:
        boot = images / "boot.img"
        told = subprocess.run(["mtype", "-i", boot, "::/slot.env"], check=True, capture_output=True, text=True).stdout
        (images / "slot.env").write_text(told.rstrip("\n") + " " + arguments + "\n", encoding="ascii")
        subprocess.run(["mcopy", "-o", "-i", boot, images / "slot.env", "::/slot.env"], check=True)
    out = folder / f"{name}.raucb"
    command = [PROJECT / "image-build/bundle", version, board, images, signer.key, signer.certificate, out]
    subprocess.run([sys.executable, *map(str, command)], check=True, capture_output=True)
    return out


def versions(console):
    """Return ({slot: row}, summary) of the verb, of a box that may just have started."""
    process.wait_until(console.is_there, LIMIT_S, "the console", 0.5)
    console.login()
    found = console.verb("versions")
    return {row["slot"]: row for row in found["rows"]}, found["done"]


def running_slot(console):
    """Return (slot that runs, the other one)."""
    slots, summary = versions(console)
    assert not summary["on_trial"]
    return tuple(sorted(slots, key=lambda name: not slots[name]["runs"]))


def await_end_of_trial(console):
    """Wait until nothing is on trial any more; return what `versions` does then."""

    def over():
        found = versions(console)
        return found if not found[1]["on_trial"] else None

    return process.wait_until(over, LIMIT_S, "the end of the trial", 1)


def test_what_is_for_another_board_older_or_tampered_with_is_refused_in_words(shelf, guest):
    _, console, __ = guest
    _, __, served = shelf
    slot, other = running_slot(console)
    for path, words in (
        (made(shelf, "other", board="rpi-4"), "for the board rpi-4, and this box is qemu-amd64"),
        (made(shelf, "older", version="0.0.1"), "older than"),
    ):
        assert words in console.verb("update", url=served.url(path))["failed"]
        path.unlink()
    tampered = made(shelf, "tampered")
    octets = bytearray(tampered.read_bytes())
    octets[len(octets) // 3] ^= 1
    tampered.write_bytes(octets)
    assert "cannot be read to its end" in console.verb("update", url=served.url(tampered))["failed"]
    tampered.unlink()
    slots, _ = versions(console)
    assert slots[slot]["next"] and not slots[other]["next"]


def test_an_update_is_streamed_while_objects_come_tried_and_kept_with_all_that_the_box_has(shelf, guest, figure, tmp_path):
    running, console, kept = guest
    slot, other = running_slot(console)
    update = made(shelf, "good")
    with boxes.Load(running, boxes.make_objects(tmp_path, 300, rows=64), senders=1) as load:
        process.wait_until(lambda: load.acknowledged, LIMIT_S, "the first object")
        began, before = time.monotonic(), len(load.acknowledged)
        done = console.do("update", url=shelf[2].url(update))
        figure("update: installed (while objects come)", time.monotonic() - began, "s")
        assert len(load.acknowledged) > before
        assert done == {"version": NEWER, "slot": other}
        running.await_console(f"booting slot {other}", LIMIT_S)
        began = time.monotonic()
        running.await_ready(LIMIT_S)
        figure("update: restart to the new slot's C-ECHO (target 60)", time.monotonic() - began, "s")
    slots, _ = await_end_of_trial(console)
    figure("update: restart to found good", time.monotonic() - began, "s")
    assert slots[other]["runs"] and slots[other]["good"] and slots[other]["next"] and slots[slot]["good"]
    assert {kept, *load.acknowledged} <= console.objects()


@pytest.mark.parametrize(
    "name, arguments, way",
    [
        ("without-a-box", "systemd.mask=edge.service", "brought"),  # it comes up, and the box in it does not
        ("without-a-first-program", "rdinit=/nowhere", "streamed"),  # the kernel panics
    ],
)
def test_a_version_that_does_not_work_is_gone_back_from(shelf, guest, figure, name, arguments, way):
    running, console, kept = guest
    slot, other = running_slot(console)
    update, shown = made(shelf, name, arguments), len(running.console())
    if way == "brought":
        assert console.stage(update)["done"]["version"] == NEWER
        assert console.do("update")["slot"] == other
    else:
        assert console.do("update", url=shelf[2].url(update))["slot"] == other
    running.await_console(f"booting slot {other}", LIMIT_S, after=shown)
    began, shown = time.monotonic(), len(running.console())
    running.await_console(f"booting slot {slot}", LIMIT_S, after=shown)
    running.await_ready(LIMIT_S)
    figure(f"update {name}: back on the old slot (target 180)", time.monotonic() - began, "s")

    def told():
        return versions(console)[1]["last"]["result"] == "went back"

    process.wait_until(told, LIMIT_S, "the box to say that it went back", 1)
    slots, _ = versions(console)
    assert slots[slot]["runs"] and slots[slot]["next"] and not slots[other]["good"]
    assert kept in console.objects()
