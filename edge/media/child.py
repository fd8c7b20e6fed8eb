"""Standard programs that write volumes: found, started, held to limits, ended by their id.

A program's words are read as they come, cut to lines of bounded length, and only the last of them are kept, so that it
cannot fill the box's memory. It is killed by the kernel when the thread that started it ends, however that happens
(PR_SET_PDEATHSIG by util-linux's setpriv): a box that was killed leaves no burning drive behind that nobody checks.
"""

import os
import select
import subprocess

from edge.media.errors import MediaError

# program: Debian's package
PACKAGES = {
    "genisoimage": "genisoimage",
    "xorriso": "xorriso",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
    "mtype": "mtools",
    "setpriv": "util-linux",
}
_BESIDE_PATH = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # where a user's PATH does not lead
_LONGEST_LINE = 400
_LINES_KEPT = 12
_PIPE_OCTETS = 1 << 20
_F_SETPIPE_SZ = 1031


def find(program):
    """Return where a program lies; MediaError names the package that brings it."""
    for folder in (*os.environ.get("PATH", os.defpath).split(os.pathsep), *_BESIDE_PATH):
        path = os.path.join(folder, program)
        if folder and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise MediaError(f"{program} is not installed here: apt-get install {PACKAGES[program]}")


class Child:
    """A program at work; a context manager, which ends it.

    data: whether its standard output is data for `read`; otherwise it is words, like its standard error, unless `out`
    is a descriptor for it. stdin: a file for its standard input; without one that is empty. folder: where it works.
    patience_s: how long it may take to end by itself when it is told to (SIGTERM); 0: it is killed.
    """

    def __init__(self, program, *arguments, data=False, out=None, stdin=None, folder=None, patience_s=0):
        command = [find("setpriv"), "--pdeathsig", "TERM" if patience_s else "KILL", "--", find(program), *arguments]
        self._patience_s = patience_s
        self.program = program
        self.said = []  # the last lines of its words
        self._rest = b""
        self._data = None
        words, theirs = os.pipe()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=subprocess.PIPE if data else theirs if out is None else out,
                stderr=theirs,
                cwd=folder,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": os.environ.get("TZ", "")},
                bufsize=0,
            )
        except OSError as error:
            os.close(words)
            raise MediaError(f"{program} cannot be started: {error.strerror}; free memory and try again") from error
        finally:
            os.close(theirs)
        self._words = words
        os.set_blocking(words, False)
        self._poll = select.poll()
        self._poll.register(words, select.POLLIN)
        if data:
            self._data = self._process.stdout.fileno()
            self._poll.register(self._data, select.POLLIN)
            _widen(self._data)

    @property
    def pid(self):
        """Its id."""
        return self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def read(self, buffer):
        """Read data into a buffer; return how many octets, 0 at their end. Its words are taken meanwhile."""
        while True:
            ready = dict(self._poll.poll())
            if self._words in ready:
                for line in self._lines():
                    self._keep(line)
            if self._data in ready:
                return os.readv(self._data, [buffer])

    def lines(self):
        """Yield its words line by line as they come, until it closes them; \\r ends a line, too."""
        while self._words is not None:
            self._poll.poll()
            for line in self._lines():
                self._keep(line)
                yield line

    def ended(self, within_s):
        """Wait for its end so long; return its exit code, or None when it still works. Its words are taken, too."""
        if self._words is not None:
            self._poll.poll(within_s * 1000)
            for line in self._lines():
                self._keep(line)
        return None if self._words is not None else self._process.wait()

    def _lines(self):
        try:
            octets = os.read(self._words, 1 << 14)
        except BlockingIOError:
            return []
        if not octets:
            self._poll.unregister(self._words)
            os.close(self._words)
            self._words = None
            octets = b"\n" if self._rest else b""
        *lines, rest = (self._rest + octets).replace(b"\r", b"\n").split(b"\n")
        self._rest = rest[:_LONGEST_LINE]
        return [line[:_LONGEST_LINE].decode("ascii", "replace").strip() for line in lines if line.strip()]

    def _keep(self, line):
        self.said = [*self.said[1 - _LINES_KEPT :], line]

    def finish(self):
        """Take the last of its words, wait for its end and return its exit code."""
        for _ in self.lines():
            pass
        return self._process.wait()

    def end(self):
        """End it, whatever it does; may be called again."""
        if self._process.poll() is None and self._patience_s:
            self._process.terminate()
            try:
                self._process.wait(self._patience_s)
            except subprocess.TimeoutExpired:
                pass
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        if self._words is not None:
            os.close(self._words)
            self._words = None

    def last_words(self):
        """Return what it said last, for a person."""
        return "; ".join(self.said[-3:]) or "it said nothing"


def run(program, *arguments, stdin=None, folder=None):
    """Run a program to its end and return its words, the last lines of them; MediaError when it fails."""
    with Child(program, *arguments, stdin=stdin, folder=folder) as child:
        if child.finish():
            raise MediaError(f"{program} failed: {child.last_words()}")
        return child.said


def _widen(pipe):
    """Let a pipe hold more, so that both ends work in longer strides; smaller where that is not allowed."""
    import fcntl

    try:
        fcntl.fcntl(pipe, _F_SETPIPE_SZ, _PIPE_OCTETS)
    except OSError:
        pass
