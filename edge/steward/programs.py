"""Programs that a steward runs: by their full path, with fixed words, without a shell, held to limits.

What a program says is bounded, and what it is given is never its command line's syntax: whoever fills in a word has
checked it, and a word that could be taken for an option stands behind `--` or is refused here.
"""

import os
import select
import signal
import subprocess
import time

from edge.steward.errors import Refused

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
_SAID = 64 << 10  # octets of what a program says that are kept, its last
_LINE = 400


def run(words, within_s, given=b"", most=_SAID):
    """Run a program to its end and return what it wrote, as text. Raises Refused, with its last line.

    words: its full path and its arguments; given: what it reads; most: octets kept of what it writes, errors included.
    """
    said = bytearray()
    for piece in _pieces(words, within_s, given):
        said += piece
        del said[: max(0, len(said) - most)]
    return said.decode("utf-8", "replace")


def lines(words, within_s):
    """Run a program and yield what it writes line by line as it comes; raises Refused as `run` does, in the end."""
    rest = b""
    for piece in _pieces(words, within_s, b""):
        *whole, rest = (rest + piece.replace(b"\r", b"\n")).split(b"\n")
        rest = rest[:_LINE]
        for line in whole:
            if line.strip():
                yield line[:_LINE].decode("utf-8", "replace").strip()
    if rest.strip():
        yield rest.decode("utf-8", "replace").strip()


def _pieces(words, within_s, given):
    name = os.path.basename(words[0])
    if not os.path.isabs(words[0]):
        raise Refused("%s is to be named by its full path" % name)
    if not os.access(words[0], os.X_OK):
        raise Refused("%s is not installed" % words[0])
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE if given else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=ENVIRONMENT,
            bufsize=0,
            start_new_session=True,
        )
    except OSError as error:
        raise Refused("%s cannot be started: %s" % (name, error.strerror.lower())) from None
    last = b""
    deadline = time.monotonic() + within_s
    try:
        for piece in _talk(process, given, deadline):
            last = (last + piece)[-_LINE:]
            yield piece
        code = process.wait(max(0.1, deadline - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        raise Refused("%s did not end within %d s and was ended" % (name, within_s)) from None
    finally:
        _end(process)
    if code:
        words = [line for line in last.decode("utf-8", "replace").splitlines() if line.strip()]
        how = "by signal %d" % -code if code < 0 else "with %d" % code
        raise Refused("%s ended %s: %s" % (name, how, words[-1].strip() if words else "it said nothing"))


def _talk(process, given, deadline):
    """Give a process what it reads, and yield what it writes until it closes that."""
    out, into = process.stdout.fileno(), process.stdin and process.stdin.fileno()
    waiting = select.poll()
    waiting.register(out, select.POLLIN)
    if into is not None:
        os.set_blocking(into, False)
        waiting.register(into, select.POLLOUT)
    given = memoryview(given)
    while True:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        for fd, _ in waiting.poll(left_s * 1000):
            if fd == into:
                try:
                    given = given[os.write(into, given[: 1 << 16]) :]
                except BrokenPipeError:
                    given = given[:0]
                if not given:
                    waiting.unregister(into)
                    process.stdin.close()
            elif piece := os.read(out, 1 << 16):
                yield piece
            else:
                return


def _end(process):
    """Leave nothing of a process and of those that it started."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
    for each in (process.stdin, process.stdout):
        if each is not None:
            each.close()
