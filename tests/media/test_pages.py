"""The pages of a volume: valid XHTML and JPEG of level 1 names, whatever the names of patients are."""

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as etree
from pathlib import Path

import imagecodecs
import numpy
import pydicom
import pytest
from pydicom.data import get_testdata_file

from edge.demo import phantom
from edge.media import pages, sight
from edge.pixels import binding, limited, render
from tests.media import volumes

pytestmark = [
    pytest.mark.skipif(not binding.available()[0], reason="the C extension is not built"),
    pytest.mark.skipif(not limited.available()["jpeg"][0], reason="libjpeg-turbo is missing"),
]
NAME = re.compile(r"([A-Z0-9_]{1,8}/)?[A-Z0-9_]{1,8}\.(HTM|JPG|TXT)")
HOSTILE = (
    "</title><script>alert(1)</script>&\"'",
    "..\\..\\^/etc/passwd",
    "A" * 64 + "\x1b[2J\ufffe\u202e",
    "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce=\u3084\u307e\u3060^\u305f\u308d\u3046",
    "\u0642\u0628\u0627\u0646\u064a^\u0644\u0646\u0632\u0627\u0631",
)
ABOUT = pages.About("Klinik S\u00fcd <&>", "films@clinic.example", made="2026-11-23", number=2, of=3)


def named(folder, name):
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = dataset.PatientID = dataset.StudyDescription = dataset.AccessionNumber = name
    dataset.SeriesDescription = name
    path = folder / f"{len(list(folder.iterdir()))}.dcm"
    dataset.save_as(path)
    return str(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(leaves, {name: text of each page}, the CT's study) of a volume with a bit of everything."""
    source, folder = tmp_path_factory.mktemp("objects"), tmp_path_factory.mktemp("staging")
    study = phantom.study("CT", seed=2)
    instances = [
        sight.Instance(phantom.save(phantom.ct(study, number, 20, size=96), source), 1, 1, 1) for number in range(1, 21)
    ]
    loop = phantom.save(phantom.us(phantom.study("US", seed=2), size=64, frames=10), source)
    instances.append(sight.Instance(loop, 1, 2, 1))
    instances.append(sight.Instance(get_testdata_file("test-SR.dcm"), 1, 2, 2))
    instances += [sight.Instance(named(source, name), name, name, name) for name in HOSTILE]
    leaves = list(volumes.end(pages.make(instances, len(instances), str(folder), ABOUT)))
    texts = {leaf.name: Path(leaf.path).read_text("utf-8") for leaf in leaves if leaf.name.endswith(".HTM")}
    return leaves, texts, instances


def test_there_are_only_xhtml_and_jpeg_and_one_readme_with_names_of_level_1(made):
    leaves = made[0]
    assert len({leaf.name for leaf in leaves}) == len(leaves)
    assert {"INDEX.HTM", "README.TXT"} == {leaf.name for leaf in leaves if "/" not in leaf.name}
    for leaf in leaves:
        assert NAME.fullmatch(leaf.name), leaf.name
        assert os.path.getsize(leaf.path) == leaf.size


def test_every_page_is_well_formed_and_nothing_in_it_runs(made):
    for name, text in made[1].items():
        tree = etree.fromstring(text)
        assert not [each for each in tree.iter() if each.tag.endswith(("script", "iframe", "object", "form"))], name
        assert not [key for each in tree.iter() for key in each.attrib if key.startswith("on")], name


@pytest.mark.skipif(
    shutil.which("xmllint") is None or not os.path.isdir("/usr/share/xml/w3c-sgml-lib"), reason="no xmllint, or no DTD"
)
def test_every_page_is_strict_xhtml_by_its_dtd(made):
    paths = [leaf.path for leaf in made[0] if leaf.name.endswith(".HTM")]
    done = subprocess.run(["xmllint", "--nonet", "--noout", "--valid", *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_links_lead_to_what_is_there(made):
    names = {leaf.name for leaf in made[0]} | {"VIEWER/VIEWER.HTM"}
    for name, text in made[1].items():
        for link in re.findall(r'(?:href|src)="([^"]*)"', text):
            assert os.path.normpath(os.path.join(os.path.dirname(name), link)) in names, (name, link)


def test_names_are_text_with_their_direction(made):
    index = made[1]["INDEX.HTM"]
    assert "&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;" in index
    assert "Yamada Tarou (\u5c71\u7530 \u592a\u90ce, \u3084\u307e\u3060 \u305f\u308d\u3046)" in index
    assert '<span dir="rtl">%s</span>' % HOSTILE[4].replace("^", " ") in index
    assert "\u202e" not in index and "\x1b" not in index


def test_a_series_has_some_pictures_and_says_how_many_there_are(made):
    series = made[1]["IHE_PDI/SE000001.HTM"]
    assert series.count("<img") == pages.PICTURES
    assert "Object 2 of 20" in series and "All 20 are on this volume" in series
    assert made[1]["IHE_PDI/SE000002.HTM"].count("Frame ") >= pages.PICTURES


def test_what_has_no_picture_is_listed_with_the_reason(made):
    assert "No picture: there are no pictures in it." in made[1]["IHE_PDI/SE000003.HTM"]


def test_a_picture_is_what_the_console_shows_of_the_object(made):
    leaves, _, instances = made
    picture = next(leaf for leaf in leaves if leaf.name == "IHE_PDI/P0000001.JPG")
    decoded = imagecodecs.jpeg8_decode(Path(picture.path).read_bytes())
    with open(instances[1].path, "rb") as file:
        drawn, lines = render.draw(file.fileno())
        expected = numpy.frombuffer(b"".join(lines), numpy.uint8).reshape(drawn.shown_rows, drawn.shown_columns)
    assert decoded.shape == expected.shape
    assert numpy.abs(decoded.astype(int) - expected.astype(int)).mean() < 3


def test_the_readme_says_whose_it_is_and_names_no_patient(made):
    octets = Path(next(leaf.path for leaf in made[0] if leaf.name == "README.TXT")).read_bytes()
    text = octets.decode("utf-8-sig")
    assert "Klinik S\u00fcd <&>" in text and "films@clinic.example" in text
    assert "Volume 2 of 3, made on 2026-11-23" in text
    assert "diagnosis" in text and "7 studies with 8 series" in text
    assert "DEMO" not in text and all(line.endswith("\r") for line in text.split("\n")[:-1])


def test_pages_are_no_larger_than_was_forecast(made):
    size = sum(leaf.size for leaf in made[0])
    forecast = pages.forecast(8, 7)
    assert size <= forecast.most and len(made[0]) <= forecast.files
