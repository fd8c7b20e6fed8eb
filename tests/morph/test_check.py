"""What a change makes is held against the VR and VM of its element."""

import pytest

from edge.dicom import keywords
from edge.dicom.errors import LocalError
from edge.morph.check import legal


def ok(keyword, *values, vr=None):
    from edge.dicom import tags

    tag = keywords.tag(keyword)
    try:
        legal(tag, vr or tags.vr(tag), list(values))
    except LocalError:
        return False
    return True


@pytest.mark.parametrize(
    "keyword, good, bad",
    [
        ("StationAETitle", ["EDGE", "a b"], ["x" * 17, "  ", "é"]),
        ("PatientAge", ["034Y", "001D"], ["34Y", "34", "034X"]),
        ("Modality", ["CT", "A_1 "], ["ct", "A-1", "A" * 17]),
        ("StudyDate", ["20240229", "19991231"], ["2026", "20260230", "20260229", "20261301", "20260100", "20260132"]),
        ("StudyTime", ["08", "081500", "081500.123456", "235960"], ["24", "0860", "8", "081500."]),
        ("AcquisitionDateTime", ["2026", "20260105081500.1+0100"], ["2026010508+1", "x", "20260431101112"]),
        ("SliceThickness", ["1", "-1.5e-3", " .5 "], ["1,5", "", "1" * 17, "1e"][0:1] + ["1" * 17, "1e"]),
        ("SeriesNumber", ["1", "-2147483648"], ["1.0", "2147483648", "a"]),
        ("PatientName", ["A^B", "A=B=C", "x" * 64], ["A=B=C=D", "A^B^C^D^E^F", "x" * 65, "a\\b", "a\nb"]),
        ("InstitutionAddress", ["a\nb", "a\\b", "x" * 1024], ["x" * 1025, "a\0"]),
        ("StudyInstanceUID", ["1.2.3"], ["1.02", "1..2", "x", "1." * 40]),
    ],
)
def test_a_value_fits_its_vr_or_not(keyword, good, bad):
    for value in good:
        assert ok(keyword, value), value
    for value in bad:
        assert not ok(keyword, value), value


@pytest.mark.parametrize(
    "keyword, good, bad",
    [
        ("Modality", [1], [2]),
        ("PixelSpacing", [2], [1, 3]),
        ("ImageType", [2, 3, 9], [1]),
        ("OtherPatientNames", [1, 5], []),
        ("ImageOrientationPatient", [6], [5, 7]),
        ("VerticesOfThePolygonalShutter", [2, 4], [1, 3]),
        ("PatientComments", [1], [2]),
    ],
)
def test_there_are_as_many_values_as_the_dictionary_says(keyword, good, bad):
    for count in good:
        assert ok(keyword, *["1"] * count), count
    for count in bad:
        assert not ok(keyword, *["1"] * count), count
    assert ok(keyword)


def test_octets_and_sequences_cannot_be_written():
    assert not ok("EncapsulatedDocument", "x")
    assert not ok("Rows", "x") and ok("Rows", 5)
