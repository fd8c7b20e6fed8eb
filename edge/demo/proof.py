"""The proof: what lies at the destinations, held against what the modality sent, by SHA-256."""

import hashlib
import os
from collections import namedtuple

from edge.demo.modality import read_sheet
from edge.dicom import element, reader, syntax
from edge.dicom.errors import DicomError
from edge.forward import reencode

# What one file holds. data_set: SHA-256 of its data set as it lies there; pixels: SHA-256 of its pixel data, whatever
# syntax they are in, None where it has none; transfer_syntax: UID
Print = namedtuple("Print", ("data_set", "pixels", "transfer_syntax"))

IDENTICAL = "identical"  # the data set is the same, bit for bit
SAME_PIXELS = "same pixels"  # the data set is in another transfer syntax, its pixels are the same, bit for bit
MISSING = "missing"
DIFFERENT = "DIFFERENT"

_READ_BYTES = 1 << 20
_PIXELS = (element.PIXEL_DATA, 0x7FE00008, 0x7FE00009)  # of integers, floats, doubles


def take(path):
    """Return the Print of a Part 10 file; OSError or DicomError when it cannot be read."""
    sheet = read_sheet(path)
    data_set = hashlib.sha256()
    for octets in _chunks(sheet):
        data_set.update(octets)
    return Print(data_set.hexdigest(), _pixels(sheet), sheet.transfer_syntax)


def _chunks(sheet):
    with open(sheet.path, "rb") as file:
        file.seek(sheet.offset)
        while octets := file.read(_READ_BYTES):
            yield octets


def _pixels(sheet):
    """Return the SHA-256 of the pixel data, with numbers in little endian; None where there is none."""
    chunks, uid = _chunks(sheet), sheet.transfer_syntax
    if uid in (syntax.EXPLICIT_BIG, syntax.DEFLATED_LITTLE):
        chunks, uid = reencode.reencode(chunks, uid, syntax.EXPLICIT_LITTLE), syntax.EXPLICIT_LITTLE
    digest = None
    depth = 0  # of sequences that are open
    source = reader.Reader(syntax.lookup(uid), value_limit=4096)
    for chunk in chunks:
        source.feed(chunk)
        for event in source.events():
            kind = type(event)
            if kind is reader.Chunk:
                if digest is not None:
                    digest.update(event.view)
            elif kind is reader.SequenceBegan:
                depth += 1
            elif kind is reader.SequenceEnded:
                depth -= 1
            elif depth == 0 and getattr(event, "tag", None) in _PIXELS:
                if kind is reader.Element:
                    return hashlib.sha256(event.value).hexdigest()
                if digest is not None:
                    return digest.hexdigest()
                digest = hashlib.sha256()
    return None


def compare(sent, found):
    """Say what `found` (a Print, or None for no file) is of what was `sent` (a Print)."""
    if found is None:
        return MISSING
    if found.data_set == sent.data_set and found.transfer_syntax == sent.transfer_syntax:
        return IDENTICAL
    if found.pixels is not None and found.pixels == sent.pixels and found.transfer_syntax != sent.transfer_syntax:
        return SAME_PIXELS
    return DIFFERENT


def _found(path):
    """Return the Print of the file at `path`, None where there is none that can be read."""
    try:
        return take(path)
    except (OSError, DicomError):
        return None


class Proof:
    """Compares study by study, and says the result as a table. names: of the destinations."""

    def __init__(self, names):
        self._names = names
        self._rows = [("study", "objects", "sent", *names)]
        self._count = self._bytes = 0
        self.holds = True

    def add(self, title, sheets, folders):
        """Compare one study's Sheets with the files of the same names in `folders`, one for each destination."""
        sent = [take(sheet.path) for sheet in sheets]
        self._count += len(sheets)
        self._bytes += sum(sheet.length for sheet in sheets)
        cells = [_together(sent)]
        for folder in folders:
            found = [_found(os.path.join(folder, sheet.sop_instance + ".dcm")) for sheet in sheets]
            verdicts = [compare(mine, theirs) for mine, theirs in zip(sent, found)]
            words = ", ".join(["%d %s" % (verdicts.count(each), each) for each in _VERDICTS if each in verdicts])
            cells.append("%s  %s" % (_together(found), words))
            self.holds = self.holds and not {MISSING, DIFFERENT} & set(verdicts)
        self._rows.append((title, str(len(sheets)), *cells))

    def lines(self):
        """Return the table and the verdict, as lines."""
        widths = [max(len(row[column]) for row in self._rows) for column in range(len(self._rows[0]))]
        found = ["  ".join([cell.ljust(width) for cell, width in zip(row, widths)]).rstrip() for row in self._rows]
        found.insert(1, "  ".join(["-" * width for width in widths]))
        found += ["", "In hex: SHA-256 over the pixels of all objects of a study, taken from the files on each side."]
        places = " and at the ".join(self._names)
        if self.holds:
            verdict = "%d objects, %.1f MB: every one is at the %s, with identical pixels."
            found.append(verdict % (self._count, self._bytes / 1e6, places))
        else:
            found.append("NOT every object is at the %s with identical pixels: see the table." % places)
        return found


_VERDICTS = (IDENTICAL, SAME_PIXELS, MISSING, DIFFERENT)


def _together(prints):
    """Return the first digits of one SHA-256 for the pixels of many objects; of data sets, where there are none."""
    whole = hashlib.sha256()
    for each in prints:
        whole.update((each.pixels or each.data_set).encode() if each is not None else b"-")
    return whole.hexdigest()[:12]
