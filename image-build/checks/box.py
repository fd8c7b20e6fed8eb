"""The box inside a Guest, as those see it who stand before it: its serial line, its pages, what they send to it."""

import random
import re
import subprocess
import threading
from pathlib import Path

import pydicom
import serial
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from checks.guest import HOST
from tests.support import process
from tests.support.console import NAME, PASSWORD, Console
from tests.support.dcmtk import STORESCU

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


class Line:
    """The box's serial line, by pyserial."""

    def __init__(self, guest):
        self._port = serial.Serial(guest.serial_path, 115200, timeout=0.2)
        self.seen = ""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._port.close()

    def type(self, text):
        """Type a line."""
        self._port.write(text.encode("ascii") + b"\r")

    def press(self, key):
        """Press one key."""
        self._port.write(key.encode("ascii"))
        self._port.flush()

    def await_text(self, pattern, limit_s=120, typing=None):
        """Wait until the line has shown what `pattern` (a regular expression) finds; return the match.

        typing: what to type again and again until then, for a line at which nobody may have listened yet.
        """

        def found():
            if typing is not None:
                self.type(typing)
            self.seen += self._port.read(4096).decode("ascii", "replace").replace("\r\n", "\n")
            return re.search(pattern, self.seen)

        try:
            return process.wait_until(found, limit_s, f"{pattern!r} on the serial line", pause_s=0.2)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it showed: {self.seen[-2000:]}") from None


class Site(Console):
    """The console of a guest, asked by curl."""

    def __init__(self, guest):
        self.guest = guest
        self.port = guest.web_port
        self.scheme = "https"
        self.origin = f"https://127.0.0.1:{self.port}"
        self.jar = guest.folder / "cookies.txt"

    @property
    def code(self):
        """The code that claims the box, as its serial line shows it."""
        with Line(self.guest) as line:
            return line.await_text(r"claim code:\s+(\w{5}-\w{5})", typing="")[1]

    def configure(self, text):
        """Make `text` the configuration, without a trial."""
        answer = self.ask("change", text=text, within_s=0)
        if answer.status != 200:
            raise RuntimeError(f"the configuration was not taken: {answer.text}")

    def objects(self):
        """Log in, which a restart asks for, and return the SOP Instance UIDs of all that the box keeps."""
        self.login()
        return {row["sop_instance"] for row in self.ask("objects").json["rows"]}


def claimed(guest):
    """Claim the box by the code on its serial line; return its Site, logged in."""
    site = Site(guest)
    answer = site.claim()
    if answer.status >= 400:
        raise RuntimeError(f"the box was not claimed: {answer.text}")
    return site


def configuration(guest, port):
    """Return a configuration that forwards all to a storescp here."""
    tty = {"amd64": "ttyS0", "arm64": "ttyAMA0"}[guest.arch]
    return (
        f'[box]\nstate_dir = "/var/lib/edge"\n\n[serial]\nport = "/dev/{tty}"\n\n'
        f'[[destination]]\nname = "archive"\nae_title = "ARCHIVE"\nhost = "{HOST}"\nport = {port}\n\n'
        '[[route]]\nto = ["archive"]\n'
    )


def log_in(line):
    """Log in on the serial line; the menu is there then."""
    line.await_text(r"login:", typing="")
    line.type(NAME)
    line.await_text(r"[Pp]assword")
    line.type(PASSWORD)


def make_objects(folder, count, rows=256):
    """Write secondary captures of nobody, of noise; return {SOP Instance UID: path}."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    study, made = f"{generate_uid()[:56]}.1", {}
    for number in range(count):
        one = pydicom.Dataset()
        one.SOPClassUID, one.SOPInstanceUID = _SECONDARY_CAPTURE, generate_uid()
        one.StudyInstanceUID, one.SeriesInstanceUID = study, study + ".1"
        one.PatientName, one.PatientID, one.Modality = "Check^Image", "CHECK", "OT"
        one.InstanceNumber = number + 1
        one.Rows = one.Columns = rows
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated = one.BitsStored = 8
        one.HighBit, one.PixelRepresentation = 7, 0
        one.PixelData = random.SystemRandom().randbytes(rows * rows)
        one.file_meta = pydicom.dataset.FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"{number:04}.dcm"
        pydicom.dcmwrite(path, one, enforce_file_format=True)
        made[str(one.SOPInstanceUID)] = path
    return made


def store(guest, paths):
    """Send files by storescu, which has to succeed with all of them."""
    command = [STORESCU, "-aec", "EDGE", "-to", "30", "-ta", "60", "127.0.0.1", str(guest.dicom_port), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    if done.returncode != 0:
        raise RuntimeError(f"storescu ended with {done.returncode}: {done.stdout}{done.stderr}")


class Load:
    """Objects sent by two storescu at once until the `with` block ends, or the box is gone.

    acknowledged: {SOP Instance UID: octets of the guest's log of writes at that time} of those with success.
    """

    def __init__(self, guest, objects, senders=2):
        self._guest = guest
        self._uid_of = {str(path): uid for uid, path in objects.items()}
        paths = list(self._uid_of)
        self._parts = [paths[number::senders] for number in range(senders)]
        self._senders, self._threads = [], []
        self.acknowledged = {}

    def __enter__(self):
        for paths in self._parts:
            command = [STORESCU, "-v", "-aec", "EDGE", "-to", "20", "-ta", "60", "-td", "60", "127.0.0.1"]
            sender = subprocess.Popen(
                [*command, str(self._guest.dicom_port), *paths],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            thread = threading.Thread(target=self._listen, args=(sender,), daemon=True)
            thread.start()
            self._senders.append(sender)
            self._threads.append(thread)
        return self

    def __exit__(self, *exception):
        self.finish(0)

    def finish(self, limit_s):
        """Wait until all are sent, at most this long; end who is not finished; say whether all were acknowledged."""
        for sender, thread in zip(self._senders, self._threads):
            try:
                sender.wait(limit_s)
            except subprocess.TimeoutExpired:
                sender.kill()
            sender.wait()
            thread.join()
            sender.stderr.close()
        self._senders = []
        return len(self.acknowledged) == len(self._uid_of)

    def _listen(self, sender):
        path = None
        for line in sender.stderr:
            if found := re.search(r"Sending file: (.+)$", line):
                path = found[1].strip()
            elif "Received Store Response (Success)" in line:
                log = self._guest.writes_path
                self.acknowledged[self._uid_of[path]] = log.stat().st_size if log.exists() else 0
