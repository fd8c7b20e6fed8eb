"""`edge transcode` and `edge codecs`: files into another transfer syntax, and what there is to do it with."""

import fcntl
import os
import signal
import stat
import sys
import time

from edge.console import sending, text
from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.dicom import syntax
from edge.dicom.errors import DicomError
from edge.pixels import plan, registry, source, transcode
from edge.spool.inflate import inflater

_PARTIAL = ".partial"
_NEAR = "jpeg-ls-near"
_BAR_WIDTH = 28
_BAR_AFTER_S = 1.0  # what is done sooner needs no bar
_BAR_EVERY_S = 0.1


def codecs(asked):
    """Print the registry: every transfer syntax that can be read or written, by what, and why not."""
    rows = []
    states = registry.states()
    for codec in registry.CODECS:
        state = states[codec.name]
        rows.append({
            "name": codec.name, "uid": codec.uid, "syntax": syntax.lookup(codec.uid).name, "decodes": state.decodes,
            "encodes": state.encodes, "lossless": codec.lossless, "bits_allocated": list(codec.allocated),
            "bits_stored": list(codec.stored), "library": state.library, "missing": state.reason,
        })  # fmt: skip
    if "json" in asked.options:
        text.print_json(rows)
        return DONE
    cells = []
    for row in rows:
        does = [word for word, is_there in (("reads", row["decodes"]), ("writes", row["encodes"])) if is_there]
        bits = "%d-%d" % tuple(row["bits_stored"])
        cells.append((row["name"], " ".join(does) or "missing", bits, row["missing"] or row["library"], row["syntax"]))
    text.say(*text.table(("name", "", "bits", "by", "transfer syntax"), cells))
    return DONE


def run(asked):
    """Turn what was named into another transfer syntax; say what came of it."""
    options = asked.options
    name = options.get("to")
    if name is None:
        raise UsageError("transcode needs --to NAME; there are: %s" % ", ".join(registry.encodable()))
    if registry.named(name) is None or not registry.named(name).encodes:
        raise UsageError("--to %s: no such codec to write; there are: %s" % (name, ", ".join(registry.encodable())))
    if "near" in options and name != _NEAR:
        raise UsageError("--near is for --to %s; %s is not made with it" % (_NEAR, name))
    near = _number(options, "near", transcode.NEAR, 1, 255)
    threads = _number(options, "threads", os.cpu_count() or 1, 1, 64)
    given, wanted = asked.arguments
    if os.path.isdir(given):
        if os.path.lexists(wanted) and not os.path.isdir(wanted):
            return text.complain("%s is there already, and no folder" % text.shown(wanted), FAILED)
        below = os.path.join(os.path.realpath(given), "")
        if os.path.join(os.path.realpath(wanted), "").startswith(below):
            words = "%s lies within %s; name another folder" % (text.shown(wanted), text.shown(given))
            return text.complain(words, FAILED)
        pairs = [(path, os.path.join(wanted, os.path.relpath(path, given))) for path in sending.files([given])]
    else:
        if os.path.isdir(wanted):
            wanted = os.path.join(wanted, os.path.basename(given))
        pairs = [(given, wanted)]
    rows = []
    bar = _Bar(len(pairs))
    signal.signal(signal.SIGTERM, _end)
    is_folder = os.path.isdir(asked.arguments[0])
    try:
        for given, wanted in pairs:
            row = _one(given, wanted, name, near, threads, bar, is_folder)
            rows.append(row)
            if row["why"] is not None:
                bar.clear()
                text.complain("%s: not transcoded: %s" % (text.shown(given), row["why"]), FAILED)
            elif "json" not in options:
                for note in row["notes"]:
                    bar.clear()
                    text.say("%s: %s" % (given, note))
    finally:
        bar.clear()
    return _summed_up(rows, "json" in options)


def _end(number, frame):
    """End as on Ctrl-C: what is half written is taken away."""
    raise SystemExit(128 + number)


def _number(options, name, default, least, most):
    words = options.get(name)
    if words is None:
        return default
    if not words.isdecimal() or not least <= int(words) <= most:
        raise UsageError("--%s: expected a whole number from %d to %d, found %s" % (name, least, most, words))
    return int(words)


def _summed_up(rows, as_json):
    done = [row for row in rows if row["why"] is None and not row["copied"]]
    copied = [row for row in rows if row["copied"]]
    before, after = sum([row["before"] for row in done]), sum([row["after"] for row in done])
    failed = len(rows) - len(done) - len(copied)
    if as_json:
        counts = {"done": len(done), "copied": len(copied), "failed": failed}
        text.print_json({"files": rows, **counts, "before": before, "after": after})
    elif not rows:
        print("no files there")
    else:
        words = "%s transcoded, %s became %s" % (text.count(len(done), "file"), text.size(before), text.size(after))
        words += ", %d without pixels copied as they are" % len(copied) if copied else ""
        print(words + (", %d not" % failed if failed else ""))
    return FAILED if failed or not rows else DONE


def _one(given, wanted, name, near, threads, bar, copies):
    """Transcode one file; return what came of it as a row. copies: whether one without pixels is copied as it is."""
    row = {"path": given, "to": wanted, "why": None, "before": 0, "after": 0, "syntax": None, "notes": [],
           "copied": False}  # fmt: skip
    try:
        _write(row, name, near, threads, bar, copies)
    except DicomError as error:
        row["why"] = str(error)
    except OSError as error:
        named = error.filename or wanted
        row["why"] = "%s: %s" % (text.shown(os.fsdecode(named)), (error.strerror or str(error)).lower())
    return row


def _write(row, name, near, threads, bar, copies):
    given, wanted = row["path"], row["to"]
    file = os.open(given, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(0, "it is not a regular file", given)
        if os.path.lexists(wanted):
            raise FileExistsError(0, "it is there already, and is not overwritten", wanted)
        found = source.FileSource(file)
        try:
            made = transcode.Transcoding(found.chunks, found.syntax, name, inflater, near, threads, is_file=True)
        except plan.NoPixels:
            if not copies:
                raise
            made = None
            row["copied"] = True
        folder = os.path.dirname(wanted)
        if folder:
            os.makedirs(folder, exist_ok=True)
        partial = wanted + _PARTIAL
        target = _begun(partial)
        try:
            if made is None:
                row["after"] = _copied(file, target)
            else:
                row["after"] = source.write(target, made, bar.watch(given, made))
            os.fsync(target)
            os.rename(partial, wanted)
        except BaseException:
            os.unlink(partial)
            raise
        finally:
            os.close(target)
        row["before"] = found.size
        row["syntax"] = found.syntax.uid if made is None else made.target.uid
        row["notes"] = [] if made is None else list(made.notes)
    finally:
        os.close(file)


def _begun(partial):
    """Return the descriptor of a new, empty file `partial`, in the place of what a run that was killed left there."""
    target = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(target, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(target, 0)
    except OSError as error:
        os.close(target)
        raise OSError(error.errno, "another transcoding is writing it", partial) from error
    return target


def _copied(file, target):
    """Copy a whole file; return its octets."""
    at = 0
    while True:
        count = os.sendfile(target, file, at, 1 << 20)
        if not count:
            return at
        at += count


class _Bar:
    """A bar on stderr while somebody watches it there: files done, and frames of the one under way."""

    def __init__(self, total):
        self._total = total
        self._done = -1
        self._began = time.monotonic()
        self._next = self._began + _BAR_AFTER_S
        self._is_drawn = False
        self._is_watched = sys.stderr is not None and sys.stderr.isatty()

    def watch(self, path, made):
        """Return the function to call while the transcoding `made` of a file goes on."""
        self._done += 1

        def draw():
            now = time.monotonic()
            if not self._is_watched or now < self._next:
                return
            self._next = now + _BAR_EVERY_S
            part = made.frames_done / made.frames if made.frames else 0
            share = (self._done + part) / self._total
            solid = int(_BAR_WIDTH * share)
            words = "%d of %s" % (self._done, text.count(self._total, "file"))
            if made.frames > 1:
                words += ", frame %d of %d" % (made.frames_done, made.frames)
            name = text.shortened(text.shown(os.path.basename(path)), 30)
            line = "\r%s%s %3d %%  %s  %s\033[K" % ("#" * solid, "." * (_BAR_WIDTH - solid), share * 100, words, name)
            sys.stderr.write(line)
            sys.stderr.flush()
            self._is_drawn = True

        return draw

    def clear(self):
        """Leave the line as it was."""
        if self._is_drawn:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self._is_drawn = False
