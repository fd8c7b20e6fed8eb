"""Frames that are not what the data set says: no pixel gets lost, shifted or cut without a word."""

import numpy
import pytest

from edge.dicom.errors import DicomError
from tests.pixels import objects

LOSSLESS = ["rle", "jpeg-lossless", "jpeg-ls", "j2k", "htj2k", "encapsulated-uncompressed"]


def frames(shape, kind="u1"):
    generator = numpy.random.default_rng(5)
    return generator.integers(0, 200, shape).astype(kind)


def with_elements(octets, **elements):
    """The same file with other values; None takes an element away."""
    made = objects.read(octets)
    for keyword, value in elements.items():
        if value is None:
            delattr(made, keyword)
        else:
            setattr(made, keyword, value)
    return objects.octets_of(made, made.file_meta.TransferSyntaxUID)


def stored(shape, name):
    """Frames in a transfer syntax, as a file; and the frames."""
    given = frames(shape)
    return objects.turned(objects.octets_of(objects.dataset(given, frames=shape[0])), name), given


@pytest.mark.parametrize("shape", [(2, 3, 5), (5, 3, 3), (1, 1, 1), (4, 1, 1)])
@pytest.mark.parametrize("name", LOSSLESS)
def test_frames_of_odd_length_come_back(name, shape):
    there, given = stored(shape, name)
    assert objects.native(objects.turned(there, "explicit")) == given.tobytes()


@pytest.mark.parametrize("said", [1, 2, None])
@pytest.mark.parametrize("name", ["explicit", *LOSSLESS])
def test_more_frames_than_the_data_set_says_are_not_left_out_in_silence(name, said):
    there, _ = stored((5, 8, 8), name)
    lie = with_elements(there, NumberOfFrames=said)
    with pytest.raises(DicomError, match="frame"):
        objects.turned(lie, "encapsulated-uncompressed" if name == "explicit" else "explicit")


@pytest.mark.parametrize("elements", [{"Rows": 6}, {"Columns": 4}, {"Rows": 9}, {"Columns": 9}])
@pytest.mark.parametrize("name", LOSSLESS)
def test_a_frame_of_another_size_than_the_data_set_says_is_refused(name, elements):
    there, _ = stored((3, 8, 8), name)
    with pytest.raises(DicomError):
        objects.turned(with_elements(there, **elements), "explicit")
