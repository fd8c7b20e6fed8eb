"""Run DCMTK's programs as senders and receivers. They are called by full path: pynetdicom has namesakes."""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support import process

STORESCU = "/usr/bin/storescu"
STORESCP = "/usr/bin/storescp"
DCMSEND = "/usr/bin/dcmsend"
ECHOSCU = "/usr/bin/echoscu"
MAX_PDU_BYTES = 131072


def environment(nagle):
    """The environment for a DCMTK program: as shipped it leaves Nagle's algorithm on."""
    env = {name: value for name, value in os.environ.items() if name != "TCP_NODELAY"}
    if not nagle:
        env["TCP_NODELAY"] = "1"
    return env


class Storescp:
    """DCMTK's storescp while the `with` block lasts: into `folder`, or discarding everything."""

    def __init__(
        self, folder=None, bit_preserving=True, nagle=False, fork=False, port=None, options=(), accept_all=True
    ):
        self.port = port or process.free_port()
        self._scratch = None
        syntaxes = ["--accept-all"] if accept_all else []
        command = [STORESCP, *syntaxes, "--promiscuous", "-pdu", str(MAX_PDU_BYTES), *options]
        if folder is None:
            command.append("--ignore")
        else:
            Path(folder).mkdir(parents=True, exist_ok=True)
            command += ["-od", str(folder)]
            if bit_preserving:
                command.append("+B")
        if fork:
            command.append("--fork")
        self._command = command + [str(self.port)]
        self._env = environment(nagle)

    def __enter__(self):
        # storescp keeps everything in its working folder that it has no other place for
        self._scratch = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            self._command, env=self._env, cwd=self._scratch.name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.pid = self._process.pid
        process.wait_until(lambda: process.is_listening(self.port), 10, "storescp to listen")
        return self

    def __exit__(self, *exception):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._scratch.cleanup()


def start_sender(tool, port, paths, nagle=False, called="EDGE", options=()):
    """Start storescu or dcmsend with `paths` (files, or folders to scan) and return the process."""
    command = [tool, "-aec", called, *map(str, options)]
    command += ["+sd"] if any(Path(path).is_dir() for path in paths) else []
    command += ["127.0.0.1", str(port), *map(str, paths)]
    return subprocess.Popen(command, env=environment(nagle), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(sender, limit_s=600):
    """Wait for a sender to end well and return what it said; RuntimeError when it ended badly."""
    said, _ = sender.communicate(timeout=limit_s)
    said = said.decode(errors="replace")
    if sender.returncode != 0:
        raise RuntimeError(f"{sender.args[0]} ended with {sender.returncode}: {said[-500:]}")
    return said


def send(tool, port, paths, nagle=False, called="EDGE", options=()):
    """Send `paths` and return the wall-clock seconds from the start of the sender to its end."""
    begun = time.perf_counter()
    finish(start_sender(tool, port, paths, nagle, called, options))
    return time.perf_counter() - begun
