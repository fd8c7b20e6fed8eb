"""The box of the demonstration: the real service in a process of its own, asked over its control socket how it does."""

import json
import os
import socket
import subprocess
import sys

_CONFIG = """\
[box]
ae_title = "EDGE"
state_dir = "state"
log_level = "info"

[dicom]
bind = "127.0.0.1"
port = 0
accept_calling = [%(callers)s]

[console]
on = false

[[destination]]
name = "archive"
ae_title = "ARCHIVE"
host = "127.0.0.1"
port = %(archive)d
retry_first_s = 0.5
retry_cap_s = 2

[[destination]]
name = "workstation"
ae_title = "WORKSTATION"
host = "127.0.0.1"
port = %(workstation)d
retry_first_s = 0.5
retry_cap_s = 2

[[route]]
to = ["archive", "workstation"]
"""

_STOP_S = 15



class Trouble(Exception):
    """The box did not start, or does not answer."""


class Box:
    """`edge serve` on ports of its own, with its state and log in `folder`; `port` is where it takes objects."""

    def __init__(self, folder, archive, workstation, callers):
        self._folder = folder
        self.log_path = os.path.join(folder, "log")
        config = os.path.join(folder, "edge.toml")
        with open(config, "w", encoding="ascii") as file:
            named = ", ".join(['"%s"' % caller for caller in callers])
            file.write(_CONFIG % {"archive": archive, "workstation": workstation, "callers": named})
        with open(self.log_path, "wb") as log:
            command = [sys.executable, "-m", "edge.service", "serve", "--config", config]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        self.port = self._await_ready()

    def _await_ready(self):
        for line in self._process.stdout:
            words = line.decode("utf-8", "replace").split()
            if words[:1] == ["ready:"]:
                return int(words[words.index("port") + 1])
        self.stop()
        raise Trouble("the box did not start: %s" % self.last_words())

    def status(self):
        """Return what `edge status` knows, as a dict; Trouble when the box does not answer."""
        with socket.socket(socket.AF_UNIX) as connected:
            connected.settimeout(10)
            try:
                self._connect(connected)
                connected.sendall(b'{"verb":"status"}\n')
                with connected.makefile("rb") as answer:
                    for line in answer:
                        found = json.loads(line)
                        if "done" in found:
                            return found["done"]
            except OSError as error:
                raise Trouble("the box does not answer (%s): %s" % (error, self.last_words())) from error
        raise Trouble("the box does not answer: %s" % self.last_words())

    def _connect(self, connected):
        """Connect to the control socket by way of its folder: a whole path may be too long for a socket's address."""
        folder = os.open(os.path.join(self._folder, "state"), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            connected.connect("/proc/self/fd/%d/control.sock" % folder)
        finally:
            os.close(folder)

    def last_words(self):
        """Return the last line of the box's log."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            lines = log.read().splitlines()
        return lines[-1] if lines else "it said nothing"

    def stop(self):
        """Tell the box to stop and wait until it has; kill it when it does not. Return its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.stdout.close()
        return self._process.wait()
