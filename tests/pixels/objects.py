"""Objects made for these tests, transcoded by the room, and decoded by software that is not ours."""

import io
import os
import subprocess
import tempfile
from pathlib import Path

import gdcm
import jpeg_ls
import libjpeg
import numpy
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array

from edge.dicom import part10, syntax
from edge.pixels import source, transcode
from edge.spool.inflate import inflater

EXPLICIT, IMPLICIT, BIG = syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE, syntax.EXPLICIT_BIG
SECONDARY = "1.2.840.10008.5.1.4.1.1.7"

_DECOMPRESSORS = {"rle": "dcmdrle", "jpeg-lossless": "dcmdjpeg", "jpeg-lossless-57": "dcmdjpeg", "jpeg-ls": "dcmdjpls",
                  "jpeg-ls-near": "dcmdjpls", "deflated": "dcmconv"}  # fmt: skip


def dataset(pixels, stored=None, planar=0, photometric=None, frames=None, **more):
    """A pydicom data set around a numpy array of (frames,) rows, columns (, components)."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = SECONDARY, "1.2.3.4"
    made.PatientName, made.PatientID = "Phantom^Nobody", "1"
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    made.Modality, made.ConversionType, made.ImageType = "OT", "SYN", ["ORIGINAL", "PRIMARY"]
    shape = pixels.shape[1:] if frames else pixels.shape
    made.Rows, made.Columns = shape[:2]
    made.SamplesPerPixel = shape[2] if len(shape) > 2 else 1
    made.PhotometricInterpretation = photometric or ("RGB" if made.SamplesPerPixel == 3 else "MONOCHROME2")
    made.BitsAllocated = pixels.dtype.itemsize * 8
    made.BitsStored = stored or made.BitsAllocated
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = 1 if pixels.dtype.kind == "i" else 0
    if made.SamplesPerPixel > 1:
        made.PlanarConfiguration = planar
        if planar:
            pixels = numpy.moveaxis(pixels, -1, -3)
    if frames:
        made.NumberOfFrames = frames
    octets = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    made.PixelData = octets + b"\0" * (len(octets) & 1)
    made["PixelData"].VR = "OB" if made.BitsAllocated <= 8 else "OW"
    for name, value in more.items():
        setattr(made, name, value)
    return made


def octets_of(made, uid=EXPLICIT):
    """A pydicom data set as a Part 10 file."""
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = uid
    made.file_meta.MediaStorageSOPClassUID = made.get("SOPClassUID", SECONDARY)
    made.file_meta.MediaStorageSOPInstanceUID = made.get("SOPInstanceUID", "1.2.3.4")
    file = io.BytesIO()
    known = syntax.lookup(str(uid))
    made.save_as(file, enforce_file_format=True, implicit_vr=not known.explicit, little_endian=known.little)
    return file.getvalue()


def raw(uid, *elements):
    """A Part 10 file of octets as they are given."""
    return part10.head(SECONDARY, "1.2.3.4", uid) + b"".join(elements)


class Opened:
    """Octets as a file that is read from a descriptor."""

    def __init__(self, octets):
        self._file = tempfile.TemporaryFile(buffering=0)
        self._file.write(octets)
        self.fd = self._file.fileno()

    def __enter__(self):
        return source.FileSource(self.fd)

    def __exit__(self, *exception):
        self._file.close()


def turned(octets, name, gives=False, **options):
    """A Part 10 file, transcoded as a file is; with `gives`, (octets, Transcoding)."""
    with Opened(octets) as found, tempfile.TemporaryFile(buffering=0) as target:
        made = transcode.Transcoding(found.chunks, found.syntax, name, inflater, is_file=True, **options)
        length = source.write(target.fileno(), made)
        result = os.pread(target.fileno(), length + 1, 0)
        assert len(result) == length
        return (result, made) if gives else result


def streamed(octets, name, **options):
    """A Part 10 file, transcoded for a socket: only its data set, and nothing filled in afterwards."""
    with Opened(octets) as found:
        made = transcode.Transcoding(found.chunks, found.syntax, name, inflater, **options)
        return raw(made.target.uid, b"".join([bytes(part) for part in made.parts()]))


def read(octets):
    """A Part 10 file as pydicom reads it."""
    return pydicom.dcmread(io.BytesIO(octets), force=True)


def pixels(octets):
    """The pixels of a Part 10 file as pydicom and its plugins see them, no colour transformed."""
    made = read(octets)
    # GDCM, which pydicom would ask first, ends the process over some JPEG of odd sizes
    plugin = {"jpeg-ls": "pyjpegls", "jpeg-lossless": "pylibjpeg"}.get(
        syntax.lookup(str(made.file_meta.TransferSyntaxUID)).codec, ""
    )
    return pixel_array(made, raw=True, decoding_plugin=plugin)


def native(octets):
    """The pixels of an uncompressed Part 10 file as they lie there, without padding."""
    made = read(octets)
    bits = made.Rows * made.Columns * made.SamplesPerPixel * made.BitsAllocated * int(made.get("NumberOfFrames") or 1)
    return made.PixelData[: (bits + 7) // 8]


def by_dcmtk(octets, name):
    """The native pixels of a compressed Part 10 file, decoded by DCMTK."""
    with tempfile.TemporaryDirectory() as folder:
        given, wanted = Path(folder, "in.dcm"), Path(folder, "out.dcm")
        given.write_bytes(octets)
        subprocess.run([_DECOMPRESSORS[name], "+te", given, wanted], check=True, capture_output=True)
        return native(wanted.read_bytes())


def by_libjpeg(octets):
    """The samples of a JPEG Part 10 file, decoded by libjpeg (of pylibjpeg) frame by frame."""
    made = read(octets)
    frames = generate_frames(made.PixelData, number_of_frames=int(made.get("NumberOfFrames") or 1))
    return numpy.stack([libjpeg.decode(bytes(frame)) for frame in frames])


def by_dcmconv(octets):
    """An uncompressed Part 10 file in explicit little endian, by DCMTK."""
    with tempfile.TemporaryDirectory() as folder:
        given, wanted = Path(folder, "in.dcm"), Path(folder, "out.dcm")
        given.write_bytes(octets)
        subprocess.run(["dcmconv", "+te", given, wanted], check=True, capture_output=True)
        return wanted.read_bytes()


def by_gdcm(octets):
    """The native pixels of a compressed Part 10 file, decoded by GDCM."""
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        file.write(octets)
        file.flush()
        found = gdcm.ImageReader()
        found.SetFileName(file.name)
        assert found.Read(), "GDCM reads it"
        return found.GetImage().GetBuffer().encode("utf-8", "surrogateescape")


def by_charls(octets):
    """The samples of a JPEG-LS Part 10 file, decoded by pyjpegls frame by frame, as they stand in the stream."""
    made = read(octets)
    frames = generate_frames(made.PixelData, number_of_frames=int(made.get("NumberOfFrames") or 1))
    return numpy.stack([jpeg_ls.decode(numpy.frombuffer(frame, "u1")) for frame in frames])


def by_dcmconv_big(octets):
    """An uncompressed Part 10 file in explicit big endian, by DCMTK."""
    with tempfile.TemporaryDirectory() as folder:
        given, wanted = Path(folder, "in.dcm"), Path(folder, "out.dcm")
        given.write_bytes(octets)
        subprocess.run(["dcmconv", "+tb", given, wanted], check=True, capture_output=True)
        return wanted.read_bytes()
