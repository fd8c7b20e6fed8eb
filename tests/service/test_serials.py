"""The serial line of the running box, driven by pyserial over a cable, and a terminal with `edge console --tty`."""

import io
import json
import os
import pty
import random
import re
import signal
import subprocess
import termios
import time
import zipfile

import pytest
import serial
from pydicom.data import get_testdata_file

from edge.settings import backup
from tests.support import dcmtk, process
from tests.support.cable import Cable
from tests.support.farend import Terminal
from tests.support.service import EDGE, Service, destination, route

LIMIT_S = 60  # a block that was lost costs lrzsz ten seconds, and the box as many
NAME, PASSWORD = "anna", "correct horse"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serial")
    cable = Cable(folder)
    cable.plug()
    archive = destination("archive", process.free_port(), retry_first_s=600)
    with Service(folder, [archive], [route("archive")], serial={"port": cable.near}) as box:
        far = Terminal(cable.far)
        far.until("claim it here\n> $")
        far.type("claim", "Your name: ")
        far.type(NAME, "Password: ")
        far.type(PASSWORD, "The same again: ")
        far.type(PASSWORD, "Choose: ")
        far.type("0", "login: $")
        yield box, cable, far
        cable.pull()


def test_the_line_counts_as_the_command_line_does(running):
    box, _, far = running
    store(box, "CT_small.dcm")

    def at_rest():
        (archive,) = box.status()["destinations"]
        return archive["jobs"] if archive["failures"] and not archive["jobs"]["sending"] else None

    counts = process.wait_until(at_rest, LIMIT_S, "the first try to fail")
    far.log_in(NAME, PASSWORD)
    page = far.type("2", "Choose a number: ")
    row = [line.split() for line in page.split("\n") if line.startswith("archive")][0]
    names = ("waiting", "sending", "held", "delivered")
    assert [int(each) for each in row[2:6]] == [counts[name] for name in names]
    assert counts["waiting"] >= 1
    far.line.write(b"\x03")
    far.until("Choose: ")
    far.type("0", "login: $")


def store(box, name):
    """Send one of pydicom's files to the box."""
    dcmtk.send("storescu", box.port, [get_testdata_file(name)])


def test_a_configuration_comes_by_ymodem_from_lrzsz_and_is_confirmed(running, tmp_path):
    box, cable, far = running
    text = box.config_path.read_text()
    (tmp_path / "edge.toml").write_text(text.replace("[dicom]", "# sent over the line\n[dicom]\nmax_associations = 7"))
    far.log_in(NAME, PASSWORD)
    far.type("8", "Choose a number: ")
    far.type("1", "Choose a number: ")
    far.type("1", "breaks off")
    with open(cable.far, "r+b", buffering=0) as line:
        sent = subprocess.run(["sb", str(tmp_path / "edge.toml")], stdin=line, stdout=line, timeout=LIMIT_S,
                              stderr=subprocess.DEVNULL)  # fmt: skip
    assert sent.returncode == 0
    assert "+max_associations = 7" in far.until("go on\n> $")
    far.type("", "Type yes to do it: ")
    far.type("yes", "1  Keep it(.|\n)*Choose a number: ")
    far.type("1", r"It stays(.|\n)*Choose: ")
    assert "# sent over the line" in box.config_path.read_text()
    assert os.listdir(box.state_dir / "imported") == []
    far.type("0", "login: $")


@pytest.mark.parametrize("chosen, name", [("1", "edge-support.zip"), ("2", "edge-backup")])
def test_the_support_bundle_and_a_backup_go_out_by_ymodem_to_lrzsz(running, tmp_path, chosen, name):
    box, cable, far = running
    far.log_in(NAME, PASSWORD)
    far.type("9", "Choose a number: ")
    if chosen == "2":
        far.type("2", "Passphrase for the backup: ")
        far.type("a long walk home", "The same again: ")
        far.type("a long walk home", "twice breaks off")
    else:
        far.type("1", "twice breaks off")
    with open(cable.far, "r+b", buffering=0) as line:
        received = subprocess.run(["rb"], stdin=line, stdout=line, cwd=tmp_path, timeout=LIMIT_S,
                                  stderr=subprocess.DEVNULL)  # fmt: skip
    assert received.returncode == 0 and os.listdir(tmp_path) == [name]
    far.until(f"Sent: {name}(.|\n)*Choose: ")
    far.type("0", "login: $")
    octets = (tmp_path / name).read_bytes()
    if chosen == "1":
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            assert archive.testzip() is None and "configuration.toml" in archive.namelist()
    else:
        setup = backup.opened(octets, "a long walk home")
        assert setup.text == box.config_path.read_text() and setup.users is not None


def test_a_cable_that_is_pulled_logs_out_and_may_come_back(running):
    _, cable, far = running
    far.log_in(NAME, PASSWORD)
    far.type("1", "q: back\n> ")
    far.line.close()
    cable.pull()
    cable.plug()
    far.line = serial.Serial(cable.far, 115200, timeout=0.05)
    far.seen = ""
    far.until("login: $")


def test_a_flood_and_a_deaf_terminal_do_not_keep_the_box_from_receiving(running):
    box, cable, far = running
    before = len(box.objects())
    flood = os.open(cable.far, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    used = cpu_s(box.pid)
    began = time.monotonic()
    noise = random.Random(20).randbytes(4096)
    sent, stored = 0, False
    try:
        while time.monotonic() - began < 2:
            try:
                sent += os.write(flood, noise)
            except BlockingIOError:
                time.sleep(0.001)
            if not stored:
                store(box, "MR_small.dcm")
                stored = True
    finally:
        os.close(flood)
    took_s = time.monotonic() - began
    assert sent < (took_s + 2) * (40 << 10), "it reads faster than anybody types"
    assert cpu_s(box.pid) - used < took_s * 0.5
    assert len(box.objects()) == before + 1 and box.process.poll() is None
    far.line.reset_input_buffer()
    far.seen = ""
    far.insist(b"\r\x03\r", "login: $")


def cpu_s(pid):
    """Return the CPU time that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Window:
    """A terminal window with `edge console --tty` in it."""

    def __init__(self, box):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [EDGE, "console", "--tty", "--config", str(box.config_path)],
            stdin=self.slave, stdout=self.slave, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        os.set_blocking(self.master, False)
        self.seen = ""

    def type(self, text, wanted):
        os.write(self.master, text.encode())

        def has_come():
            try:
                self.seen += os.read(self.master, 4096).decode()
            except BlockingIOError:
                pass
            return re.search(wanted, self.seen)

        process.wait_until(has_come, LIMIT_S, f"{wanted} on the terminal")
        seen, self.seen = self.seen, ""
        return seen

    def ends(self):
        """Return the exit code once it has ended, and whether the terminal is as it was."""
        code = self.process.wait(LIMIT_S)
        self.process.stderr.close()
        is_restored = termios.tcgetattr(self.slave) == self.before
        os.close(self.master)
        os.close(self.slave)
        return code, is_restored


def test_the_same_menus_show_on_a_terminal_which_is_put_back(running):
    box, _, _ = running
    window = Window(box)
    assert "  0  Leave" in window.type("", "Choose: ")
    assert "State of the box" in window.type("1\r", "look again")
    window.type("q\r", "Choose: ")
    window.type("0\r", "Logged out")
    assert window.ends() == (0, True)


@pytest.mark.parametrize("how", ["a key", signal.SIGTERM, signal.SIGHUP])
def test_however_it_is_left_the_terminal_is_put_back(running, how):
    box, _, _ = running
    window = Window(box)
    window.type("", "Choose: ")
    if how == "a key":
        os.write(window.master, b"\x1d")
    else:
        window.process.send_signal(how)
    assert window.ends() == (0 if how == "a key" else 128 + how, True)


def test_without_a_terminal_it_says_so(running):
    box, _, _ = running
    done = box.edge("console", "--tty", check=False)
    assert done.returncode == 1 and "needs a terminal" in done.stderr
    assert json.loads(box.edge("status", "--json", check=False).stdout)["running"]
