"""CRC-32 of what passes through, by the C extension where it was built, otherwise by zlib: the same numbers.

The short ones go to zlib either way: it keeps the interpreter's lock for them, and a call into the extension costs
more than the checksum itself.
"""

import zlib

try:
    from edge._native import ffi, lib
except ImportError:
    crc32 = zlib.crc32
else:
    _WORTH_A_CALL = 2048
    _octets = ffi.from_buffer
    _native_crc32 = lib.edge_crc32
    _zlib_crc32 = zlib.crc32

    def crc32(view, crc=0):
        """Return the CRC-32 of the octets of `view` (bytes-like, contiguous) after those that gave `crc`."""
        length = len(view)
        if length < _WORTH_A_CALL:
            return _zlib_crc32(view, crc)
        return _native_crc32(crc, _octets("uint8_t[]", view), length)
