"""The files in a ZIP archive: listed, and unpacked one at a time, also those under a password (WinZip AES).

Source: PKWARE APPNOTE 6.3.9, 4.3.16, 4.5.3; WinZip, AES Encryption Information 1.04
"""

import os
from struct import unpack_from

from edge.media import lockedzip
from edge.media.errors import Locked, MediaError
from edge.media.inventory import nameless

MARK = b"PK\3\4"
_TAIL = 22 + 0xFFFF + 76  # within which the end of an archive begins
_MOST_DIRECTORY = 64 << 20  # octets: of some 500,000 files
_AES, _AES_EXTRA = 99, 0x9901
_HEAD = 30
_PIECE = 1 << 20


class Unzipped:
    """An archive that is open. files: {names from the root as a tuple: zipfile.ZipInfo}; `close` it."""

    def __init__(self, path):
        import zipfile

        _check_directory(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise MediaError("%s is no whole ZIP archive: %s" % (path, error)) from None
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.files = {tuple(each.filename.split("/")): each for each in self._zip.infolist() if not each.is_dir()}

    def close(self):
        """Let go of the archive."""
        self._zip.close()
        os.close(self._fd)

    def size(self, names):
        """Return how many octets a file has, as the archive says."""
        return self.files[names].file_size

    def stage(self, names, folder, key=None):
        """Return the descriptor of a file without a name, in `folder`, that has what a file of the archive has.

        key: opened.Password, for one that is encrypted. Raises MediaError.
        """
        from zipfile import BadZipFile
        from zlib import error as broken

        info = self.files[names]
        if info.flag_bits & 1 and key is None:
            raise Locked("it is protected: give the password that opens it (--passphrase-file)")
        made = nameless(folder)
        try:
            for piece in self._unlocked(info, key) if info.compress_type == _AES else self._pieces(info, key):
                os.write(made, piece)
            os.lseek(made, 0, os.SEEK_SET)
            return made
        except (BadZipFile, NotImplementedError, RuntimeError, EOFError, broken) as error:
            os.close(made)
            raise MediaError("it cannot be unpacked: %s" % error) from None
        except BaseException:
            os.close(made)
            raise

    def _pieces(self, info, key):
        """Yield what zipfile unpacks: no more than the length that was said, and its checksum with it."""
        with self._zip.open(info, pwd=key.given if info.flag_bits & 1 else None) as file:
            while piece := file.read(_PIECE):
                yield piece

    def _unlocked(self, info, key):
        """Yield the octets of an entry that WinZip's AES protects."""
        from zlib import decompressobj

        strength, method = _aes_of(info.extra)
        name, extra = unpack_from("<HH", self._at(info.header_offset, _HEAD), 26)
        at, left = info.header_offset + _HEAD + name + extra, info.compress_size
        head = lockedzip.head_bytes(strength)
        entry = lockedzip.Locked(key.given, strength, self._at(at, head))
        at, left = at + head, left - head - lockedzip.TAG_BYTES
        if method not in (0, 8) or left < 0:
            raise MediaError("it is packed in a way that is not known here (%d)" % method)
        flow, done = decompressobj(-15) if method else None, 0
        while left:
            piece = self._at(at, min(left, _PIECE))
            at, left = at + len(piece), left - len(piece)
            piece = entry.update(piece)
            while piece or flow and flow.unconsumed_tail and not flow.eof:
                plain = flow.decompress(flow.unconsumed_tail + piece, _PIECE) if flow else piece
                piece, done = b"", done + len(plain)
                if done > info.file_size:
                    raise MediaError("it is longer than the archive says")
                yield plain
        if entry.tag() != self._at(at, lockedzip.TAG_BYTES):
            raise MediaError("it was changed since it was packed")

    def _at(self, at, octets):
        found = os.pread(self._fd, octets, at)
        if len(found) != octets:
            raise MediaError("the archive ends early")
        return found


def _check_directory(path):
    """Raise MediaError for an archive whose directory nobody would want in memory."""
    with open(path, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        tail = file.read(_TAIL)
    at, far = tail.rfind(b"PK\5\6"), tail.rfind(b"PK\6\6")
    octets = unpack_from("<I", tail, at + 12)[0] if 0 <= at <= len(tail) - 22 else 0
    if octets == 0xFFFFFFFF and 0 <= far <= len(tail) - 56:
        octets = unpack_from("<Q", tail, far + 40)[0]
    if octets > _MOST_DIRECTORY:
        raise MediaError("%s lists too many files: unpack it, and import the folder" % path)


def _aes_of(extra):
    """Return (strength, method) of the field of an entry that says how it is protected."""
    at = 0
    while at + 11 <= len(extra):
        kind, octets = unpack_from("<HH", extra, at)
        if kind == _AES_EXTRA and octets >= 7 and 1 <= extra[at + 8] <= 3:
            return extra[at + 8], unpack_from("<H", extra, at + 9)[0]
        at += 4 + octets
    raise MediaError("it is protected in a way that is not known here")
