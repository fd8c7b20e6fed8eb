"""The foreign tus peers: tus-js-client, and @tus/server with its file store."""

import hashlib
import json
import subprocess
from pathlib import Path

from tests.support import process

_HERE = Path(__file__).resolve().parent


def upload(endpoint, path, tls=None, chunk=1 << 20, **metadata):
    """Have tus-js-client upload the file at `path`; what it says. RuntimeError with its words when it fails.

    tls: the (Issued, Authority) of the certificate to show; more: metadata beside the sha256.
    """
    return finished(begun(endpoint, path, tls, chunk, **metadata))


def begun(endpoint, path, tls=None, chunk=1 << 20, **metadata):
    """A process of tus-js-client that uploads."""
    octets = Path(path).read_bytes()
    asked = {
        "endpoint": endpoint,
        "path": str(path),
        "chunk": chunk,
        "metadata": {"sha256": hashlib.sha256(octets).hexdigest(), **metadata},
    }
    if tls is not None:
        issued, authority = tls
        asked["tls"] = {"key": str(issued.key), "cert": str(issued.certificate), "ca": str(authority.certificate)}
    return subprocess.Popen(
        ["node", _HERE / "upload.mjs", json.dumps(asked)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(running, limit_s=60):
    """What a process of tus-js-client says at its end."""
    try:
        said, complaint = running.communicate(timeout=limit_s)
    finally:
        if running.poll() is None:
            running.kill()
            running.wait()
    if running.returncode:
        raise RuntimeError(f"tus-js-client failed: {said}{complaint}")
    return json.loads(said)


class Server:
    """@tus/server while the `with` block lasts, keeping uploads in `folder`, at /files on `port`."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port = process.free_port()
        self.path = "/files"
        self._process = None

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            ["node", _HERE / "serve.mjs", str(self.folder), str(self.port)], stdout=subprocess.PIPE, text=True
        )
        process.wait_until(lambda: process.is_listening(self.port), 20, "@tus/server to listen")
        return self

    def __exit__(self, *exception):
        process.end(self._process)
        self._process.stdout.close()

    def uploads(self):
        """The octets of each upload that is complete, with its metadata: a list of (octets, metadata)."""
        found = []
        for notes in sorted(self.folder.glob("*.json")):
            told = json.loads(notes.read_text(encoding="utf-8"))
            octets = notes.with_suffix("").read_bytes()
            if len(octets) == told["size"]:
                found.append((octets, told["metadata"]))
        return found
