"""Pictures of stored objects: each pixel held against pydicom's own way to it, and what no picture is made of."""

import io
import os
import struct
import zlib

import numpy
import pytest
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, apply_windowing

from edge.dicom.errors import DicomError
from edge.pixels import binding, limited, render
from edge.spool.inflate import inflater
from tests.pixels import material
from tests.support import samples

LIBRARIES = {name: there for name, (there, _) in limited.available().items()}
pytestmark = pytest.mark.skipif(not binding.available()[0], reason="the C extension is not built")


def decoded(png):
    """A PNG as an array, read by nothing of ours."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data = 8, b""
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            columns, rows, depth, colour = struct.unpack(">IIBB", body[:10])
        elif kind == b"IDAT":
            data += body
        at += 12 + length
    assert kind == b"IEND" and depth == 8
    width = columns * (3 if colour == 2 else 1)
    lines = numpy.frombuffer(zlib.decompress(data), numpy.uint8).reshape(rows, 1 + width)
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape((rows, columns, 3) if colour == 2 else (rows, columns))


def shown(path, **options):
    """(render.Picture, its pixels) of a file."""
    file = io.BytesIO()
    fd = os.open(path, os.O_RDONLY)
    try:
        made = render.write(fd, file, inflater=inflater, **options)
    finally:
        os.close(fd)
    assert made.octets == len(file.getvalue())
    return made, decoded(file.getvalue())


def refusal(path, **options):
    with pytest.raises(DicomError) as caught:
        shown(path, **options)
    return str(caught.value)


def sampled(array, made):
    """Every row and column that a picture shows."""
    rows = [(2 * at + 1) * made.rows // (2 * made.shown_rows) for at in range(made.shown_rows)]
    columns = [(2 * at + 1) * made.columns // (2 * made.shown_columns) for at in range(made.shown_columns)]
    return array[rows][:, columns]


def expected(dataset, array, made):
    """The shades that pydicom comes to, scaled to eight bits."""
    photometric = dataset.PhotometricInterpretation
    if photometric == "PALETTE COLOR":
        coloured = apply_color_lut(array, dataset)
        return coloured >> 8 if coloured.dtype == numpy.uint16 and coloured.max() > 255 else coloured
    if dataset.SamplesPerPixel == 3:
        if dataset.BitsStored == 16:
            array = numpy.floor(array.astype(float) / 257 + 0.5)
        return array  # as RGB already
    measured = apply_modality_lut(array, dataset).astype(float)
    if made.function == "LUT":
        top = (1 << int(dataset.VOILUTSequence[0].LUTDescriptor[2])) - 1
        shades = apply_voi_lut(apply_modality_lut(array, dataset), dataset) * 255.0 / top
    elif made.function is not None and "WindowWidth" in dataset:
        windowed = apply_windowing(apply_modality_lut(array, dataset), dataset)
        low, high = windowed_range(dataset)
        shades = (windowed - low) * 255.0 / (high - low)
    else:
        shades = (measured - measured.min()) * 255.0 / max(1, measured.max() - measured.min())
    shades = numpy.floor(shades + 0.5)
    return 255 - shades if photometric == "MONOCHROME1" else shades


def windowed_range(dataset):
    """The least and the most that pydicom's apply_windowing gives."""
    bits = dataset.BitsStored
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if dataset.PixelRepresentation else (0, (1 << bits) - 1)
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    if slope is not None:
        low, high = low * slope + intercept, high * slope + intercept
    return float(low), float(high)


PLAIN = (
    "CT_small.dcm", "MR_small.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm", "MR_small_implicit.dcm", "MR_small_expb.dcm", "examples_palette.dcm",
    "examples_rgb_color.dcm", "examples_ybr_color.dcm", "SC_rgb.dcm", "SC_rgb_16bit.dcm", "SC_rgb_expb.dcm",
    "SC_rgb_expb_16bit.dcm", "SC_rgb_rle.dcm", "SC_rgb_rle_16bit.dcm", "SC_rgb_2frame.dcm",
    "SC_ybr_full_uncompressed.dcm", "SC_ybr_full_422_uncompressed.dcm", "SC_rgb_small_odd.dcm", "SC_rgb_gdcm_KY.dcm",
    "SC_rgb_jls_lossy_line.dcm", "SC_rgb_jpeg_dcmtk.dcm", "image_dfl.dcm", "OBXXXX1A.dcm", "OBXXXX1A_rle.dcm",
    "OBXXXX1A_expb.dcm", "JPEG-LL.dcm", "JPGLosslessP14SV1_1s_1f_8b.dcm", "RG1_UNCR.dcm", "RG3_J2KR.dcm",
    "US1_UNCR.dcm", "693_J2KR.dcm", "693_UNCI.dcm", "emri_small.dcm", "emri_small_big_endian.dcm",
    "emri_small_RLE.dcm", "emri_small_jpeg_ls_lossless.dcm", "liver_1frame.dcm", "liver_expb_1frame.dcm",
    "rtdose.dcm", "rtdose_1frame.dcm", "rtdose_rle.dcm", "mlut_18.dcm", "vlut_04.dcm",
)  # fmt: skip
FILES = {path.name: path for path in material.paths()}


@pytest.mark.parametrize("name", [name for name in PLAIN if name in FILES])
def test_a_picture_has_the_shades_that_pydicom_comes_to(name):
    dataset = samples.read(FILES[name])
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    frame = frames // 2 + 1 if frames > 1 else 1
    made, picture = shown(FILES[name], frame=frame)
    array = dataset.pixel_array[frame - 1] if frames > 1 else dataset.pixel_array
    wanted = sampled(expected(dataset, array, made), made)
    assert (made.rows, made.columns, made.frames) == (dataset.Rows, dataset.Columns, frames)
    assert picture.shape == wanted.shape
    away = numpy.abs(picture.astype(int) - wanted.astype(int))
    assert away.max() <= 1, (away.max(), (away > 1).mean())  # where pydicom's floats round the other way


def test_there_is_a_sample_of_each_kind():
    """Guards the list above against samples that are not installed."""
    assert len([name for name in PLAIN if name in FILES]) >= 35


def altered(tmp_path, name, **values):
    """A copy of a sample with other values, without what it had of those that are None."""
    dataset = samples.read(FILES[name])
    for keyword, value in values.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    path = tmp_path / "altered.dcm"
    dataset.save_as(path)
    return path


def test_a_picture_is_no_longer_than_asked_and_never_larger_than_the_frame():
    made, picture = shown(FILES["CT_small.dcm"], size=64)
    assert picture.shape == (64, 64) and (made.columns, made.rows) == (128, 128)
    assert shown(FILES["CT_small.dcm"], size=1024)[1].shape == (128, 128)


def test_a_window_that_is_asked_for_takes_the_place_of_the_objects_own(tmp_path):
    path = altered(tmp_path, "CT_small.dcm", WindowCenter=[40, 300], WindowWidth=[80, 1500])
    made, picture = shown(path)
    assert [(each.center, each.width) for each in made.windows] == [(40, 80), (300, 1500)]
    assert (made.center, made.width) == (40, 80)
    other, wider = shown(path, center=300.0, width=1500.0)
    assert (other.center, other.width) == (300, 1500)
    array = samples.read(path)
    wanted = apply_windowing(apply_modality_lut(array.pixel_array, array), array, index=1)
    low, high = windowed_range(array)
    assert numpy.abs(numpy.floor((wanted - low) * 255 / (high - low) + 0.5) - wider).max() <= 1
    assert (picture != wider).any()


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_each_function_of_a_window_is_pydicoms(tmp_path, function):
    path = altered(tmp_path, "CT_small.dcm", WindowCenter=40.5, WindowWidth=350, VOILUTFunction=function)
    made, picture = shown(path)
    dataset = samples.read(path)
    low, high = windowed_range(dataset)
    wanted = apply_windowing(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    assert made.function == function
    assert numpy.abs(numpy.floor((wanted - low) * 255 / (high - low) + 0.5) - picture).max() <= 1


def test_monochrome1_is_the_other_way_round(tmp_path):
    path = altered(tmp_path, "CT_small.dcm", PhotometricInterpretation="MONOCHROME1")
    assert (shown(path)[1] == 255 - shown(FILES["CT_small.dcm"])[1]).all()


def test_padding_does_not_take_part_in_the_window_that_is_found(tmp_path):
    dataset = samples.read(FILES["MR_small.dcm"])
    array = dataset.pixel_array.copy()
    array[:8] = -2000
    dataset.PixelData = array.tobytes()
    for keyword in ("WindowCenter", "WindowWidth"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.add_new(0x00280120, "SS", -2000)
    path = tmp_path / "padded.dcm"
    dataset.save_as(path)
    made, _ = shown(path)
    assert made.center - made.width / 2 == array[8:].min()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"Rows": 60000, "Columns": 60000}, "have the object sent again"),
        ({"Rows": 0}, "(0028,0010), which says how to read them, is missing"),
        ({"BitsStored": 40}, "that is no image"),
        ({"NumberOfFrames": "7"}, "have the object sent again"),
        ({"NumberOfFrames": "99999999999"}, "Number of Frames is no whole number"),
        ({"PhotometricInterpretation": "CMYK", "SamplesPerPixel": 4}, "ends behind"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "HSV", "Rows": 20}, "the pixels are HSV: no picture"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "there is no palette"),
    ],
)  # fmt: skip
def test_an_object_that_lies_about_its_pixels_is_refused_in_words(tmp_path, values, words):
    assert words in refusal(altered(tmp_path, "CT_small.dcm", **values), frame=int(values.get("NumberOfFrames", 1)))


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "JPEG-LL.dcm", "MR_small_jpeg_ls_lossless.dcm", "693_J2KR.dcm"])
def test_a_compressed_frame_that_lies_about_its_size_is_refused(tmp_path, name):
    dataset = samples.read(FILES[name])
    path = altered(tmp_path, name, Rows=dataset.Rows * 2)
    assert refusal(path)
    dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // 2]
    dataset.save_as(path)
    assert refusal(path)


def test_a_frame_that_is_not_there_is_refused():
    assert refusal(FILES["CT_small.dcm"], frame=2) == "there is no frame 2: the object has 1"
    assert refusal(FILES["emri_small.dcm"], frame=0) == "there is no frame 0: the object has 10"


@pytest.mark.parametrize("name", ["rtplan.dcm", "reportsi.dcm", "waveform_ecg.dcm"])
def test_of_an_object_without_pixels_no_picture_is_made(name):
    with pytest.raises(render.NoPicture):
        shown(FILES[name])


def test_a_frame_of_a_gigabyte_is_read_where_it_lies(tmp_path):
    """A sparse file of a thousand frames of 1 MB, the last of them with something in it."""
    dataset = samples.read(FILES["MR_small.dcm"])
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 1024, 512, 1000
    dataset.PixelData = b"\0" * 8
    path = tmp_path / "large.dcm"
    dataset.save_as(path)
    whole = path.read_bytes()
    at = whole.rindex(b"\xe0\x7f\x10\x00OW")
    frame = 2 * 1024 * 512
    with open(path, "r+b") as file:
        file.truncate(at + 8)
        file.seek(at + 8)
        file.write((1000 * frame).to_bytes(4, "little"))
        file.seek(at + 12 + 999 * frame)
        file.write(numpy.arange(frame // 2, dtype="<i2").tobytes())
    read = [0]
    real = os.pread

    def counted(fd, length, offset):
        read[0] += length
        return real(fd, length, offset)

    os.pread = counted
    try:
        made, picture = shown(path, frame=1000, size=96)
    finally:
        os.pread = real
    assert picture.any() and made.frames == 1000
    assert read[0] < 200_000
