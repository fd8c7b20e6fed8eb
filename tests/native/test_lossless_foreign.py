"""RLE and lossless JPEG between here and other software, both ways: the same pixels."""

import subprocess
import warnings
from pathlib import Path

import data_store
import gdcm
import imagecodecs
import libjpeg
import numpy
import pydicom
import pytest
import rle.rle
import rle.utils
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import ExplicitVRLittleEndian, JPEGLossless, JPEGLosslessSV1, RLELossless

from tests.native.streams import Shape, jpeg_decode, jpeg_encode, picture, rle_decode, rle_encode

SHAPES = [
    Shape(61, 40),
    Shape(1, 7),
    Shape(300, 3, 1, 16, 12),
    Shape(33, 29, 1, 16, 16),
    Shape(64, 20, 1, 16, 16, 1),
    Shape(47, 31, 3),
]
KINDS = ["smooth", "noise", "steps"]


def identity(shape):
    return "-".join(map(str, shape))


def wrapped(path, syntax, shape, stream=None, pixels=None):
    """Write a Secondary Capture with one frame, encapsulated (stream) or native (pixels)."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "2.25.1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "2.25.2", "2.25.3"
    dataset.PatientName, dataset.PatientID, dataset.Modality = "T", "T", "OT"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = shape.rows, shape.columns, shape.components
    dataset.PhotometricInterpretation = "MONOCHROME2" if shape.components == 1 else "RGB"
    dataset.BitsAllocated, dataset.BitsStored = shape.allocated, shape.stored or shape.allocated
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, shape.signed
    if shape.components > 1:
        dataset.PlanarConfiguration = 0
    if stream is None:
        dataset.add_new(0x7FE00010, "OW" if shape.allocated > 8 else "OB", pixels + b"\0" * (len(pixels) % 2))
    else:
        dataset.add_new(0x7FE00010, "OB", encapsulate([stream]))
        dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, enforce_file_format=True)
    return path


def by_dcmtk(command, source, target, *options):
    subprocess.run([command, *options, source, target], check=True, capture_output=True)
    return pydicom.dcmread(target)


def by_gdcm(path):
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    return reader.GetImage().GetBuffer().encode("utf-8", errors="surrogateescape")


@pytest.mark.parametrize("shape", SHAPES, ids=identity)
@pytest.mark.parametrize("kind", KINDS)
class TestOthersReadOurs:
    def test_lossless_jpeg_by_libjpeg_turbo(self, shape, kind):
        pixels = picture(shape, kind).tobytes()
        for predictor in range(1, 8):
            stream = jpeg_encode(pixels, shape, predictor, restart=predictor % 3)
            assert imagecodecs.jpeg8_decode(stream).tobytes() == pixels

    def test_lossless_jpeg_by_pylibjpeg(self, shape, kind):
        pixels = picture(shape, kind).tobytes()
        for predictor in (1, 2, 4, 7):
            assert libjpeg.decode(jpeg_encode(pixels, shape, predictor)).tobytes() == pixels

    def test_lossless_jpeg_by_dcmtk(self, shape, kind, tmp_path):
        pixels = picture(shape, kind).tobytes()
        for predictor, syntax in ((1, JPEGLosslessSV1), (1, JPEGLossless), (5, JPEGLossless), (6, JPEGLossless)):
            ours = wrapped(tmp_path / "ours.dcm", syntax, shape, jpeg_encode(pixels, shape, predictor))
            assert by_dcmtk("dcmdjpeg", ours, tmp_path / "theirs.dcm").PixelData[: len(pixels)] == pixels

    def test_lossless_jpeg_by_gdcm(self, shape, kind, tmp_path):
        pixels = picture(shape, kind).tobytes()
        for predictor, syntax in ((1, JPEGLosslessSV1), (4, JPEGLossless)):
            ours = wrapped(tmp_path / "ours.dcm", syntax, shape, jpeg_encode(pixels, shape, predictor))
            assert by_gdcm(ours)[: len(pixels)] == pixels

    def test_rle_by_dcmtk_and_pydicom(self, shape, kind, tmp_path):
        pixels = picture(shape, kind).tobytes()
        ours = wrapped(tmp_path / "ours.dcm", RLELossless, shape, rle_encode(pixels, shape))
        assert by_dcmtk("dcmdrle", ours, tmp_path / "theirs.dcm").PixelData[: len(pixels)] == pixels
        assert numpy.ascontiguousarray(pydicom.dcmread(ours).pixel_array).tobytes() == pixels

    def test_rle_by_gdcm_and_pylibjpeg(self, shape, kind, tmp_path):
        pixels = picture(shape, kind).tobytes()
        stream = rle_encode(pixels, shape)
        if shape.columns > 2:  # it reads no RLE as narrow as that, DCMTK's neither
            assert by_gdcm(wrapped(tmp_path / "ours.dcm", RLELossless, shape, stream))[: len(pixels)] == pixels
        planes = rle.utils.decode_frame(stream, shape.rows * shape.columns, shape.allocated, "<")
        whole = numpy.frombuffer(bytes(planes), f"<u{shape.allocated // 8}").reshape(shape.components, -1)
        assert numpy.ascontiguousarray(whole.T).tobytes() == pixels


@pytest.mark.parametrize("shape", SHAPES, ids=identity)
@pytest.mark.parametrize("kind", KINDS)
class TestWeReadOthers:
    def test_lossless_jpeg_by_libjpeg_turbo(self, shape, kind):
        values = picture(shape, kind).view(f"<u{shape.allocated // 8}")
        array = values[..., 0] if shape.components == 1 else values
        bits = 16 if shape.signed else shape.stored or shape.allocated
        for predictor in range(1, 8):
            stream = imagecodecs.jpeg8_encode(array, lossless=True, predictor=predictor, bitspersample=bits)
            assert jpeg_decode(stream, shape).pixels == values.tobytes()
            assert jpeg_decode(stream, shape, holds=1, piece=11, room=5).pixels == values.tobytes()

    @pytest.mark.parametrize("options", [["+e1"], *(["+el", "+sv", str(predictor)] for predictor in range(1, 8))])
    def test_lossless_jpeg_by_dcmtk(self, shape, kind, tmp_path, options):
        pixels = picture(shape, kind).tobytes()
        native = wrapped(tmp_path / "native.dcm", ExplicitVRLittleEndian, shape, pixels=pixels)
        theirs = by_dcmtk("dcmcjpeg", native, tmp_path / "theirs.dcm", *options)
        assert theirs.file_meta.TransferSyntaxUID in (JPEGLossless, JPEGLosslessSV1)
        assert jpeg_decode(next(generate_frames(theirs.PixelData, number_of_frames=1)), shape).pixels == pixels

    def test_rle_by_dcmtk(self, shape, kind, tmp_path):
        pixels = picture(shape, kind).tobytes()
        native = wrapped(tmp_path / "native.dcm", ExplicitVRLittleEndian, shape, pixels=pixels)
        theirs = by_dcmtk("dcmcrle", native, tmp_path / "theirs.dcm")
        stream = next(generate_frames(theirs.PixelData, number_of_frames=1))
        for whole in (0, 1):
            assert rle_decode(stream, shape, whole).pixels == pixels

    def test_rle_by_pylibjpeg(self, shape, kind):
        pixels = picture(shape, kind).tobytes()
        stream = bytes(rle.rle.encode_frame(pixels, shape.rows, shape.columns, shape.components, shape.allocated, "<"))
        for whole in (0, 1):
            assert rle_decode(stream, shape, whole).pixels == pixels


def samples(*syntaxes):
    """The files of pydicom and pydicom-data in these transfer syntaxes."""
    folders = [Path(pydicom.__file__).parent / "data" / "test_files", Path(data_store.__file__).parent / "data"]
    for path in sorted(path for folder in folders for path in folder.rglob("*.dcm")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dataset = pydicom.dcmread(path, specific_tags=["Rows"])
        except pydicom.errors.InvalidDicomError:
            continue
        if dataset.file_meta.get("TransferSyntaxUID") in syntaxes and "Rows" in dataset:
            yield path


def sample(path):
    """The data set, its shape and the streams of its frames."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        shape = Shape(dataset.Columns, dataset.Rows, dataset.SamplesPerPixel, dataset.BitsAllocated, dataset.BitsStored,
                      dataset.PixelRepresentation)  # fmt: skip
        count = int(dataset.get("NumberOfFrames", 1))
        return dataset, shape, list(generate_frames(dataset.PixelData, number_of_frames=count))


def test_every_lossless_jpeg_of_pydicom_gives_the_pixels_that_others_give():
    seen = 0
    for path in samples(JPEGLossless, JPEGLosslessSV1):
        _, shape, frames = sample(path)
        for frame in frames:
            assert jpeg_decode(frame, shape._replace(signed=0)).pixels == libjpeg.decode(frame).tobytes(), path.name
            seen += 1
    assert seen >= 3


def test_every_rle_file_of_pydicom_gives_the_pixels_that_it_gives():
    seen = 0
    for path in samples(RLELossless):
        dataset, shape, frames = sample(path)
        theirs = numpy.ascontiguousarray(dataset.pixel_array).tobytes()
        for whole in (0, 1):
            assert b"".join(rle_decode(frame, shape, whole).pixels for frame in frames) == theirs, path.name
        seen += 1
    assert seen >= 5
