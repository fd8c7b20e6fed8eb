"""Inflate deflated data sets in bounded steps: the function that edge.dicom's reader and skim ask for."""

import zlib

from edge.dicom.errors import PeerError


def inflater():
    """Return a new `inflate(octets, limit)` for one data set (see edge.dicom.reader), over zlib's raw deflate."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)

    def inflate(octets, limit):
        if octets is None:
            if not stream.eof:
                raise PeerError("the deflated data set ends before its end")
            return b""
        try:
            if stream.unconsumed_tail:
                octets = stream.unconsumed_tail + bytes(octets)
            return stream.decompress(octets, limit)
        except zlib.error as error:
            raise PeerError("the deflated data set is damaged: %s" % error)

    return inflate
