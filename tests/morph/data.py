"""What the tests of edge/morph share: data sets to change, and pydicom's reading of what came out."""

import io

import numpy
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from edge.dicom import part10, syntax
from edge.morph import change
from edge.morph.draft import Draft
from edge.morph.path import read as path
from edge.spool.inflate import inflater

EXPLICIT, IMPLICIT = syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE
BIG, DEFLATED = syntax.EXPLICIT_BIG, syntax.DEFLATED_LITTLE
NOW = 1_800_000_000


def cut(octets, size):
    return (memoryview(octets)[at : at + size] for at in range(0, len(octets), size))


def draft(octets, uid=EXPLICIT, size=65536, calling="CT1"):
    ct = "1.2.840.10008.5.1.4.1.1.2"
    return Draft(lambda: cut(octets, size), uid, ct, "1.2.3.4", calling, "EDGE", "10.0.0.5", NOW)


def stage(*rules):
    return change.Changes(rules, "EDGE", inflater)


def rule(words, action, value=None, **more):
    if action == "copy":
        value = path(value)
    return change.rule(path(words), action, value, **more)


def sent(prepared):
    return b"".join(bytes(part) for part in prepared.chunks())


def changed(octets, *rules, uid=EXPLICIT, size=65536):
    """(octets, transfer syntax) of a data set with rules applied."""
    prepared = stage(*rules).prepare(draft(octets, uid, size))
    return sent(prepared), prepared.syntax


def parsed(octets, uid=EXPLICIT):
    """What pydicom reads."""
    return pydicom.dcmread(io.BytesIO(part10.head("1.2", "1.3", uid) + octets))


def written(data_set, uid=EXPLICIT):
    """A pydicom data set as octets in an uncompressed, not deflated transfer syntax."""
    known = syntax.lookup(uid)
    file = io.BytesIO()
    target = pydicom.filebase.DicomIO(file)
    target.is_little_endian, target.is_implicit_VR = known.little, not known.explicit
    pydicom.filewriter.write_dataset(target, data_set)
    return file.getvalue()


def sample():
    """A data set with text, numbers, private elements, sequences in sequences, and pixels."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    made.SpecificCharacterSet = "ISO_IR 100"
    made.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    made.SOPInstanceUID = "1.2.3.4"
    made.StudyDate, made.StudyTime = "20260105", "081500"
    made.AccessionNumber = "00123"
    made.Modality = "CT"
    made.InstitutionName = "Klinik"
    made.PatientName = "Müller^Anna"
    made.PatientID = "4711"
    made.add_new(0x00090010, "LO", "ACME 1.1")
    made.add_new(0x00091001, "LO", "secret")
    made.add_new(0x00091002, "UN", b"\1\2\3\4")
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    made.StudyID, made.SeriesNumber, made.InstanceNumber = "7", 1, 12
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows, made.Columns = 4, 6
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 1
    made.SmallestImagePixelValue = -7
    inner = Dataset()
    inner.CodeValue, inner.CodingSchemeDesignator, inner.CodeMeaning = "A", "99X", "Müll"
    first, second = Dataset(), Dataset()
    first.ScheduledProcedureStepID, second.ScheduledProcedureStepID = "S1", "S2"
    first.ScheduledProtocolCodeSequence = Sequence([inner])
    first.RequestedProcedureID = "R1"
    second.PatientID = "4711"
    made.RequestAttributesSequence = Sequence([first, second])
    made.ReferencedImageSequence = Sequence([])
    made.add_new(0x00660016, "OF", numpy.arange(6, dtype="<f4").tobytes())
    made.PixelData = numpy.arange(24, dtype="<i2").tobytes()
    made["PixelData"].VR = "OW"
    return made


def flat(data_set, skip=()):
    """All elements as {path: (VR, value)}, those named in `skip` and below left out."""
    found = {}

    def look(items, place):
        for element in items:
            if element.keyword in skip:
                continue
            if element.VR == "SQ":
                found[(*place, element.tag)] = "SQ", len(element.value)
                for number, item in enumerate(element.value):
                    look(item, (*place, element.tag, number))
            else:
                found[(*place, element.tag)] = element.VR, element.value

    look(data_set, ())
    return found
