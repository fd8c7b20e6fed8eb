"""Inflate functions for `edge.dicom.reader` and `skim`: zlib's on CPython, `deflate`'s on MicroPython."""

from edge.dicom.errors import PeerError, TruncatedError

try:
    import zlib
except ImportError:
    zlib = None


def inflater():
    """Return an inflate function for one data set, with whichever library this interpreter has."""
    return _with_zlib() if zlib else _with_deflate()


def _with_zlib():
    stream = zlib.decompressobj(-15)

    def inflate(octets, limit):
        if octets is None:
            if not stream.eof:
                raise TruncatedError("the deflated data set ends before its stream does")
            return b""
        try:
            return stream.decompress(stream.unconsumed_tail + bytes(octets), limit)
        except zlib.error as error:
            raise PeerError("the deflated data set is damaged: %s" % error)

    return inflate
