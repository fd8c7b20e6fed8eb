"""The support bundle: a zip of what somebody far away needs to see of a box, without patients and without secrets.

What goes in is chosen, not filtered: the effective configuration made anew from its values, counts, states, causes, and
lines of logs that have no patient in them by the rules of the house. UIDs could still lead to a person, so every one
that is not of the standard is replaced by a keyed hash: the same UID has the same hash in every bundle of one box, and
nobody without its key can tell which it was. AE titles and addresses stay: without them nothing could be found out.
"""

import io
import json
import os
import sys
import time
import zipfile

from edge import VERSION
from edge.box import config
from edge.watch.notice import without_uids

_FOLDER, _KEY = "watch", "bundle.key"
_LIBRARIES = ("cffi", "microdot", "tomlkit", "pyserial", "edge")
_DMESG_BYTES = 64 << 10
# Keys whose values may be taken from patients: conditions of rules, and what a change writes
_LEFT_OUT = {"where", "value", "pattern"}
_TABLES = {
    "destination": "destinations", "route": "routes", "change": "changes", "deidentify": "identities",
    "modality": "modalities", "alert": "alerts",
}  # fmt: skip

ABOUT = """\
The support bundle of an edge box, version %s, written %s.

It has no name, number, date or description of a patient or study, and no UID of an object: each is replaced by a hash
that only this box could make, "uid-" and 12 digits, the same one for the same UID. It has no password, token or key:
of files that hold them only the paths are shown. AE titles, host names and addresses of devices are in it.
"""


class Bundle:
    """A zip that is written as it comes, to a file that need not seek. state_dir: of the box, for its key."""

    def __init__(self, file, state_dir):
        self._key = _own_key(state_dir)
        self._hashes = {}
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self.add("README.txt", [ABOUT % (VERSION, time.strftime("%Y-%m-%d %H:%M:%S %z"))])

    def add(self, name, lines):
        """Write a file of text lines, which end themselves."""
        entry = zipfile.ZipInfo(name, time.localtime()[:6])
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o600 << 16
        with self._zip.open(entry, "w") as file, io.TextIOWrapper(file, "utf-8", "backslashreplace") as text:
            for line in lines:
                text.write(without_uids(line, self.hash))

    def add_json(self, name, value):
        """Write a file of JSON."""
        self.add(name, [json.dumps(value, indent=1, ensure_ascii=False, default=str), "\n"])

    def add_rows(self, name, rows):
        """Write a file of rows, one a line; return what the generator `rows` returned."""
        answer = []

        def lines():
            answer.append((yield from _each(rows)))

        self.add(name, lines())
        return answer[0]

    def hash(self, uid):
        """Return what stands for a UID."""
        import hmac  # only a bundle needs it

        found = self._hashes.get(uid)
        if found is None:
            found = self._hashes[uid] = "uid-" + hmac.new(self._key, uid.encode(), "sha256").hexdigest()[:12]
        return found

    def close(self):
        """Write the end of the zip; the file stays open."""
        self._zip.close()

    def abandon(self):
        """Leave the zip as it is; nothing is written to the file any more, also when this goes."""
        self._zip.fp = None


def _each(rows):
    while True:
        try:
            row = next(rows)
        except StopIteration as end:
            return end.value
        yield json.dumps(row, ensure_ascii=False, default=str) + "\n"


def _own_key(state_dir):
    """Return the key of this box's hashes, made at first."""
    path = os.path.join(state_dir, _FOLDER, _KEY)
    try:
        with open(path, "rb") as file:
            found = file.read()
        if len(found) == 32:
            return found
    except FileNotFoundError:
        pass
    found = os.urandom(32)
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(found)
    except OSError:
        pass  # the disk is read-only: the hashes of this bundle are its own
    return found


def settings_lines(settings):
    """Yield a config.Config as lines of TOML: what is not at its default, and of secrets the paths of their files."""
    for section in config.SECTIONS:
        if section.repeated:
            tables = getattr(settings, _TABLES.get(section.name, section.name + "s"), ())
        else:
            tables = (getattr(settings, section.name, None),)
        for table in tables:
            if table is None:
                continue
            yield ("[[%s]]\n" if section.repeated else "[%s]\n") % section.name
            for key in section.keys:
                value = getattr(table, key.field)
                if value is None or value == key.default:
                    continue
                yield "%s = %s\n" % (key.name, _shown(key, value))
            yield "\n"


def _shown(key, value):
    if key.name in _LEFT_OUT:
        return '"(left out)"'
    if isinstance(value, tuple) and not hasattr(value, "words"):
        return "[%s]" % ", ".join([_text(each) for each in value])
    try:
        return key.kind.show(value)
    except (AttributeError, TypeError, ValueError):
        return _text(value)


def _text(value):
    words = getattr(value, "words", None)
    return json.dumps(words if words is not None else value, ensure_ascii=False, default=str)


def machine():
    """Return what the box runs on, and with: a dict."""
    import sqlite3

    tls = sys.modules.get("ssl")  # which is large, and left alone where nothing else uses it
    names = os.uname()
    found = {
        "version": VERSION, "python": sys.version, "system": "%s %s %s" % (names.sysname, names.release, names.machine),
        "host": names.nodename, "openssl": tls and tls.OPENSSL_VERSION,
        "sqlite": sqlite3.sqlite_version, "processors": os.cpu_count(), "load": os.getloadavg(),
        "libraries": _libraries(),
    }  # fmt: skip
    for name, path in (("model", "/proc/device-tree/model"), ("memory", "/proc/meminfo"), ("uptime", "/proc/uptime")):
        found[name] = _read(path, 4096)
    found["process"] = _read("/proc/self/status", 4096)
    return found


def _libraries():
    """Return {name: version} of what is installed beside the standard library, by the names of its folders."""
    found = {}
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for each in names:
            name, _, version = each.removesuffix(".dist-info").partition("-")
            if each.endswith(".dist-info") and name.lower() in _LIBRARIES:
                found[name] = version
    return found


def disks(paths):
    """Return how full the file systems of `paths` are: a list of dicts."""
    found = []
    for path in paths:
        try:
            room = os.statvfs(path)
        except OSError as error:
            found.append({"path": path, "error": error.strerror.lower()})
            continue
        found.append(
            {
                "path": path, "bytes": room.f_frsize * room.f_blocks, "free_bytes": room.f_frsize * room.f_bavail,
                "files": room.f_files, "free_files": room.f_favail, "read_only": bool(room.f_flag & os.ST_RDONLY),
            }
        )  # fmt: skip
    return found


def dmesg():
    """Yield the last lines of the kernel's log; why not, where it cannot be read."""
    try:
        fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        yield "the kernel's log cannot be read: %s\n" % error.strerror.lower()
        return
    lines, octets = [], 0
    try:
        while True:
            try:
                record = os.read(fd, 8192)
            except BlockingIOError:
                break
            except BrokenPipeError:
                continue  # it was overwritten meanwhile
            head, _, words = record.decode("utf-8", "replace").partition(";")
            fields = head.split(",")
            lines.append("%s %s\n" % (fields[2] if len(fields) > 2 else "", words.split("\n")[0]))
            octets += len(lines[-1])
            while octets > _DMESG_BYTES:
                octets -= len(lines.pop(0))
    except OSError as error:
        yield "the kernel's log cannot be read: %s\n" % (error.strerror or "").lower()
    finally:
        os.close(fd)
    yield from lines


def _read(path, limit):
    try:
        with open(path, "rb") as file:
            return file.read(limit).decode("utf-8", "replace").strip("\0\n")
    except OSError:
        return None
