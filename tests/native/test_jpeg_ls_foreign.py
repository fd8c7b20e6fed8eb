"""JPEG-LS agrees with other people's codecs and other processors, both ways."""

import io
import subprocess
from pathlib import Path

import data_store
import gdcm
import imagecodecs
import jpeg_ls as charls
import numpy
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, JPEGLSNearLossless

from tests.native import built
from tests.native.jpeg_ls_stream import FIT, LINE, SAMPLE, decode, encode
from tests.native.test_jpeg_ls import CONFORMANCE, picture

DCMDJPLS = "/usr/bin/dcmdjpls"
KINDS = ("noise", "flat", "steps", "smooth")


def as_charls_wants(values, mode):
    """The samples in the order of CharLS in an interleave mode: by line and by sample they lie side by side."""
    return (values.transpose(2, 0, 1) if mode == 0 else values).tobytes()


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize("near", [0, 1, 3])
def test_streams_of_one_component_are_those_of_charls(bits, near):
    near = min(near, ((1 << bits) - 1) // 2)
    for kind in KINDS:
        values = picture(131, 37, bits=bits, kind=kind)
        stream = encode(values.tobytes(), 131, 37, allocated=values.itemsize * 8, stored=bits, near=near,
                        explicit_lse=bits > 12)  # fmt: skip
        theirs = bytes(charls.encode_buffer(values.tobytes(), 37, 131, 1, bits, lossy_error=near))
        assert stream == theirs
        pixels, _ = charls.decode_buffer(stream)
        assert bytes(pixels) == decode(stream).pixels


@pytest.mark.parametrize("mode,interleave", [(0, FIT), (1, LINE), (2, SAMPLE)])
@pytest.mark.parametrize("near", [0, 2])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_streams_of_colour_are_those_of_charls(mode, interleave, near, bits):
    for kind in KINDS:
        values = picture(67, 21, 3, bits, kind)
        pixels = as_charls_wants(values, mode)
        stream = encode(pixels, 67, 21, 3, allocated=values.itemsize * 8, stored=bits, near=near, interleave=interleave,
                        planar=mode == 0, explicit_lse=bits > 12)  # fmt: skip
        theirs = bytes(charls.encode_buffer(pixels, 21, 67, 3, bits, near, mode))
        assert stream == theirs
        found, _ = charls.decode_buffer(stream)
        assert bytes(found) == decode(stream).pixels


@pytest.mark.parametrize("name", ["T8C0", "T8C1", "T8C2", "T8ND", "T16"])
@pytest.mark.parametrize("near", [0, 3])
def test_conformance_streams_of_t87_are_read_as_charls_reads_them(name, near):
    stream = (CONFORMANCE / f"{name}E{near}.JLS").read_bytes()
    assert decode(stream).pixels == bytes(charls.decode_buffer(stream)[0])


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_streams_of_imagecodecs_are_read(bits):
    for components in (1, 3):
        values = picture(90, 33, components, bits, "smooth")
        stream = imagecodecs.jpegls_encode(values if components > 1 else values[..., 0])
        assert decode(stream).pixels == values.tobytes()
        own = encode(values.tobytes(), 90, 33, components, allocated=values.itemsize * 8, stored=bits)
        assert imagecodecs.jpegls_decode(own).tobytes() == values.tobytes()


def data_set(stream, columns, rows, components, allocated, stored, near):
    """A data set with the stream as its only frame, as octets of a Part 10 file."""
    image = pydicom.Dataset()
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = JPEGLSNearLossless if near else JPEGLSLossless
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = "2.25.1"
    image.Rows, image.Columns, image.SamplesPerPixel = rows, columns, components
    image.PhotometricInterpretation = "RGB" if components == 3 else "MONOCHROME2"
    if components == 3:
        image.PlanarConfiguration = 0
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = allocated, stored, stored - 1, 0
    image.PixelData = encapsulate([stream])
    image["PixelData"].VR = "OB"
    written = io.BytesIO()
    image.save_as(written, enforce_file_format=True)
    return written.getvalue()


CASES = [
    (components, bits, near, interleave)
    for components, interleave in ((1, FIT), (3, LINE), (3, SAMPLE))
    for bits in (8, 12, 16)
    for near in (0, 2)
    if components == 1 or bits == 8
]


@pytest.mark.parametrize("components,bits,near,interleave", CASES)
def test_dcmtk_reads_what_is_written(tmp_path, components, bits, near, interleave):
    values = picture(90, 31, components, bits, "smooth")
    allocated = values.itemsize * 8
    stream = encode(values.tobytes(), 90, 31, components, allocated=allocated, stored=bits, near=near,
                    interleave=interleave)  # fmt: skip
    (tmp_path / "in.dcm").write_bytes(data_set(stream, 90, 31, components, allocated, bits, near))
    subprocess.run([DCMDJPLS, tmp_path / "in.dcm", tmp_path / "out.dcm"], check=True, capture_output=True)
    found = pydicom.dcmread(tmp_path / "out.dcm")
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert found.PixelData[: values.nbytes] == decode(stream).pixels


@pytest.mark.parametrize("components,bits,near,interleave", CASES)
def test_gdcm_reads_what_is_written(tmp_path, components, bits, near, interleave):
    values = picture(90, 31, components, bits, "smooth")
    allocated = values.itemsize * 8
    stream = encode(values.tobytes(), 90, 31, components, allocated=allocated, stored=bits, near=near,
                    interleave=interleave)  # fmt: skip
    (tmp_path / "in.dcm").write_bytes(data_set(stream, 90, 31, components, allocated, bits, near))
    reader = gdcm.ImageReader()
    reader.SetFileName(str(tmp_path / "in.dcm"))
    assert reader.Read()
    pixels = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
    assert pixels[: values.nbytes] == decode(stream).pixels


def samples():
    """The paths of all files of pydicom's and pydicom-data's that hold JPEG-LS."""
    found = []
    folders = [Path(pydicom.__file__).parent / "data" / "test_files", Path(data_store.__file__).parent / "data"]
    for path in sorted(path for folder in folders for path in folder.rglob("*.dcm")):
        try:
            meta = pydicom.filereader.read_file_meta_info(path)
        except (pydicom.errors.InvalidDicomError, AttributeError):
            continue
        if meta.get("TransferSyntaxUID") in (JPEGLSLossless, JPEGLSNearLossless):
            found.append(path)
    return found


@pytest.mark.parametrize("path", samples(), ids=lambda path: path.name)
def test_samples_of_pydicom_are_read_as_charls_reads_them(path):
    image = pydicom.dcmread(path)
    frames = list(pydicom.encaps.generate_frames(image.PixelData, number_of_frames=image.get("NumberOfFrames", 1)))
    for frame in frames:
        pixels, _ = charls.decode_buffer(frame)
        assert decode(frame).pixels == bytes(pixels)
    expected = image.pixel_array
    found = decode(frames[0], allocated=image.BitsAllocated, stored=image.BitsStored, signed=image.PixelRepresentation)
    if not found.image["planar"] and len(frames) == 1:
        assert numpy.array_equal(numpy.frombuffer(found.pixels, expected.dtype).reshape(expected.shape), expected)


CHOICES = ((1, FIT, 0), (1, FIT, 1), (3, LINE, 0), (3, SAMPLE, 0), (3, SAMPLE, 1))


@pytest.mark.parametrize("compiler,emulator,way", built.PROCESSORS, ids=map(built.identity, built.PROCESSORS))
def test_other_processors_give_the_same_bits(tmp_path, compiler, emulator, way):
    text = """
        #include "edge_codec.h"
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        static uint8_t pixels[1 << 20], stream[1 << 21], back[1 << 20];
        static uint64_t state[1 << 16];
        /* Arguments: pixels, stream, columns, rows, components, allocated, stored, near, interleave. */
        int main(int count, char **a) {
            if (count == 1) { puts(edge_jpeg_ls_way()); return 0; }
            FILE *file = fopen(a[1], "rb");
            const size_t size = fread(pixels, 1, sizeof pixels, file);
            fclose(file);
            edge_image image = {(uint32_t)atoi(a[3]), (uint32_t)atoi(a[4]), (uint8_t)atoi(a[5]), (uint8_t)atoi(a[6]),
                                (uint8_t)atoi(a[7]), 0, 0, 0};
            edge_jpeg_ls_options options;
            memset(&options, 0, sizeof options);
            options.near = (uint8_t)atoi(a[8]);
            options.interleave = (uint8_t)atoi(a[9]);
            edge_io io = {pixels, size, stream, sizeof stream, 1};
            if (edge_jpeg_ls_encode_begin(state, sizeof state, &image, &options) != EDGE_NEEDS_INPUT) return 2;
            if (edge_jpeg_ls_encode(state, &io) != EDGE_DONE) return 3;
            const size_t length = sizeof stream - io.out_left;
            edge_io other = {stream, length, back, sizeof back, 1};
            if (edge_jpeg_ls_decode_begin(state, sizeof state, &image, 0) != EDGE_NEEDS_INPUT) return 4;
            if (edge_jpeg_ls_decode(state, &other) != EDGE_DONE || sizeof back - other.out_left != size) return 5;
            for (size_t i = 0; i < size && options.near == 0; i++) if (back[i] != pixels[i]) return 6;
            file = fopen(a[2], "wb");
            fwrite(stream, 1, length, file);
            fwrite(back, 1, size, file);
            return fclose(file);
        }"""
    binary = built.program(text, compiler, "-O2", "-static")
    assert subprocess.run([emulator, binary], check=True, capture_output=True).stdout.strip() == way
    for bits in (2, 8, 12, 16):
        for number, (components, interleave, near) in enumerate(CHOICES):
            for kind in (KINDS[number % 4], KINDS[(number + 1) % 4]):
                values = picture(151, 17, components, bits, kind)
                (tmp_path / "pixels").write_bytes(values.tobytes())
                shape = map(str, [151, 17, components, values.itemsize * 8, bits, near, interleave])
                subprocess.run([emulator, binary, tmp_path / "pixels", tmp_path / "stream", *shape], check=True)
                stream = encode(values.tobytes(), 151, 17, components, allocated=values.itemsize * 8, stored=bits,
                                near=near, interleave=interleave)  # fmt: skip
                assert (tmp_path / "stream").read_bytes() == stream + decode(stream).pixels
