"""A tap as it is put on a board, run by MicroPython's Unix port in a heap of 200 KB, with a legacy device at its line.

with Tap(folder, program, settings) as tap:
    tap.device.write(...); tap.device.read_until(b"\x06")
    tap.cut_power(); tap.start()

`program` is what boards/build-tap made: nothing else of the project is on its path but the chip's stand-ins.
"""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
import time
import tty
from pathlib import Path

from tests.support import process

PROJECT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
CHIP = ("machine", "network", "ntptime")
HEAP = "240k"  # of words with 64 bits: on a board with 32 bits the same takes half
LIMIT_S = 20


def build(board, folder):
    """Make what goes onto a board, and the stand-ins beside it; return the folder and what was printed."""
    done = subprocess.run(
        [sys.executable, PROJECT / "boards" / "build-tap", board, folder], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for name in CHIP:
        source = Path(__file__).parent / "chip" / f"{name}.py"
        compile_one(source, Path(folder) / f"{name}.mpy")
    compile_one(PROJECT / "boards" / board / "main.py", Path(folder) / "main.mpy")
    return Path(folder), done.stdout


def compile_one(source, target):
    subprocess.run([BIN / "mpy-cross", "-O3", "-o", target, source], check=True, timeout=60)


class Device:
    """The legacy device: the far end of the serial line."""

    def __init__(self):
        self.fd, self._near = pty.openpty()
        tty.setraw(self.fd)
        tty.setraw(self._near)
        attributes = termios.tcgetattr(self._near)
        attributes[6][termios.VMIN] = attributes[6][termios.VTIME] = 0
        termios.tcsetattr(self._near, termios.TCSANOW, attributes)
        self.path = os.ttyname(self._near)
        self.heard = b""

    def write(self, octets):
        """Send all of `octets`."""
        view = memoryview(octets)
        while view:
            select.select([], [self.fd], [], LIMIT_S)
            view = view[os.write(self.fd, view[:2048]) :]

    def listen(self):
        """Take in what came; return all that was ever heard."""
        while select.select([self.fd], [], [], 0)[0]:
            self.heard += os.read(self.fd, 4096)
        return self.heard

    def answer(self, octets, limit_s=LIMIT_S):
        """Send a record; return the one octet that the tap answers with."""
        before = len(self.listen())
        self.write(octets)
        process.wait_until(lambda: len(self.listen()) > before, limit_s, "the tap to answer its device")
        return self.heard[before : before + 1]

    def close(self):
        os.close(self.fd)
        os.close(self._near)


class Tap:
    """The board: its settings, its flash (a file), its line; running or without power."""

    def __init__(self, folder, program, settings, blocks=64):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "settings.toml").write_text(settings, encoding="utf-8")
        self.flash = self.folder / "flash"
        self.wifi = self.folder / "wifi"
        self.wifi.touch()
        self.lamp = self.folder / "lamp"
        self.device = Device()
        self.said = []
        self._program = program
        self._blocks = blocks
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.cut_power()
        self.device.close()

    def start(self, is_ready=True):
        """Switch it on, and wait until it is ready."""
        self.said = []
        self._process = subprocess.Popen(
            [BIN / "micropython", "-X", f"heapsize={HEAP}", "-m", "main"],
            cwd=self.folder,
            env={
                **os.environ,
                "MICROPYPATH": f"{self._program}:.frozen",
                "TAP_LINE": self.device.path,
                "TAP_FLASH": str(self.flash),
                "TAP_BLOCKS": str(self._blocks),
                "TAP_LAMP": str(self.lamp),
                "TAP_WIFI": str(self.wifi),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        if is_ready:
            self.await_words("ready")

    def _read(self, stream):
        for line in stream:
            self.said.append(line.rstrip())

    def await_words(self, words, count=1, limit_s=LIMIT_S):
        """Wait until it has printed `count` lines with these words; return them."""
        try:
            process.wait_until(
                lambda: sum(words in each for each in self.said) >= count or self._process.poll() is not None,
                limit_s, words,
            )  # fmt: skip
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it said {self.said}") from error
        found = [each for each in self.said if words in each]
        assert len(found) >= count, self.said
        return found

    def cut_power(self):
        """End it between two instructions."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def is_running(self):
        return self._process.poll() is None

    def blinks(self, seconds):
        """Count how often the LED goes on in a while."""
        changes, last, until = 0, None, time.monotonic() + seconds
        while time.monotonic() < until:
            lit = self.lamp.read_text(encoding="ascii") if self.lamp.exists() else None
            changes += lit == "1" and last == "0"
            last = lit or last
            time.sleep(0.01)
        return changes


def settings(port, record="", object_="", more="", box=""):
    """The text of settings.toml, for a device that frames with STX and ETX and an XOR behind it."""
    record = record or (
        'kind = "delimiter"\nbegin = "STX"\nend = "ETX"\ncheck = "xor"\ncheck_place = "after end"\ncheck_end = true\n'
    )
    return f"""
[record]
{record}
kept = "ACK"
refused = "NAK"
[object]
{object_ or 'kind = "raw"'}
separator = "'|'"
[attributes]
PatientName = "{{1}}"
PatientID = "{{2}}"
Modality = "AR"
[box]
host = "127.0.0.1"
port = {port}
retry_s = 1
retry_most_s = 2
{box}
[wifi]
ssid = "modality"
[clock]
host = "ntp"
[flash]
folder = "/flash/kept"
reserve_octets = 16384
{more}
"""


def framed(record):
    """A record as that device sends it."""
    check = 3
    for octet in record:
        check ^= octet
    return b"\x02" + record + b"\x03" + bytes((check,))


def decoy(record):
    """The same with a wrong checksum."""
    octets = framed(record)
    return octets[:-1] + bytes((octets[-1] ^ 1,))
