"""Talking to the running box: a Unix socket in its state folder, JSON lines both ways, open files alongside.

A request is one line: {"verb": "queue", ...}. The answer is any number of lines {"row": ...}, and at last one line
{"done": {...}} or {"failed": "why, and what to do", "code": 1}. The socket is open to its owner alone (mode 0600):
that is all the login there is.

Where the verb reads or writes a file, its open descriptor comes with the line of the request (SCM_RIGHTS): `backup`
writes to the file that the person at the command line could open, wherever that is.

`send` is a conversation: each further line of the client, {"path": "..."}, comes with an open descriptor (SCM_RIGHTS)
and is answered by a row before the next one is sent; a line {"end": true} closes it. So the box reads files that only
the person at the command line may open.
"""

import json
import os
import socket
import struct


NAME = "control.sock"

PATIENCE_S = 30  # how long the box may take for a line of its answer
LONG_S = 3600  # the same, where it has a whole index to make, or a large object to take in

_GONE = "the box went away before it had answered; see its log, and what it did with `edge queue`"
_SILENT = "the box did not answer within %d s: it is busy, or stuck; see its log, and try again"
_LINE_LIMIT = 1 << 20
_SUN_PATH = 107  # octets that fit the address of a Unix socket


class Failed(Exception):
    """The box said no; str() is its reason. code: the exit code that goes with it."""

    def __init__(self, words, code=1):
        super().__init__(words)
        self.code = code


class Channel:
    """One end of a conversation: lines of JSON, each with at most one open file."""

    def __init__(self, connected):
        self._socket = connected
        self.patience_s = None  # how long the other end may take for a line; None: what the socket was set to
        self._received = bytearray()
        self._descriptors = []

    def wait_at_most(self, seconds):
        """Let the other end take so long for each line, either way, before TimeoutError."""
        self.patience_s = seconds
        self._socket.settimeout(seconds)

    def send(self, message, fd=None):
        """Send one line, with a descriptor if there is one."""
        octets = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        if fd is not None:
            sent = socket.send_fds(self._socket, [octets], [fd])
            octets = octets[sent:]
        if octets:  # sending nothing at all fails where the other end has answered and is gone by now
            self._socket.sendall(octets)

    def receive(self):
        """Return the next line as (message, descriptor or None); None at the end. The descriptor is the caller's."""
        while b"\n" not in self._received:
            if len(self._received) > _LINE_LIMIT:
                raise ValueError("a line on the control socket is longer than %d octets" % _LINE_LIMIT)
            octets, descriptors, _, _ = socket.recv_fds(self._socket, 65536, 1)
            self._descriptors += descriptors
            if not octets:
                return None
            self._received += octets
        end = self._received.index(b"\n") + 1
        line = bytes(self._received[:end])
        del self._received[:end]
        return json.loads(line), self._descriptors.pop(0) if self._descriptors else None

    def raw(self):
        """Return (the connected socket, what came behind the last line): what follows are no lines of JSON any more."""
        return self._socket, bytes(self._received)

    def fail(self, words, code):
        """Send the last line of an answer that cannot be given, if the other end still listens."""
        try:
            self.send({"failed": words, "code": code})
        except OSError:
            pass

    def close(self):
        """Close the connection, and descriptors that nobody took."""
        for fd in self._descriptors:
            os.close(fd)
        self._descriptors = []
        self._socket.close()


def connect(state_dir):
    """Return a Channel to the box that runs on `state_dir`, or None when none does."""
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # A socket with a timeout of Python's own would not wait at all where too many others wait to connect
    found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", PATIENCE_S, 0))
    try:
        with address(state_dir) as name:
            found.connect(name)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        found.close()
        return None
    except BlockingIOError:
        found.close()
        raise Failed(_SILENT % PATIENCE_S) from None
    except PermissionError:
        found.close()
        raise Failed("the box that runs on %s belongs to another user; be that user, or root" % state_dir) from None
    channel = Channel(found)
    channel.wait_at_most(PATIENCE_S)
    return channel


def answers(state_dir):
    """Say whether a box runs on `state_dir`."""
    channel = connect(state_dir)
    if channel is not None:
        channel.close()
    return channel is not None


def ask(channel, verb, file=None, /, **arguments):
    """Send a request and yield the rows of its answer; returns what stands in its last line. Raises Failed.

    file: for a verb that reads or writes one, what has a `fileno()`; it stays open.
    """
    from edge.verbs import table  # only who asks carries it

    known = table.VERBS.get(verb)
    if known is not None and (known.slow or known.file):
        channel.wait_at_most(LONG_S)
    tell(channel, {"verb": verb, **arguments}, file and file.fileno())
    while True:
        answer = hear(channel)
        if "done" in answer:
            return answer["done"]
        yield answer["row"]


def tell(channel, message, file=None):
    """Send the box a line, with an open descriptor if there is one; Failed when it is gone, or takes it not in time."""
    try:
        channel.send(message, file)
        return
    except TimeoutError:
        raise Failed(_SILENT % channel.patience_s) from None
    except OSError:
        pass
    hear(channel)  # it may have said why it went
    raise Failed(_GONE)


def hear(channel):
    """Return the next line of the box; Failed when it refuses, is gone, or says nothing in time."""
    try:
        received = channel.receive()
    except TimeoutError:
        raise Failed(_SILENT % channel.patience_s) from None
    except OSError:
        received = None
    if received is None:
        raise Failed(_GONE)
    answer = received[0]
    if "failed" in answer:
        raise Failed(answer["failed"], answer.get("code", 1))
    return answer


class address:
    """The name by which the socket in `state_dir` can be bound or connected to, while the `with` block lasts.

    A path too long for a socket's address goes through the folder's descriptor.
    """

    def __init__(self, state_dir):
        self._path = os.path.join(state_dir, NAME)
        self._folder = None

    def __enter__(self):
        if len(os.fsencode(self._path)) <= _SUN_PATH:
            return self._path
        self._folder = os.open(os.path.dirname(self._path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return "/proc/self/fd/%d/%s" % (self._folder, NAME)

    def __exit__(self, *exception):
        if self._folder is not None:
            os.close(self._folder)
