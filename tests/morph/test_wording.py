"""Descriptions lose what identifies, however it is written, and keep the rest."""

import pytest

from edge.morph.wording import Wording

MUELLER = Wording(["Müller^Jo", "山田^太郎", "Klinik Nord"], ["A-47/11", "19600203"])


@pytest.mark.parametrize(
    "written",
    [
        "CT MUELLER", "CT MÜLLER", "CT mueller", "CT Muller", "CTMüller CT", "CT ct_müller", "CT Jo", "CT jo",
        "CT A-47/11", "CT A4711", "CT a 47 11", "CT 19600203", "CT 1960-02-03", "CT 3.2.1960", "CT 3/2/60",
        "CT 0301234567", "CT jo@example.org", "CT 山田太郎の検査", "CT nord",
    ],
)  # fmt: skip
def test_what_identifies_goes(written):
    assert MUELLER.clean(written) == "CT"


@pytest.mark.parametrize(
    "written",
    ["Lung 1.0 B70f", "T2 TSE sag 4mm", "Thorax pa/lat", "Kopf 4711b", "1.5 T", "0.75/1.5", "Joint", "northern"],
)
def test_what_does_not_identify_stays(written):
    assert MUELLER.clean(written) == written


def test_an_identifier_of_two_signs_is_not_looked_for():
    assert Wording([], ["7", "42", ""]).clean("7 of 42 slices") == "7 of 42 slices"
