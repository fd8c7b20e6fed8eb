"""The web console of a running service, asked by curl: what is refused is refused to a foreign client, not to our own.

with Console(tmp_path) as console:
    console.claim()
    assert console.get("/queue").status == 200
"""

import json
import re
import subprocess
from collections import namedtuple

from tests.support import process
from tests.support.service import Service

NAME, PASSWORD = "anna", "seven bridges"

# status: int; fields: {name in small letters: [values]}; body: bytes
Answer = namedtuple("Answer", "status fields body")


class Answered(Answer):
    """What curl was answered."""

    @property
    def text(self):
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        """The body as JSON."""
        return json.loads(self.body)

    def field(self, name):
        """The one value of a header field, or None."""
        return self.fields.get(name, [None])[0]


class Console:
    """A service with a console, while the `with` block lasts; `box` is the Service."""

    def __init__(self, folder, settings=None, **more):
        self.port = process.free_port()
        table = {"bind": "127.0.0.1", "port": self.port, **(settings or {})}
        self.box = Service(folder, console=table, **more)
        self.scheme = "http" if table.get("tls") is False else "https"
        self.origin = f"{self.scheme}://127.0.0.1:{self.port}"
        self.jar = folder / "cookies.txt"

    def __enter__(self):
        self.box.start()
        self.await_listening()
        return self

    def __exit__(self, *exception):
        self.box.kill()

    def await_listening(self):
        """Wait until the console can be reached."""
        process.wait_until(lambda: process.is_listening(self.port), 20, "the console to listen")

    @property
    def code(self):
        """The code that claims the box."""
        return (self.box.state_dir / "console" / "claim").read_text(encoding="ascii")

    def curl(self, path, *options, jar=True, origin=True, limit_s=20):
        """Ask for a path; return the Answered."""
        command = ["curl", "--silent", "--insecure", "--include", "--http1.1", "--max-time", str(limit_s), *options]
        if jar:
            command += ["--cookie", str(self.jar), "--cookie-jar", str(self.jar)]
        if origin:
            command += ["--header", f"Origin: {self.origin}"]
        done = subprocess.run([*command, self.origin + path], capture_output=True, timeout=limit_s + 10)
        if not done.stdout:
            raise ConnectionError(f"curl ended with {done.returncode} and no answer")
        return _read(done.stdout)

    def get(self, path, *options, **more):
        """GET a path."""
        return self.curl(path, *options, **more)

    def post(self, path, form, *options, csrf=None, **more):
        """POST a form with the token that the page at `csrf` has for it (default: that of `path`)."""
        token = self.csrf(csrf or path, **{"jar": more.get("jar", True)})
        for key, value in {"csrf": token, **form}.items():
            options += ("--data-urlencode", f"{key}={value}")
        return self.curl(path, *options, **more)

    def csrf(self, path, jar=True):
        """The token in the forms of a page."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(path, jar=jar).text)
        return found.group(1) if found else ""

    def claim(self, name=NAME, password=PASSWORD, code=None):
        """Claim the box, and stay logged in."""
        form = {"code": code or self.code, "name": name, "password": password, "again": password}
        return self.post("/claim", form)

    def login(self, name=NAME, password=PASSWORD):
        """Log in."""
        return self.post("/login", {"name": name, "password": password})

    def ask(self, verb, token=None, **arguments):
        """POST to the API, with a token; return the Answered."""
        options = ["--header", "Content-Type: application/json", "--data-binary", json.dumps(arguments)]
        if token is not None:
            return self.curl(
                f"/api/v1/{verb}", *options, "--header", f"Authorization: Bearer {token}", jar=False, origin=False
            )
        return self.curl(f"/api/v1/{verb}", *options, "--header", f"X-CSRF-Token: {self.csrf('/people')}")


def _read(octets):
    while octets.startswith(b"HTTP/1.1 100"):
        octets = octets.partition(b"\r\n\r\n")[2]
    head, _, body = octets.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), []).append(value.strip())
    return Answered(int(lines[0].split()[1]), fields, body)
