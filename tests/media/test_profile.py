"""Application profiles: what becomes of an object in each transfer syntax, and the keys that a directory gains."""

import pydicom
import pytest

from edge.dicom import syntax
from edge.media import profile
from edge.media.errors import MediaError
from edge.pixels import registry
from tests.media import sets
from tests.support import mediafiles

ALL = registry.State(True, True, "here", "")
NOTHING = registry.State(False, False, "", "its library is not installed")
J2K, JPEG_LS, LOSSY, MPEG = ("1.2.840.10008.1.2.4." + end for end in ("90", "80", "50", "100"))


def _fate(name, uid, state=ALL):
    found = profile.what(profile.named(name), uid, lambda codec: state)
    return found.action, found.to


@pytest.mark.parametrize("each", profile.PROFILES, ids=lambda each: each.name)
def test_explicit_little_endian_goes_everywhere_as_it_is(each):
    assert profile.what(each, syntax.EXPLICIT_LITTLE).action == profile.AS_IS
    for uid in each.syntaxes:
        assert profile.what(each, uid).action == profile.AS_IS
    for uid in (syntax.IMPLICIT_LITTLE, syntax.EXPLICIT_BIG, syntax.DEFLATED_LITTLE):
        assert profile.what(each, uid)[:2] == (profile.TRANSCODE, syntax.EXPLICIT_LITTLE)


def test_what_is_compressed_becomes_what_the_profile_takes():
    assert _fate("STD-GEN-CD", J2K) == (profile.TRANSCODE, syntax.EXPLICIT_LITTLE)
    assert _fate("STD-GEN-DVD-JPEG", J2K) == (profile.TRANSCODE, "1.2.840.10008.1.2.4.70")
    assert _fate("STD-GEN-USB-J2K", JPEG_LS) == (profile.TRANSCODE, J2K)
    assert _fate("STD-GEN-CD", LOSSY) == (profile.TRANSCODE, syntax.EXPLICIT_LITTLE)
    assert _fate("STD-GEN-BD-JPEG", LOSSY) == (profile.AS_IS, None)


def test_what_cannot_be_decoded_is_refused_with_the_reason():
    assert _fate("STD-GEN-CD", MPEG)[0] == profile.REFUSE
    refused = profile.what(profile.named("STD-GEN-CD"), J2K, lambda codec: NOTHING)
    assert refused.action == profile.REFUSE and "not installed" in refused.words
    assert "video" in profile.what(profile.named("STD-GEN-CD"), MPEG).words
    assert _fate("STD-GEN-CD", "1.2.3.4")[0] == profile.REFUSE


def test_a_profile_that_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(MediaError, match="STD-GEN-CD"):
        profile.named("STD-GEN-TAPE")
    assert profile.named("std-gen-cd").name == "STD-GEN-CD"


@pytest.mark.parametrize("name", ["STD-GEN-CD", "STD-GEN-DVD-J2K"])
def test_a_directory_has_the_keys_of_its_profile_and_no_others(tmp_path, name):
    chosen = profile.named(name)
    ds = mediafiles.write(
        tmp_path / "I1", PatientBirthDate="19700101", PatientSex="F", InstitutionName="Nowhere", PixelSpacing=[1, 2],
        ReferencedImageSequence=mediafiles.code(), ImagePositionPatient=[0, 0, 1], FrameOfReferenceUID="1.2.9",
        LossyImageCompressionRatio="10",
    )  # fmt: skip
    path, notes = sets.make(tmp_path, chosen.extra)
    assert notes == {"I1": []}
    for record in pydicom.dcmread(path).DirectoryRecordSequence:
        for tag, _ in chosen.extra.get(record.DirectoryRecordType, ()):
            assert (tag in record) == (tag in ds), hex(tag)
            if tag in ds:
                assert record[tag].value == ds[tag].value
    # The validator knows no profiles, and that their keys are not among those of PS3.3 is all it says
    assert [line for line in sets.validated(path) if "not present in standard DICOM IOD" not in line] == []


def test_keys_that_all_frames_share_are_found_in_their_functional_groups(tmp_path):
    shared = mediafiles._items(
        PlanePositionSequence=mediafiles._items(ImagePositionPatient=[1, 2, 3]),
        PixelMeasuresSequence=mediafiles._items(PixelSpacing=[0.5, 0.5]),
    )
    mediafiles.write(tmp_path / "I1", SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1", SharedFunctionalGroupsSequence=shared)
    path, _ = sets.make(tmp_path, profile.named("STD-GEN-USB-JPEG").extra)
    record = pydicom.dcmread(path).DirectoryRecordSequence[-1]
    assert record.ImagePositionPatient == [1, 2, 3] and record.PixelSpacing == [0.5, 0.5]
