"""pydicom's sample files as pydicom reads them: flat lists of elements with their octets, nothing interpreted."""

import warnings
from collections import namedtuple
from pathlib import Path

import data_store
import pydicom
from pydicom.dataelem import RawDataElement

from edge.dicom import element, part10, reader
from edge.dicom.errors import DicomError
from tests.support.inflate import inflater

NOT_DICOM = {".py", ".pyc", ".json", ".txt", ".md", ".zip", ".gz", ".icc", ".dump", ".sha256"}

# where: tags and item numbers that lead to the element, a tuple; octets: bytes, or None for a sequence
Flat = namedtuple("Flat", "where vr octets")
# elements: list of Flat; notices: list of Notice; error: DicomError or None
Reading = namedtuple("Reading", "elements notices error")


def paths():
    """Return every sample file that is DICOM by its name."""
    found = []
    for package in (pydicom.data, data_store):
        folder = Path(package.__file__).parent
        found += [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix not in NOT_DICOM]
    return [path for path in found if path.name not in ("README", "LICENSE")]


def identify(path):
    """Return a short name for a sample."""
    return "/".join(path.parts[-2:])


def by_pydicom(path):
    """Return the elements that pydicom finds in the data set of a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = []
        ds = pydicom.dcmread(path, force=True)
        flatten(ds, (), found, ds.original_encoding[1])
        return found


def flatten(ds, where, found, is_little):
    """Add the elements of a pydicom data set to `found`."""
    for tag in ds.keys():
        raw = ds.get_item(tag)
        vr = raw.VR
        is_sequence = vr == "SQ" or (isinstance(raw, RawDataElement) and vr is None and ds[tag].VR == "SQ")
        if is_sequence:
            found.append(Flat(where + (int(tag),), vr, None))
            for number, item in enumerate(ds[tag].value):
                flatten(item, where + (int(tag), number), found, is_little)
        else:
            octets = raw.value if isinstance(raw, RawDataElement) else restored(raw.value, is_little)
            found.append(Flat(where + (int(tag),), vr, octets or b""))


def restored(value, is_little):
    """Return the octets of one of the few values that pydicom always interprets: a US, a CS, encapsulated pixels."""
    if isinstance(value, int):
        return value.to_bytes(2, "little" if is_little else "big")
    if isinstance(value, bytes) or not value:
        return value
    text = value if isinstance(value, str) else "\\".join(value)
    return text.encode() + b" " * (len(text) % 2)


def by_us(octets, step=1 << 20):
    """Return a Reading of the data set of a file, fed in chunks of `step` octets."""
    head = part10.HeadReader()
    if not head.feed(octets):
        head.finish()
    data_set = memoryview(octets)[head.data_set_offset :]
    source = reader.Reader(head.transfer_syntax, inflate=inflater(), inflate_limit=1 << 28, start=head.data_set_offset)
    collector = Collector()
    error = None
    try:
        for at in range(0, len(data_set), step):
            source.feed(data_set[at : at + step])
            for event in source.events():
                collector.take(event)
        source.finish()
    except DicomError as found:
        error = found
    return Reading(collector.elements, head.notices + source.notices, error)


class Collector:
    """Turns events into a flat list of elements; fragments become the octets that pydicom keeps of them."""

    def __init__(self):
        self.elements = []
        self._where = ()
        self._counts = []
        self._long = None

    def take(self, event):
        kind = type(event).__name__
        if kind == "Element":
            self.elements.append(Flat(self._where + (event.tag,), event.vr, event.value))
        elif kind in ("ValueBegan", "FragmentsBegan"):
            self._long = (self._where + (event.tag,), event.vr, bytearray())
        elif kind == "FragmentBegan":
            self._long[2].extend(element.write(element.ITEM, "", event.length))
        elif kind == "Chunk":
            self._long[2].extend(event.view)
        elif kind in ("ValueEnded", "FragmentsEnded"):
            where, vr, octets = self._long
            self.elements.append(Flat(where, vr, bytes(octets)))
        elif kind == "SequenceBegan":
            self.elements.append(Flat(self._where + (event.tag,), event.vr, None))
            self._where += (event.tag,)
            self._counts.append(-1)
        elif kind == "ItemBegan":
            self._counts[-1] += 1
            self._where += (self._counts[-1],)
        elif kind == "ItemEnded":
            self._where = self._where[:-1]
        elif kind == "SequenceEnded":
            self._where = self._where[:-1]
            self._counts.pop()
