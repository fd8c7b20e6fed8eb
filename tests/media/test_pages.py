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
from pydicom.uid import generate_uid

from edge.demo import phantom
from edge.media import pages, papers, sight
from edge.pixels import binding, limited, render, source
from tests.media import volumes

pytestmark = [
    pytest.mark.skipif(not binding.available()[0], reason="the C extension is not built"),
    pytest.mark.skipif(not limited.available()["jpeg"][0], reason="libjpeg-turbo is missing"),
]
NAME = re.compile(r"([A-Z0-9_]{1,8}/)?[A-Z0-9_]{1,8}\.(HTM|JPG|PDF|TXT)")
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


def pdf(words):
    """A PDF of one page with a line of text, of an odd number of octets."""
    stream = b"BT /F1 24 Tf 72 700 Td (%s) Tj ET" % words.encode()
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    octets, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(octets))
        octets += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\n" % table
    end = head + b"startxref\n%d\n%%%%EOF" % len(octets)
    return octets + end + b"\n" * (1 - len(octets + end) % 2)


def other(folder, sop_class, **values):
    """The path of an object without pixels."""
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    del dataset.PixelData
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for name, value in values.items():
        setattr(dataset, name, value)
    path = folder / f"{len(list(folder.iterdir()))}.dcm"
    dataset.save_as(path)
    return str(path)


def encapsulated(folder, octets):
    return other(
        folder, "1.2.840.10008.5.1.4.1.1.104.1", Modality="DOC", MIMETypeOfEncapsulatedDocument="application/pdf",
        EncapsulatedDocument=octets + b"\0" * (len(octets) % 2), EncapsulatedDocumentLength=len(octets),
    )  # fmt: skip


def presentation(folder):
    return other(folder, "1.2.840.10008.5.1.4.1.1.11.1", Modality="PR")


def code(meaning, value="1"):
    item = pydicom.Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "99TEST", meaning
    return [item]


def deep(folder):
    """The path of a report: findings with a text, a number and a person below them, and a link to an image."""

    def item(kind, name, **values):
        made = pydicom.Dataset()
        made.RelationshipType, made.ValueType, made.ConceptNameCodeSequence = "CONTAINS", kind, code(name)
        for key, value in values.items():
            setattr(made, key, value)
        return made

    measured = pydicom.Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = "12.5", code("millimetre", "mm")
    below = [
        item("TEXT", "Beschreibung", TextValue="Kein <b>Herd</b>, Gr\u00f6\u00dfe unver\u00e4ndert"),
        item("NUM", "Durchmesser", MeasuredValueSequence=[measured]),
        item("PNAME", "Befunder", PersonName="M\u00fcller^Anna"),
        item("IMAGE", "Quelle"),
    ]
    verdict = item("CODE", "Urteil", ConceptCodeSequence=code("gut"))
    content = [item("CONTAINER", "Befunde", ContentSequence=below), verdict]
    return other(
        folder, "1.2.840.10008.5.1.4.1.1.88.33", Modality="SR", ValueType="CONTAINER",
        ConceptNameCodeSequence=code("Radiologischer Befund"), ContentSequence=content,
    )  # fmt: skip


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
    instances.append(sight.Instance(presentation(source), 1, 2, 3))
    instances.append(sight.Instance(encapsulated(source, pdf("Befund 4711")), 1, 2, 4))
    instances.append(sight.Instance(encapsulated(source, b"MZ" + bytes(500)), 1, 2, 4))
    instances.append(sight.Instance(deep(source), 1, 2, 5))
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


def leaf(made, name):
    return next(each for each in made[0] if each.name == "IHE_PDI/" + name)


def test_an_encapsulated_pdf_lies_beside_its_page_and_is_linked(made):
    assert '<a href="D0000001.PDF">' in made[1]["IHE_PDI/SE000005.HTM"]
    path = leaf(made, "D0000001.PDF").path
    assert Path(path).read_bytes() == pdf("Befund 4711") and len(pdf("Befund 4711")) % 2
    done = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True)
    assert "Befund 4711" in done.stdout


def test_what_is_called_a_pdf_and_is_none_stays_where_it_is(made):
    assert "Encapsulated PDF" in made[1]["IHE_PDI/SE000005.HTM"]
    assert "does not begin as a PDF does" in made[1]["IHE_PDI/SE000005.HTM"]
    assert [each.name for each in made[0] if each.name.endswith(".PDF")] == ["IHE_PDI/D0000001.PDF"]


def test_a_report_is_a_page_of_its_content_tree(made):
    assert re.search(r'<a href="R0000002.HTM"><span>Radiologischer Befund</span></a>', made[1]["IHE_PDI/SE000006.HTM"])
    tree = etree.fromstring(made[1]["IHE_PDI/R0000002.HTM"])
    words = ["".join(each.itertext()) for each in tree.iter("{http://www.w3.org/1999/xhtml}li")]
    assert words[1:5] == [
        "Beschreibung: Kein <b>Herd</b>, Gr\u00f6\u00dfe unver\u00e4ndert", "Durchmesser: 12.5 mm",
        "Befunder: M\u00fcller Anna", "Quelle: an image",
    ]  # fmt: skip
    assert words[0].startswith("Befunde") and words[5] == "Urteil: gut"


def test_a_report_by_another_maker_is_read(made):
    expected = pydicom.dcmread(get_testdata_file("test-SR.dcm"))
    page = made[1]["IHE_PDI/R0000001.HTM"]
    assert expected.ConceptNameCodeSequence[0].CodeMeaning in page
    items = [each for each in expected.ContentSequence if "ConceptNameCodeSequence" in each]
    named = {each.ConceptNameCodeSequence[0].CodeMeaning for each in items}
    assert named and all(f"<span>{each}</span>" in page for each in named)


def test_anything_else_without_pictures_is_named_as_what_it_is(made):
    page = made[1]["IHE_PDI/SE000004.HTM"]
    assert "Grayscale Softcopy Presentation State" in page and "nothing to look at here" in page


def test_an_endless_report_is_cut_and_says_so(tmp_path):
    item = pydicom.Dataset()
    item.ValueType, item.TextValue = "TEXT", "x" * 1000
    path = other(tmp_path, "1.2.840.10008.5.1.4.1.1.88.11", ValueType="CONTAINER", ContentSequence=[item] * 500)
    with open(path, "rb") as file:
        found = papers.report(source.FileSource(file.fileno()))
    assert not found.is_whole and 200 < len(found.top.items) < 300


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
    assert "diagnosis" in text and "7 studies with 11 series" in text
    assert "DEMO" not in text and all(line.endswith("\r") for line in text.split("\n")[:-1])


def test_pages_are_no_larger_than_was_forecast(made):
    size = sum(leaf.size for leaf in made[0])
    forecast = pages.forecast(11, 7)
    assert size <= forecast.most and len(made[0]) <= forecast.files
