"""A foreign archive to be killed: pynetdicom in a process of its own, which remembers what arrived when it is dead.

    python -m tests.link.receiver ADDRESS PORT LOG

Each object that arrived whole is a line of LOG, written in one piece before it is answered: its SOP Instance UID and
the SHA-256 of its data set. "ready" on standard output when it listens.
"""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from pynetdicom import AE, evt

from tests.support import process
from tests.support.archive import CT, UNCOMPRESSED, VERIFICATION

PROJECT = Path(__file__).resolve().parents[2]


class Receiver:
    """The program above; `start` and `kill` it as often as a test likes. `arrived` outlives it."""

    def __init__(self, folder, address="127.0.0.1", port=None):
        self.address, self.port = address, port or process.free_port()
        self._log = Path(folder) / "arrived.txt"
        self._process = None
        self.pid = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.kill()

    def start(self):
        """Start it; returns when it listens."""
        command = [sys.executable, "-m", "tests.link.receiver", self.address, str(self.port), self._log]
        self._process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.pid = self._process.pid
        if self._process.stdout.readline() != b"ready\n":
            raise RuntimeError("the receiver died before it listened")

    @property
    def is_dead(self):
        """Whether it ended, as one that is killed does."""
        return self._process.poll() is not None

    def kill(self):
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def arrived(self):
        """Return (SOP Instance UID, SHA-256 of the data set) of everything that ever arrived, in order."""
        if not self._log.exists():
            return []
        return [tuple(line.split()) for line in self._log.read_text(encoding="ascii").splitlines()]


def main():
    """Receive until killed."""
    address, port, path = sys.argv[1:]
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def stored(event):
        digest = hashlib.sha256(event.request.DataSet.getvalue()).hexdigest()
        os.write(log, f"{event.request.AffectedSOPInstanceUID} {digest}\n".encode())
        return 0x0000

    peer = AE(ae_title="ARCHIVE")
    peer.maximum_pdu_size = 0
    peer.add_supported_context(VERIFICATION)
    peer.add_supported_context(CT, list(UNCOMPRESSED))
    peer.start_server((address, int(port)), block=False, evt_handlers=[(evt.EVT_C_STORE, stored)])
    print("ready", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
