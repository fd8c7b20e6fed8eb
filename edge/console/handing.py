"""Files that verbs read and write: a descriptor that somebody handed over, as a file object that fails in words."""

import io
import os

from edge.verbs.verb import Refused


class _Handed(io.FileIO):
    """A file without a place to seek to, as it may as well be a pipe; what it cannot do is Refused, in words."""

    def __init__(self, descriptor, mode):
        super().__init__(descriptor, mode)
        self._doing = "read" if mode == "r" else "written"

    def seekable(self):
        return False

    def seek(self, *place):
        raise io.UnsupportedOperation("this file may be a pipe")

    def tell(self):
        raise io.UnsupportedOperation("this file may be a pipe")

    def readinto(self, window):
        try:
            return super().readinto(window)
        except OSError as error:
            raise self._refused(error) from None

    def readall(self):
        try:
            return super().readall()
        except OSError as error:
            raise self._refused(error) from None

    def write(self, octets):
        try:
            return super().write(octets)
        except OSError as error:
            raise self._refused(error) from None

    def _refused(self, error):
        return Refused("the file cannot be %s: %s" % (self._doing, error.strerror.lower()))


def opened(descriptor, way):
    """Return the binary file object of an open descriptor, which it closes; way: "in" or "out", as a Verb has it.

    It can neither seek nor tell. Where it cannot be read, written or closed, that is verb.Refused.
    """
    if way == "in":
        return io.BufferedReader(_Handed(descriptor, "r"))
    return io.BufferedWriter(_Handed(descriptor, "w"))


def with_file(descriptor, way, ask):
    """Yield the rows of `ask(file=FILE)` and return its summary, once all that it wrote has left this process."""
    file = opened(descriptor, way)
    try:
        summary = yield from ask(file=file)
        file.flush()
        return summary
    finally:
        _drop(file)


def _drop(file):
    """Close a file; what is still in its buffer after a failure is written as far as that goes."""
    try:
        file.close()
    except Refused:
        pass  # that was said already, or another failure came first


class Output:
    """A new file at `path` to write to, for its owner alone, while the `with` block lasts; "-" stands for stdout.

    Its name is there only once it is whole. `fileno()` is the descriptor. Refused where there is such a file already,
    or none can be made.
    """

    def __init__(self, path):
        self._path = path
        self._partial = path + ".partial"
        self._descriptor = None

    def __enter__(self):
        if self._path == "-":
            self._descriptor = os.dup(1)
            return self
        if os.path.lexists(self._path):
            raise Refused("%s is there already; give another name, or remove it" % self._path)
        try:
            self._descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Refused("%s cannot be written: %s" % (self._partial, error.strerror.lower())) from None
        return self

    def fileno(self):
        """Return the descriptor; whoever closes it takes a copy (os.dup)."""
        return self._descriptor

    def size(self):
        """Return how many octets were written, 0 where that cannot be known."""
        return os.fstat(self._descriptor).st_size

    def __exit__(self, kind, *exception):
        if self._path == "-":
            os.close(self._descriptor)
            return
        try:
            if kind is None:
                os.fsync(self._descriptor)
                os.link(self._partial, self._path)
        except OSError as error:
            raise Refused("%s cannot be written: %s" % (self._path, error.strerror.lower())) from None
        finally:
            os.close(self._descriptor)
            os.unlink(self._partial)
