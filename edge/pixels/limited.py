"""Decode and encode frames by the bound libraries, in a process of their own that cannot hurt this one.

OpenJPEG, OpenJPH and libjpeg-turbo read hostile data. They run in a child (edge/pixels/child.py) with limits of
memory and processor time, without rights, and against a deadline. Frames pass through memory that both have mapped:
its size is sealed, so that the child cannot pull it away, and a result is read from where the child wrote it, without
a copy. What the child answers is held against what was asked before it is believed. It is started with the first frame
and then kept; one that met a broken stream is not trusted with another object, and the next frame starts a new one.
"""

import fcntl
import importlib.util
import math
import mmap
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import namedtuple

from edge.dicom.errors import LimitError, LocalError, PeerError
from edge.pixels import wire

# module: the extension; what: what it is for, in words; package: Debian's, from which it can be built
_Library = namedtuple("_Library", "module what package")
_LIBRARIES = {
    "openjpeg": _Library("edge._openjpeg", "JPEG 2000 by OpenJPEG", "libopenjp2-7-dev"),
    "openjph": _Library("edge._openjph", "HTJ2K by OpenJPH", "libopenjph-dev g++"),
    "jpeg": _Library("edge._jpeg", "JPEG by libjpeg-turbo", "libjpeg62-turbo-dev"),
}
# codec -> the libraries that decode it, and those that encode it, the best first
_DECODED_BY = {"j2k": ("openjpeg",), "htj2k": ("openjph", "openjpeg"), "jpeg": ("jpeg",)}
_ENCODED_BY = {"j2k": ("openjpeg",), "htj2k": ("openjph",), "jpeg": ("jpeg",)}
PICTURE = "1.2.840.10008.1.2.4.50"  # what pictures for pages are encoded in; objects are not (see registry)
# transfer syntax -> codec, by resolution (RPCL), lossy
_ENCODINGS = {
    "1.2.840.10008.1.2.4.90": ("j2k", 0, 0),
    "1.2.840.10008.1.2.4.201": ("htj2k", 0, 0),
    "1.2.840.10008.1.2.4.202": ("htj2k", 1, 0),
    "1.2.840.10008.1.2.4.203": ("htj2k", 0, 1),
    PICTURE: ("jpeg", 0, 0),
}
_CHOSEN = {}  # (codec, whether it encodes) -> library, once found: looking for it takes as long as a small frame
_NAMES = {"j2k": "JPEG 2000", "htj2k": "HTJ2K", "jpeg": "JPEG"}
_PAGE = 1 << 16
_SLACK = _PAGE + 64  # octets that an encoder is given beyond twice the pixels, and where its output begins
_SPARE_OCTETS = 64 << 20  # memory this much larger than a frame needs is given back
_START_S = 20  # how long a child may take to answer at all
_OTHERWISE = "choose another transfer syntax, or uncompressed"
# Why an encoder was lost, and the next step
_SHORT_OF_MEMORY = "the machine may be short of memory: free some and try again, or " + _OTHERWISE
_OVERLOADED = "the machine may be overloaded: try again later, or " + _OTHERWISE
_BROKEN = "the library may be faulty: " + _OTHERWISE
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def available():
    """Return by name of a library whether it can be used: (True, what for) or (False, why not and what mends it).

    Nothing is loaded and no child is started for this; `versions` asks one.
    """
    found = {}
    for name, library in _LIBRARIES.items():
        if importlib.util.find_spec(library.module) is not None:
            found[name] = (True, f"{library.what}, in a process of its own")
        else:
            found[name] = (
                False,
                f"{library.what} was not found when edge was installed: apt-get install {library.package},"
                " then make clean setup",
            )
    return found


def versions():
    """Return by name of a library its version in words, as a child finds it; libraries that are missing are left out.

    Raises LocalError where no child can be started.
    """
    with Decoders() as decoders:
        return decoders.versions()


def command(descriptor, memory_octets):
    """Return the command line of a child that serves on a socket's descriptor: only this knows how to start one.

    Without site and environment (-I -S) it starts in half the time; it is told where edge and cffi are. The packaged
    program knows that by itself.
    """
    if getattr(sys, "frozen", False):
        return [sys.executable, "-m", "edge.pixels.child", str(descriptor), str(memory_octets)]
    folders = [os.path.dirname(importlib.util.find_spec(name).origin) for name in ("edge", "_cffi_backend")]
    folders[0] = os.path.dirname(folders[0])
    begin = (
        "import sys; sys.path += sys.argv[3:]; from edge.pixels import child; child.main(*map(int, sys.argv[1:3]))"
    )
    return [sys.executable, "-I", "-S", "-c", begin, str(descriptor), str(memory_octets), *folders]


class _Lost(Exception):
    """A child died or had to be stopped: what it did, in words that follow its name. mend: why, and what helps."""

    def __init__(self, how, mend):
        super().__init__(how)
        self.mend = mend


class _Child:
    """One process: its socket, and the memory shared with it."""

    def __init__(self, memory_octets):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self.process = subprocess.Popen(
                    command(theirs.fileno(), memory_octets),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # Ctrl-C is for the service, which ends its children itself
                    cwd="/",
                    env={"LC_ALL": "C", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
                )
        except OSError as error:
            ours.close()
            raise LocalError(f"the process for foreign codecs cannot be started: {error}") from error
        self.line = ours
        self.memory = None
        self.view = None
        self._unsent = None  # the descriptor of memory that the child has not been told of
        self.is_new = True

    def room(self, octets):
        """Return a view of at least so many octets that the child will share with the next request."""
        have = 0 if self.memory is None else len(self.memory)
        if octets <= have <= 4 * octets + _SPARE_OCTETS:
            return self.view
        self._drop_unsent()
        size = (octets + octets // 8 + _PAGE - 1) // _PAGE * _PAGE
        descriptor = os.memfd_create("edge-frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(descriptor, size)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
            self.memory = mmap.mmap(descriptor, size)  # views that the caller still has keep the former alive
        except BaseException:
            os.close(descriptor)
            raise
        self._unsent = descriptor
        self.view = memoryview(self.memory)
        return self.view

    def send(self, request, seconds):
        """Send a Request, and with it memory that is new; raises OSError. seconds: what `receive` may take, too."""
        self.line.settimeout(seconds + (_START_S if self.is_new else 0))
        octets = wire.pack_request(request._replace(memory_octets=0 if self.memory is None else len(self.memory)))
        if self._unsent is None:
            self.line.send(octets)
        else:
            socket.send_fds(self.line, [octets], [self._unsent])
            self._drop_unsent()

    def _drop_unsent(self):
        if self._unsent is not None:
            os.close(self._unsent)
            self._unsent = None

    def receive(self):
        """Return the Reply, or None for what is no reply; raises OSError and TimeoutError."""
        answer = self.line.recv(wire.REPLY_OCTETS + 1)
        if not answer:
            raise ConnectionResetError
        self.is_new = False
        return wire.unpack_reply(answer)

    def end(self):
        """End the process, whatever it does, and return its exit code; may be called again."""
        self.process.kill()
        code = self.process.wait()
        self.line.close()
        self._drop_unsent()
        self.view = self.memory = None
        return code


class Decoders:
    """Decode and encode whole frames in a child; a context manager, for one thread at a time (others wait).

    memory_bytes: what the child may take for itself, and also how much a frame and its pixels may take together.
    seconds: how long a frame may take, of the clock and of the processor.
    """

    def __init__(self, memory_bytes=1 << 30, seconds=60):
        self._memory_bytes = memory_bytes
        self._seconds = seconds
        self._turn = threading.Lock()  # held while a frame is worked on
        self._change = threading.Lock()  # held while the child changes
        self._child = None
        self._is_closed = False
        self._number = 0
        self._lent = None  # what `room` gave last
        self._placed = None  # the input of the request at work, in memory that outlives its child
        self._libraries = {name: number for number, name in enumerate(wire.LIBRARIES)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the child, at once and also from another thread in the midst of a frame, whose call then raises."""
        with self._change:
            self._is_closed = True
            if self._child is not None:
                # The thread that works on a frame meets a closed socket, and cleans up.
                self._child.process.kill()
        with self._turn:
            self._end()
            self._placed = None

    def versions(self):
        """Return by name of a library its version in words; "confined": the rights given up, as edge_confine says."""
        with self._turn:
            reply = self._ask(wire.VERSIONS, 0, (0,) * 7, (0,) * 4, b"", 0, "versions")
        lines = [line.split(" ", 1) for line in reply.words.decode("ascii", "replace").split("\n")]
        return {line[0]: line[1] for line in lines if len(line) == 2}

    def room(self, octets, image):
        """Return a memoryview of so many octets for the next frame's stream or pixels to be read into.

        Given to `decode` or `encode` as it is, it need not be copied. It takes the place of the last call's result.
        """
        with self._turn:
            if 3 * octets + 2 * _octets(image) > 3 * self._memory_bytes:
                raise LimitError(f"a frame of {octets} octets exceeds the {self._memory_bytes} allowed for one")
            self._placed = None
            self._lent = self._living().room(octets + 2 * _octets(image) + _SLACK)[:octets]
            return self._lent

    def decode(self, codec, coded, image, rgb=False):
        """Return the native pixels of one frame: little endian, samples of a pixel side by side, signs extended.

        codec: "j2k", "htj2k" or "jpeg"; coded: bytes-like, the frame's whole stream; image: the Image that the data set
        promises, with which the stream must agree; rgb: turn a JPEG stream's YCbCr into RGB; without it the stream's
        own colours stay. Returns a memoryview that is valid until the next call.
        Raises PeerError for what the stream is to blame for, a child that died of it or took too long included;
        LimitError for a frame larger than the memory agreed on; LocalError where the library is missing.
        """
        library = _library(codec, False)
        room = _octets(image)
        with self._turn:
            reply, at = self._work(wire.DECODE, library, image, (rgb, 0, 0, 0.0), coded, room, _NAMES[codec])
            other = _second(codec, library) if reply.result == wire.ELSEWHERE else None
            if other:
                self._lent = self._placed
                reply, at = self._work(wire.DECODE, other, image, (rgb, 0, 0, 0.0), self._lent, room, _NAMES[codec])
            if reply.result != wire.DONE:
                raise self._blamed(reply, "decode", codec)
            if reply.made != room:
                raise self._distrusted(_NAMES[codec], wire.DECODE)
            return self._child.view[at : at + room]

    def encode(self, codec, pixels, image, syntax_uid, colour, step=None):
        """Return the coded stream of one frame of native pixels, as a memoryview that is valid until the next call.

        codec: "j2k", "htj2k" or "jpeg", which takes grey or RGB of 8 bits and makes a JFIF file; pixels: bytes-like;
        image: what they are; syntax_uid: the transfer syntax, lossless, or 1.2.840.10008.1.2.4.203 or PICTURE, which
        lose; colour: apply the component transform (RCT, or ICT where it loses) where there are three components; step:
        the quantisation step of HTJ2K where it loses, as a part of the range of samples; None is one grey level.
        A child that is lost meanwhile is not the pixels' fault, so a second one tries once more.
        Raises LocalError for pixels that cannot be encoded, a library that is missing, or a second child that was lost;
        PeerError for a frame that is empty; LimitError as `decode` does.
        """
        wanted, rpcl, lossy = _ENCODINGS.get(syntax_uid, (None, 0, 0))
        if wanted != codec:
            raise LocalError(f"{codec} does not encode transfer syntax {syntax_uid}")
        library = _library(codec, True)
        needed = _octets(image)
        if memoryview(pixels).nbytes != needed:
            raise LocalError(f"the pixels of the frame take {needed} octets, and {len(pixels)} are given")
        wish = (bool(colour), rpcl, lossy, step or min(2.0**-image.bits_stored, 0.25))
        with self._turn:
            room = 2 * needed + 65536  # as edge_bound_encoded_limit says: what is not written to takes no memory
            reply, at = self._work(wire.ENCODE, library, image, wish, pixels, room, _NAMES[codec])
            if reply.result != wire.DONE:
                raise self._blamed(reply, "encode", codec)
            if not 0 < reply.made <= room:
                raise self._distrusted(_NAMES[codec], wire.ENCODE)
            return self._child.view[at : at + reply.made]

    def _work(self, task, library, image, wish, given, room, name):
        if given is not self._lent:
            given = memoryview(given).cast("B")
        if not given:
            raise PeerError(f"{name} frame is empty; have the object sent again")
        if len(given) + room > self._memory_bytes:
            raise LimitError(
                f"a {name} frame that takes {len(given) + room} octets with its pixels exceeds the"
                f" {self._memory_bytes} allowed for one"
            )
        at = (len(given) + 63) // 64 * 64
        return self._ask(task, self._libraries[library], tuple(image[:7]), wish, given, room, name, at), at

    def _ask(self, task, library, image, wish, given, room, name, at=0):
        """Have the child do a task, a new one where there is none; return its Reply. The turn is the caller's."""
        self._number = self._number % 0xFFFFFFFF + 1
        lent, self._lent = self._lent, None
        request = wire.Request(
            self._number, task, library, *image, *wish, 0, len(given), at, room, math.ceil(self._seconds) + 1
        )
        try:
            reply = self._exchange(request, given, lent, name)
        except _Lost as lost:
            if task == wire.DECODE:
                raise PeerError(
                    f"{name}: the decoder {lost}; the stream may be hostile: have the object sent again, or"
                    " uncompressed"
                ) from None
            if task != wire.ENCODE:
                raise LocalError(f"{name}: the process for foreign codecs {lost}; try again") from None
            reply = self._encode_again(request, name)
        if reply is None or reply.number != self._number or (reply.result and not reply.words):
            raise self._distrusted(name, task)
        return reply

    def _encode_again(self, request, name):
        """Have a second child encode what the first was lost with: native pixels harm none, so something else did."""
        try:
            return self._exchange(request, self._placed, None, name)
        except _Lost as lost:
            raise LocalError(f"{name}: the encoder {lost}, the second in a row; {lost.mend}") from None

    def _exchange(self, request, given, lent, name):
        """Return what a child answers to a Request, None for what is no reply; raises _Lost, LocalError."""
        began = False
        try:
            child = self._living()
            self._place(child, request, given, lent)
            try:
                child.send(request, self._seconds)
            except ConnectionError:  # it died while it had nothing to do: no frame is to blame
                self._end()
                child = self._living()
                self._place(child, request, self._placed, None)
                child.send(request, self._seconds)
            began = not child.is_new
            return child.receive()
        except TimeoutError:
            self._end()
            raise _Lost(f"did not finish this frame within {self._seconds} s and was stopped", _OVERLOADED) from None
        except ConnectionError:
            raise self._died(self._end(), name, began) from None
        except OSError as error:
            self._end()
            raise LocalError(f"{name}: the process for foreign codecs cannot be reached: {error}") from error

    def _place(self, child, request, given, lent):
        """Put what is given into the shared memory, unless it lies there.

        It may be a former result, and written over by this: for a second attempt it is to be taken from `_placed`.
        """
        self._placed = given
        if given:
            former = child.memory
            view = child.room(request.out_at + request.out_room)
            if given is not lent or child.memory is not former or given.obj is not former:
                view[: len(given)] = given
            self._placed = view[: len(given)]

    def _living(self):
        with self._change:
            if self._is_closed:
                raise LocalError("these decoders are closed")
            if self._child is None:
                self._child = _Child(self._memory_bytes)
            return self._child

    def _end(self):
        with self._change:
            child, self._child = self._child, None
        return child.end() if child is not None else 0

    def _died(self, code, name, began):
        if self._is_closed:
            return LocalError(f"{name}: the work on this frame was stopped")
        if code == -signal.SIGXCPU:
            return _Lost(f"used more than {self._seconds} s of the processor for this frame", _OVERLOADED)
        how = f"was ended by {_signal_name(-code)}" if code < 0 else f"ended with code {code}"
        if code > 0 and not began:
            return LocalError(f"{name}: the process for foreign codecs {how} before its first frame: reinstall edge")
        return _Lost(how, _SHORT_OF_MEMORY if code == -signal.SIGKILL else _BROKEN)

    def _distrusted(self, name, task):
        self._end()
        if task == wire.DECODE:
            return PeerError(
                f"{name}: the decoder answered out of bounds and was stopped; the stream may be hostile: have the"
                " object sent again, or uncompressed"
            )
        return LocalError(f"{name}: the encoder answered out of bounds and was stopped; {_BROKEN}")

    def _blamed(self, reply, did, codec):
        """Turn a Reply other than DONE into an exception; end a child whose library met what it could not digest."""
        words = reply.words.decode("ascii", "replace")
        name = _NAMES[codec]
        if reply.result == wire.MISSING:
            return LocalError(f"{name} cannot be {did}d: its library does not load ({words}); install it again")
        if did == "encode":
            return self._not_encoded(reply, words, name)
        if reply.result in (wire.CONTRADICTS, wire.UNSUPPORTED, wire.ELSEWHERE):
            return PeerError(f"{name} frame cannot be decoded: {words}; have the object sent again, or uncompressed")
        if reply.result == wire.NO_MEMORY:
            self._end()
            return PeerError(f"{name} frame needs more memory than its {self._memory_bytes} octets: {words}")
        if reply.result == wire.CORRUPT:
            self._end()
            return PeerError(f"{name} frame is broken: {words}; have the object sent again")
        return self._distrusted(name, wire.DECODE)

    def _not_encoded(self, reply, words, name):
        if reply.result in (wire.BAD_IMAGE, wire.BAD_SAMPLE, wire.NO_ROOM):
            return LocalError(f"{name} cannot encode this frame: {words}")
        if reply.result == wire.NO_MEMORY:
            self._end()
            return LocalError(
                f"{name} cannot encode this frame within {self._memory_bytes} octets of memory: {words}; {_OTHERWISE}"
            )
        if reply.result in (wire.UNSUPPORTED, wire.CORRUPT):
            self._end()
            return LocalError(f"{name} cannot encode this frame: {words}; {_OTHERWISE}")
        return self._distrusted(name, wire.ENCODE)


def _octets(image):
    return image.columns * image.rows * image.components * (image.bits_allocated // 8)


def _library(codec, is_encoding):
    """Return the name of the library to use for a codec; raises LocalError in words where there is none."""
    known = _CHOSEN.get((codec, is_encoding))
    if known:
        return known
    done = "encoded" if is_encoding else "decoded"
    names = (_ENCODED_BY if is_encoding else _DECODED_BY).get(codec, ())
    if not names:
        raise LocalError(f"{_NAMES.get(codec, codec)} is not {done} by any bound library")
    there = available()
    for name in names:
        if there[name][0]:
            _CHOSEN[codec, is_encoding] = name
            return name
    raise LocalError(f"{_NAMES[codec]} cannot be {done}: {there[names[0]][1]}")


def _second(codec, library):
    """Return the name of the library that decodes what `library` leaves to others, or None."""
    there = available()
    for name in _DECODED_BY[codec]:
        if name != library and there[name][0]:
            return name
    return None


def _signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
