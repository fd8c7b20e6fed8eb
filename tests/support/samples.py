"""pydicom's sample files, as octets that can be sent as they are, and how two data sets are compared.

The data set of a file is cut out at the offset that its File Meta Information gives, so that what is sent is what the
file holds, bit for bit, whatever a library would make of it.
"""

import functools
import importlib.metadata
import logging
import os
import warnings
from collections import namedtuple
from pathlib import Path

import numpy
import pydicom

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
_SWAPPED = {"OW": 2, "OL": 4, "OF": 4, "OV": 8, "OD": 8}
_NOT_DICOM = {".py", ".pyc", ".json", ".txt", ".md", ".zip", ".gz", ".icc", ".dump"}

# path: Path; sop_class, sop_instance, transfer_syntax: str; data_set: bytes, as in the file
Sample = namedtuple("Sample", "path sop_class sop_instance transfer_syntax data_set")


def read(path, force=True):
    """pydicom's reading of a file, without its remarks on what is odd about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, force=force)


def quiet():
    """Keep pydicom from reporting what is odd about its own samples."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


def _folders():
    yield Path(pydicom.__file__).parent / "data"
    more = importlib.metadata.files("pydicom-data") or []
    yield from {Path(file.locate()).parents[0] for file in more if file.name == "__init__.py"}


def _files():
    seen = set()
    for folder in _folders():
        for parent, _, names in os.walk(folder):
            for name in sorted(names):
                path = Path(parent, name)
                if path.suffix not in _NOT_DICOM and path not in seen:
                    seen.add(path)
                    yield path


def data_set_offset(octets):
    """Where the data set of a file begins: behind the File Meta Information, or at 0 when there is none."""
    if octets[128:132] != b"DICM":
        return 0
    at = 132
    while octets[at : at + 2] == b"\2\0":
        if octets[at + 4 : at + 6] in (b"OB", b"UN"):
            at += 12 + int.from_bytes(octets[at + 8 : at + 12], "little")
        else:
            at += 8 + int.from_bytes(octets[at + 6 : at + 8], "little")
    return at


def _transfer_syntax(ds):
    named = getattr(ds, "file_meta", {}).get("TransferSyntaxUID")
    if named:
        return str(named)
    implicit, little = ds.original_encoding
    return IMPLICIT if implicit else EXPLICIT if little else BIG_ENDIAN


@functools.cache
def readable():
    """Every sample that pydicom reads to its end and that names its SOP Class and Instance; each content once."""
    quiet()
    found, contents = [], set()
    for path in _files():
        try:
            ds = read(path)
            sop_class, sop_instance = str(ds.SOPClassUID), str(ds.SOPInstanceUID)
            for _ in ds.iterall():
                pass
        except Exception:  # what pydicom cannot read is not a readable sample
            continue
        octets = path.read_bytes()
        data_set = octets[data_set_offset(octets) :]
        syntax = _transfer_syntax(ds)
        if sop_class and sop_instance and data_set not in contents:
            contents.add(data_set)
            found.append(Sample(path, sop_class, sop_instance, syntax, data_set))
    return tuple(found)


def rounds(samples):
    """Split samples into lists in which no SOP Instance UID appears twice."""
    lists = []
    for sample in samples:
        for each in lists:
            if sample.sop_instance not in each:
                each[sample.sop_instance] = sample
                break
        else:
            lists.append({sample.sop_instance: sample})
    return [list(each.values()) for each in lists]


def part_10(sample):
    """The sample as a whole Part 10 file, for programs that take nothing else."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = sample.sop_class
    meta.MediaStorageSOPInstanceUID = sample.sop_instance
    meta.TransferSyntaxUID = sample.transfer_syntax
    buffer = pydicom.filebase.DicomBytesIO()
    pydicom.filewriter.write_file_meta_info(buffer, meta, enforce_standard=True)
    return bytes(128) + b"DICM" + buffer.getvalue() + sample.data_set


def _plain(element, big_endian):
    value = element.value
    if element.VR in _SWAPPED and isinstance(value, bytes):
        width = _SWAPPED[element.VR]
        if big_endian and len(value) % width == 0:
            return numpy.frombuffer(value, f">u{width}").astype(f"<u{width}").tobytes()
    if value is None or value == "":
        return b"" if element.VR in ("OB", "OW", "UN") else ""
    return value


def _same_octets(ours, theirs, swapped):
    widths = (1, 2, 4, 8) if swapped else (1,)
    return len(ours) == len(theirs) and any(
        len(theirs) % width == 0 and ours == numpy.frombuffer(theirs, f"u{width}").byteswap().tobytes()
        for width in widths
    )


def differences(ours, theirs, into="", big_endian=(False, False)):
    """Say where two pydicom data sets differ, in words; an empty list when they hold the same.

    Group lengths and data set trailing padding say nothing about the object and are passed over.
    """

    def tags(ds):
        return {tag for tag in ds.keys() if tag.element != 0 and tag != 0xFFFCFFFC}

    said = [f"{into}{tag} is only on one side" for tag in sorted(tags(ours) ^ tags(theirs))]
    for tag in sorted(tags(ours) & tags(theirs)):
        raw = ours.get_item(tag).value, theirs.get_item(tag).value
        one, other = ours[tag], theirs[tag]
        if one.VR == "SQ" and other.VR == "SQ":
            if len(one.value) != len(other.value):
                said.append(f"{into}{tag} has {len(one.value)} and {len(other.value)} items")
            for number, (item, its) in enumerate(zip(one.value, other.value)):
                said += differences(item, its, f"{into}{tag}[{number}].", big_endian)
        elif one.VR != other.VR:  # only explicit VR can say what it is; pydicom guesses for implicit VR
            if not _same_octets(raw[0] or b"", raw[1] or b"", big_endian[0] != big_endian[1]):
                said.append(f"{into}{tag} {one.VR}/{other.VR} differs")
        elif _plain(one, big_endian[0]) != _plain(other, big_endian[1]):
            said.append(f"{into}{tag} {one.VR}/{other.VR} differs")
    return said
