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

from checks.guest import HOST, IMAGES, PROJECT, Guest
from tests.support import process
from tests.support.console import Console
from tests.update.rauc import Signer

BOARD = "qemu-amd64"
LIMIT_S = 300
UPDATE_S, ROLLBACK_S = 60, 180  # what it may take on a machine that does nothing else
NEWER = "9.0.0"


class Far(Console):
    """The console of a guest."""

    def __init__(self, guest):
        self.port, self.scheme, self.jar = guest.web_port, "https", guest.folder / "cookies.txt"
        self.origin = f"https://127.0.0.1:{self.port}"

    def verb(self, name, **arguments):
        """POST to the API as who is logged in, with the patience that emulation needs; return the answer's JSON."""
        token = ("--header", f"X-CSRF-Token: {self.csrf('/people')}", "--header", "Content-Type: application/json")
        return self.curl(f"/api/v1/{name}", "--data-binary", json.dumps(arguments), *token, limit_s=LIMIT_S).json

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


@pytest.fixture
def guest(shelf, tmp_path):
    """A guest that is ready, and its console, claimed: (Guest, Far)."""
    image = shelf[0] / "image" / f"edge-{BOARD}.img"
    with Guest(BOARD, tmp_path / "guest", image=image) as running:
        running.await_ready()
        console = Far(running)
        process.wait_until(console.is_there, LIMIT_S, "the console", 0.5)
        code = process.wait_until(lambda: re.search(r"claim code:\s+(\S+)", running.console()), LIMIT_S, "the code")
        assert console.claim(code=code[1]).status == 303
        yield running, console


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


def store(guest):
    """Have an object kept by the box, from outside."""
    file = PROJECT / "build" / "image" / "object.dcm"
    if not file.exists():
        from edge.demo import phantom

        shutil.copyfile(phantom.save(phantom.cr(phantom.study("CR"), size=64), guest.folder), file)
    command = ["storescu", "-aec", "EDGE", "127.0.0.1", str(guest.dicom_port), file]
    assert subprocess.run([*map(str, command)], capture_output=True).returncode == 0


def versions(console):
    """Return ({slot: row}, summary) of the verb."""
    process.wait_until(console.is_there, LIMIT_S, "the console", 0.5)
    console.login()
    found = console.verb("versions")
    return {row["slot"]: row for row in found["rows"]}, found["done"]


def test_an_update_is_streamed_installed_tried_and_kept_with_all_that_the_box_has(shelf, guest):
    running, console = guest
    store(running)
    began = time.monotonic()
    done = console.verb("update", url=shelf[2].url(made(shelf, "good")))["done"]
    assert done == {"version": NEWER, "slot": "B"}
    running.await_console("booting slot B", LIMIT_S)
    running.await_ready(LIMIT_S)
    print(f"update to the new slot ready: {time.monotonic() - began:.0f} s (target {UPDATE_S})")

    def kept():
        slots, summary = versions(console)
        return slots["B"]["good"] and not summary["on_trial"] and slots

    slots = process.wait_until(kept, LIMIT_S, "the new version to be found good", 1)
    assert slots["B"]["runs"] and slots["B"]["next"] and slots["A"]["good"]
    assert len(console.verb("objects")["rows"]) == 1
    running.reset()
    running.await_ready(LIMIT_S)
    assert versions(console)[0]["B"]["runs"]


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("without-a-box", "systemd.mask=edge.service"),  # it comes up, and the box in it does not
        ("without-an-init", "init=/nowhere"),  # the kernel panics
    ],
)
def test_a_version_that_does_not_work_is_gone_back_from_within_three_minutes(shelf, guest, name, arguments):
    running, console = guest
    store(running)
    assert console.verb("update", url=shelf[2].url(made(shelf, name, arguments)))["done"]["slot"] == "B"
    running.await_console("booting slot B", LIMIT_S)
    began, shown = time.monotonic(), len(running.console())
    running.await_console("booting slot A", LIMIT_S, after=shown)
    running.await_ready(LIMIT_S)
    took_s = time.monotonic() - began
    print(f"{name}: back after {took_s:.0f} s (target {ROLLBACK_S})")
    assert took_s <= ROLLBACK_S

    def told():
        return versions(console)[1]["last"]["result"] == "went back"

    process.wait_until(told, LIMIT_S, "the box to say that it went back", 1)
    slots, _ = versions(console)
    assert slots["A"]["runs"] and slots["A"]["next"] and not slots["B"]["good"]
    assert len(console.verb("objects")["rows"]) == 1


def test_what_is_for_another_board_older_or_tampered_with_is_refused_in_words(shelf, guest):
    running, console = guest
    _, _, served = shelf
    for path, words in (
        (made(shelf, "other", board="rpi-4"), "for the board rpi-4, and this box is qemu-amd64"),
        (made(shelf, "older", version="0.0.1"), "older than"),
    ):
        assert words in console.verb("update", url=served.url(path))["failed"]
    tampered = made(shelf, "tampered")
    octets = bytearray(tampered.read_bytes())
    octets[len(octets) // 3] ^= 1
    tampered.write_bytes(octets)
    assert "cannot be read to its end" in console.verb("update", url=served.url(tampered))["failed"]
    assert versions(console)[0]["A"]["next"]
