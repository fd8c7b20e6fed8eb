"""The running service, for tests and the bench: `edge serve` in a process of its own, with a configuration made here.

with Service(folder, destinations=[destination("archive", port)], routes=[route("archive")]) as box:
    ... send to box.port, look at box.objects() and box.queue() ...
"""

import json
import os
import signal
import subprocess
import threading
from pathlib import Path

from edge.console import control
from tests.support import process, warm
from tests.support.warm import EDGE

READY_LIMIT_S = 20


def destination(name, port, ae_title="ARCHIVE", host="127.0.0.1", **more):
    """A [[destination]] table."""
    return {"name": name, "kind": "dicom", "ae_title": ae_title, "host": host, "port": port, **more}


def route(*names, **more):
    """A [[route]] table."""
    return {"to": list(names), **more}


def _toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(each) for each in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml_value(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)  # TOML's basic strings and numbers are JSON's


def toml(document):
    """Write a dict of tables and lists of tables as TOML."""
    lines = []
    for name, content in document.items():
        for table in content if isinstance(content, list) else [content]:
            lines.append(f"[[{name}]]" if isinstance(content, list) else f"[{name}]")
            lines += [f"{key} = {_toml_value(value)}" for key, value in table.items()]
            lines.append("")
    return "\n".join(lines)


class Service:
    """`edge serve` while the `with` block lasts; killed at its end if nothing stopped it before.

    folder: where the configuration, the log and, unless `state_dir` says otherwise, the state lie; wrap: a command to
    run the service under, such as strace; cold: by an interpreter of its own, where it matters what the service takes,
    and not only what it does (see warm); more keyword arguments are tables of the configuration.
    """

    def __init__(
        self, folder, destinations=(), routes=(), dicom=(), state_dir=None, wrap=(), env=None, cold=False, **tables
    ):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state_dir = Path(state_dir or self.folder / "state")
        self.port = process.free_port()
        self.config_path = self.folder / "edge.toml"
        self.log_path = self.folder / "log.txt"
        self.document = {
            "box": {"ae_title": "EDGE", "state_dir": str(self.state_dir), **tables.pop("box", {})},
            "dicom": {"bind": "127.0.0.1", "port": self.port, **dict(dicom)},
            "console": {"on": False},
            **tables,
            "destination": list(destinations),
            "route": list(routes),
        }
        self.wrap = list(wrap)
        self.cold = cold
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.pid = None
        self._ready = None
        self._output = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.kill()

    def start(self):
        """Write the configuration, start the service and return when it has said that it is ready."""
        self.launch()
        self.await_ready()

    def launch(self):
        """Write the configuration and start the service without waiting for it."""
        self.write_config()
        self._ready = threading.Event()
        self._output = []
        words = ["serve", "--config", str(self.config_path)]
        files = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "env": self.env}
        with open(self.log_path, "ab") as log:
            if self.wrap or self.cold:
                self.process = subprocess.Popen([*self.wrap, EDGE, *words], stderr=log, **files)
            else:
                self.process = warm.popen(words, stderr=log, **files)
        threading.Thread(target=self._read, args=(self.process, self._ready), daemon=True).start()

    def _read(self, running, ready):
        for line in running.stdout:
            self._output.append(line.decode(errors="replace"))
            if line.startswith(b"ready"):
                self.pid = self._find_pid(running.pid)
                ready.set()
        ready.set()

    def _find_pid(self, pid):
        """The service's own process: strace's child, or the one started; None when it is dead already."""
        if not self.wrap or not Path(self.wrap[0]).name == "strace":
            return pid
        try:
            return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0])
        except (FileNotFoundError, IndexError):
            return None

    def write_config(self):
        """Write the configuration file: for commands that need no running service."""
        self.config_path.write_text(toml(self.document), encoding="utf-8")

    def reload(self, limit_s=20):
        """Write the configuration, have the running service take it in, and say whether it did."""
        self.write_config()
        before = self.log()
        os.kill(self.pid, signal.SIGHUP)
        ends = ("the box goes by another configuration", "the box goes on with the configuration")
        process.wait_until(lambda: any(each in self.log()[len(before) :] for each in ends), limit_s, "the new settings")
        return ends[0] in self.log()[len(before) :]

    def await_ready(self, limit_s=READY_LIMIT_S):
        """Wait for the line that starts with "ready"; RuntimeError with the service's words when it does not come."""
        if not self._ready.wait(limit_s) or self.process.poll() is not None:
            self.kill()
            raise RuntimeError(f"the service did not get ready:\n{self.output()}{self.log()}")

    def output(self):
        """What the service has printed."""
        return "".join(self._output)

    def log(self):
        """What the service has logged."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def stop(self, limit_s=30):
        """Send SIGTERM and return the exit code; TimeoutExpired when it goes on."""
        os.kill(self.pid, signal.SIGTERM)
        code = self.process.wait(limit_s)
        self.process.stdout.close()
        return code

    def kill(self):
        """Send SIGKILL to the service, and to what it runs under."""
        if self.process is None or self.process.returncode is not None:
            return
        if self.pid is None and self.wrap:  # it was not ready yet; what traces it would leave it alone if it went first
            self.pid = self._find_pid(self.process.pid)
        for pid in (self.pid, self.process.pid):
            if pid is not None:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.process.wait()
        self.process.stdout.close()

    def restart(self):
        """Start it again after `stop` or `kill`, on the same state and the same port."""
        self.pid = None
        self.start()

    def edge(self, *arguments, check=True, limit_s=60):
        """Run an `edge` command with this service's configuration and return the CompletedProcess."""
        done = warm.run([arguments[0], "--config", self.config_path, *arguments[1:]], limit_s, self.env)
        if check and done.returncode != 0:
            raise RuntimeError(f"edge {arguments} ended with {done.returncode}: {done.stdout}{done.stderr}{self.log()}")
        return done

    def ask(self, verb, **request):
        """Return (rows, summary) of a verb, as a command asks for it without its start; None when no service runs."""
        try:
            channel = control.connect(str(self.state_dir))
            if channel is None:
                return None
            try:
                answer, rows = control.ask(channel, verb, **request), []
                while True:
                    try:
                        rows.append(next(answer))
                    except StopIteration as end:
                        return rows, end.value
            finally:
                channel.close()
        except control.Failed as failure:
            raise RuntimeError(f"{verb}: {failure}: {self.log()}") from failure

    def objects(self):
        """The rows of `edge objects --json`."""
        answer = self.ask("objects")
        return answer[0] if answer else json.loads(self.edge("objects", "--json").stdout)

    def queue(self):
        """The rows of `edge queue --json`."""
        answer = self.ask("queue", destination=None, state=None)
        return answer[0] if answer else json.loads(self.edge("queue", "--json").stdout)

    def status(self):
        """What `edge status --json` says."""
        answer = self.ask("status")
        if answer:
            return {**answer[1], "associations": answer[0]}
        return json.loads(self.edge("status", "--json", check=False).stdout)

    def stored(self):
        """The paths of the objects on disk, by name."""
        return sorted(self.state_dir.glob("objects/*/*.dcm"))

    def partial(self):
        """What lies in the folder of objects being received."""
        return sorted(self.state_dir.glob("partial/*"))
