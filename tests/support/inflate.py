"""Inflate functions for `edge.dicom.reader` and `skim`: zlib's on CPython, `deflate`'s on MicroPython."""

from edge.dicom.errors import PeerError, TruncatedError

try:
    import zlib
except ImportError:
    import io

    import deflate

    zlib = None


def inflater():
    """Return an inflate function for one data set, with whichever library this interpreter has."""
    return _Continued() if zlib else _BegunAnew()


class _Continued:
    def __init__(self):
        self._stream = zlib.decompressobj(-15)

    def __call__(self, octets, limit):
        if octets is None:
            if not self._stream.eof:
                raise TruncatedError("the deflated data set ends before its stream does")
            return b""
        try:
            return self._stream.decompress(self._stream.unconsumed_tail + bytes(octets), limit)
        except zlib.error as error:
            raise PeerError("the deflated data set is damaged: %s" % error)


class _BegunAnew:
    """MicroPython's stream cannot go on after it ran dry, so it is begun anew with all input when more has come.

    That takes memory for the deflated octets, and time; with the whole data set in one piece it takes neither.
    """

    def __init__(self):
        self._input = b""
        self._given = 0  # octets of output already handed on
        self._stream = None
        self._is_complete = False

    def __call__(self, octets, limit):
        if octets is None:
            if not self._is_complete:
                raise TruncatedError("the deflated data set ends before its stream does")
            return b""
        if octets:
            self._input += bytes(octets)
            self._stream = deflate.DeflateIO(io.BytesIO(self._input), deflate.RAW, 15)
            self._read(self._given)
        output = self._read(limit) if self._stream else b""
        self._given += len(output)
        return output

    def _read(self, limit):
        output = bytearray()
        one = bytearray(1)
        try:
            while len(output) < limit and not self._is_complete:
                if self._stream.readinto(one) == 1:
                    output.extend(one)
                else:
                    self._is_complete = True
        except EOFError:
            self._stream = None  # asked again, it would say that this was the regular end
        except OSError as error:
            raise PeerError("the deflated data set is damaged: %s" % error)
        return bytes(output)
