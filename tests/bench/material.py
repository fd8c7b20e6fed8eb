"""Make the objects that are sent: valid CT of any size by the hundred, and one large multi-frame.

One object of a kind is written by pydicom, with unique identifiers of a fixed length; the others are that file with
the identifiers replaced, so that a thousand objects are made in a fraction of a second and differ only where two
real slices would have to.
"""

import hashlib
import os
import uuid
from pathlib import Path

import numpy
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

CT = "1.2.840.10008.5.1.4.1.1.2"
MULTI_FRAME_WORD = "1.2.840.10008.5.1.4.1.1.7.3"
UID_LENGTH = 44
BLOCK_BYTES = 1 << 20


def new_uid():
    """A 2.25 UID that is always 44 characters long: the first digit of the number is forced to be 1."""
    return "2.25.1" + f"{uuid.uuid4().int % 10**38:038d}"


def _image(sop_class, instance, series, study, rows, columns):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image = Dataset()
    image.file_meta = meta
    image.SpecificCharacterSet = "ISO_IR 100"
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.InstanceCreationDate = "20260301"
    image.InstanceCreationTime = "101500"
    image.SOPClassUID = sop_class
    image.SOPInstanceUID = instance
    image.StudyDate = image.SeriesDate = image.AcquisitionDate = image.ContentDate = "20260301"
    image.StudyTime = image.SeriesTime = image.AcquisitionTime = image.ContentTime = "101500"
    image.AccessionNumber = "BENCH0001"
    image.Modality = "CT"
    image.Manufacturer = "EDGE bench"
    image.InstitutionName = "Nowhere General"
    image.ReferringPhysicianName = "Referrer^Some"
    image.StationName = "CT01"
    image.StudyDescription = "Bench study"
    image.SeriesDescription = "Bench series"
    image.ManufacturerModelName = "Phantom"
    image.PatientName = "Bench^Object"
    image.PatientID = "BENCH-1"
    image.PatientBirthDate = "19700101"
    image.PatientSex = "O"
    image.PatientAge = "056Y"
    image.BodyPartExamined = "CHEST"
    image.SliceThickness = "1.0"
    image.KVP = "120"
    image.DataCollectionDiameter = "500"
    image.SoftwareVersions = "1"
    image.ProtocolName = "Chest"
    image.ReconstructionDiameter = "400"
    image.GantryDetectorTilt = "0"
    image.TableHeight = "100"
    image.RotationDirection = "CW"
    image.ExposureTime = "500"
    image.XRayTubeCurrent = "200"
    image.Exposure = "100"
    image.FilterType = "BODY"
    image.GeneratorPower = "60"
    image.FocalSpots = "1.2"
    image.ConvolutionKernel = "STANDARD"
    image.PatientPosition = "HFS"
    image.StudyInstanceUID = study
    image.SeriesInstanceUID = series
    image.StudyID = "1"
    image.SeriesNumber = "1"
    image.AcquisitionNumber = "1"
    image.InstanceNumber = "1"
    image.ImagePositionPatient = ["-200", "-200", "0"]
    image.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    image.FrameOfReferenceUID = new_uid()
    image.PositionReferenceIndicator = ""
    image.SliceLocation = "0"
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows = rows
    image.Columns = columns
    image.PixelSpacing = ["0.78", "0.78"]
    image.BitsAllocated = 16
    image.BitsStored = 16
    image.HighBit = 15
    image.PixelRepresentation = 0
    image.WindowCenter = "1040"
    image.WindowWidth = "400"
    image.RescaleIntercept = "-1024"
    image.RescaleSlope = "1"
    image.RescaleType = "HU"
    return image


def _pixels(rows, columns):
    """A disc with noise: neither all zero, which a file system or a codec may treat better, nor pure noise."""
    down, across = numpy.ogrid[:rows, :columns]
    inside = (down - rows / 2) ** 2 + (across - columns / 2) ** 2 < (min(rows, columns) / 2.5) ** 2
    noise = numpy.random.default_rng(1).integers(0, 64, (rows, columns))
    return (inside * 1000 + noise).astype("<u2").tobytes()


def ct_series(folder, count, side):
    """Write `count` CT objects of side x side pixels of two bytes into `folder`; return the paths in order."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    instance, series, study = new_uid(), new_uid(), new_uid()
    image = _image(CT, instance, series, study, side, side)
    image.PixelData = _pixels(side, side)
    image["PixelData"].VR = "OW"
    first = folder / "0.dcm"
    image.save_as(first, enforce_file_format=True)
    octets = first.read_bytes()
    head_length = len(octets) - 2 * side * side
    head, pixels = octets[:head_length], octets[head_length:]
    paths = [first]
    for number in range(1, count):
        path = folder / f"{number}.dcm"
        path.write_bytes(head.replace(instance.encode(), new_uid().encode()) + pixels)
        paths.append(path)
    return paths


def ct_fresh(paths, folder):
    """Copy the objects to `folder` under SOP Instance UIDs nobody has seen; return the new paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    fresh = []
    for path in paths:
        octets = path.read_bytes()
        old = octets[octets.index(b"2.25.", 132) :][:UID_LENGTH]
        target = folder / path.name
        target.write_bytes(octets.replace(old, new_uid().encode()))
        fresh.append(target)
    return fresh


def multi_frame(path, size_bytes, side=1024):
    """Write one multi-frame object of at least `size_bytes` of pixels, frame by frame; return its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = _pixels(side, side)
    frames = -(-size_bytes // len(frame))
    image = _image(MULTI_FRAME_WORD, new_uid(), new_uid(), new_uid(), side, side)
    image.Modality = "OT"
    image.NumberOfFrames = frames
    image.BurnedInAnnotation = "NO"
    image.ConversionType = "WSD"
    image.PixelData = b""
    image["PixelData"].VR = "OW"
    image.save_as(path, enforce_file_format=True)
    with open(path, "r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write((frames * len(frame)).to_bytes(4, "little"))
        for _ in range(frames):
            file.write(frame)
    return path


def data_set_offset(path):
    """Where the data set of one of these files begins."""
    with open(path, "rb") as file:
        return 144 + int.from_bytes(file.read(144)[140:], "little")


def digest(path, offset=0):
    """SHA-256 of a file from `offset` on, read in blocks."""
    total = hashlib.sha256()
    with open(path, "rb") as file:
        file.seek(offset)
        while block := file.read(BLOCK_BYTES):
            total.update(block)
    return total.hexdigest()
