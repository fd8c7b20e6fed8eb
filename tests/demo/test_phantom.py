"""The phantoms are valid objects, recognisable as pictures, and always the same."""

import io
import subprocess

import numpy
import pydicom
import pytest

from edge.demo import phantom
from edge.dicom import syntax

SMALL = {"CT": {"size": 128}, "MR": {"size": 128}, "CR": {"size": 256}, "US": {"size": 160, "frames": 2}}


def make(modality, **changes):
    return phantom.MAKERS[modality](phantom.study(modality, 3), 5, 9, **{**SMALL[modality], **changes})


def read(made):
    return pydicom.dcmread(io.BytesIO(phantom.part10(made)))


@pytest.mark.parametrize("modality", phantom.MAKERS)
def test_dciodvfy_finds_no_error_in_a_phantom(modality, tmp_path):
    for seed in range(3):
        made = phantom.MAKERS[modality](phantom.study(modality, seed), 2, 3, **SMALL[modality])
        said = subprocess.run(["dciodvfy", phantom.save(made, tmp_path)], capture_output=True, text=True, check=False)
        assert "Error" not in said.stderr + said.stdout


@pytest.mark.parametrize("modality", phantom.MAKERS)
@pytest.mark.parametrize("uid", [syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE, syntax.DEFLATED_LITTLE])
def test_a_phantom_holds_the_same_elements_in_every_syntax(modality, uid):
    made = make(modality, syntax=uid)
    data_set = read(made)
    assert data_set.file_meta.TransferSyntaxUID == uid
    assert data_set.SOPInstanceUID == made.sop_instance
    assert data_set.SOPClassUID == made.sop_class
    assert str(data_set.PatientName).startswith("DEMO^DÖRTE")
    plain = read(make(modality))
    assert data_set.PixelData == plain.PixelData
    assert [element.tag for element in data_set] == [element.tag for element in plain]


@pytest.mark.parametrize("modality", phantom.MAKERS)
def test_pixels_names_where_the_pixel_data_lies(modality):
    made = make(modality)
    assert made.data_set[made.pixels] == read(made).PixelData


@pytest.mark.parametrize("modality", phantom.MAKERS)
def test_the_same_arguments_give_the_same_bytes_and_another_seed_gives_others(modality):
    assert make(modality) == make(modality)
    other = phantom.MAKERS[modality](phantom.study(modality, 4), 5, 9, **SMALL[modality])
    assert other.sop_instance != make(modality).sop_instance
    assert other.data_set != make(modality).data_set


def test_given_uids_are_used():
    made = make("CT", sop_instance="1.2.3", series="1.2.4")
    assert (made.sop_instance, read(made).SOPInstanceUID, read(made).SeriesInstanceUID) == ("1.2.3", "1.2.3", "1.2.4")


def test_a_compressed_syntax_is_refused():
    with pytest.raises(ValueError, match="phantoms are made in"):
        make("CT", syntax="1.2.840.10008.1.2.5")


def test_the_slices_of_a_study_belong_together_and_differ():
    head = phantom.study("CT", 1)
    slices = [read(phantom.ct(head, number, 6, size=128)) for number in range(1, 7)]
    assert len({slice_.StudyInstanceUID for slice_ in slices}) == 1
    assert len({slice_.SeriesInstanceUID for slice_ in slices}) == 1
    assert len({slice_.SOPInstanceUID for slice_ in slices}) == 6
    heights = [slice_.ImagePositionPatient[2] for slice_ in slices]
    assert heights == sorted(heights, reverse=True)


def test_a_head_in_ct_has_air_bone_and_brain_where_they_belong():
    data_set = read(phantom.ct(phantom.study("CT", 0), 5, 9))
    units = data_set.pixel_array.astype(int) + int(data_set.RescaleIntercept)
    assert numpy.median(units[5:30, 5:30]) == pytest.approx(-1000, abs=20)
    assert units[250:260, :].max() > 900  # the skull, left and right
    assert 10 < numpy.median(units[200:300, 200:300]) < 50  # brain


def test_a_carotid_pulses_in_colour():
    loop = read(phantom.us(phantom.study("US", 0), size=160, frames=4)).pixel_array.astype(int)
    assert loop.shape == (4, 120, 160, 3)
    red = loop[..., 0] - loop[..., 2] > 60
    assert red[1].sum() > 100
    assert (loop[1] != loop[3]).any()


def test_a_chest_has_dark_lungs_beside_a_bright_middle():
    film = read(phantom.cr(phantom.study("CR", 0), size=256)).pixel_array.astype(int)
    rows, columns = film.shape
    middle = film[rows // 2, columns // 2]
    assert middle > 2 * film[rows // 2, columns * 3 // 10]
    assert film.max() < 4096
