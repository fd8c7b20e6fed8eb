"""`edge transcode` and `edge codecs` as a person types them."""

import io
import json
import os
from pathlib import Path

import numpy
import pydicom
import pydicom.data
import pytest

from tests.pixels import objects
from tests.support import warm

PIXELS = numpy.random.default_rng(8).integers(0, 4096, (6, 40, 30)).astype("u2")
JPEG_LS = "1.2.840.10008.1.2.4.80"


def edge(*words, **more):
    return warm.run(words, **more)


@pytest.fixture
def ct(tmp_path):
    path = tmp_path / "ct.dcm"
    path.write_bytes(objects.octets_of(objects.dataset(PIXELS, 12, frames=6)))
    return path


def test_a_file_is_written_in_another_syntax(tmp_path, ct):
    said = edge("transcode", ct, tmp_path / "small.dcm", "--to", "jpeg-ls")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("1 file transcoded, ")
    got = pydicom.dcmread(tmp_path / "small.dcm")
    assert got.file_meta.TransferSyntaxUID == JPEG_LS
    assert numpy.array_equal(got.pixel_array, PIXELS)
    assert sorted(os.listdir(tmp_path)) == ["ct.dcm", "small.dcm"]


def test_nothing_is_overwritten(tmp_path, ct):
    there = tmp_path / "there.dcm"
    there.write_text("something else")
    said = edge("transcode", ct, there, "--to", "rle")
    assert said.returncode == 1
    assert "is there already, and is not overwritten" in said.stderr
    assert there.read_text() == "something else"


def test_of_a_folder_every_file_is_tried_and_the_rest_goes_on(tmp_path, ct):
    study = tmp_path / "study"
    (study / "deep").mkdir(parents=True)
    (study / "a.dcm").write_bytes(ct.read_bytes())
    (study / "b.txt").write_text("no DICOM object")
    (study / "deep" / "c.dcm").write_bytes(ct.read_bytes())
    (study / "deep" / "d.dcm").write_bytes(ct.read_bytes()[:-100])
    said = edge("transcode", study, tmp_path / "out", "--to", "jpeg-lossless")
    assert said.returncode == 1
    assert "2 files transcoded" in said.stdout and "2 not" in said.stdout
    assert "b.txt: not transcoded: this is not a DICOM file" in said.stderr
    assert "d.dcm: not transcoded: " in said.stderr and "ends within" in said.stderr
    files = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert files == ["a.dcm", "deep/c.dcm"]


def test_of_a_folder_objects_without_pixels_are_copied_as_they_are(tmp_path, ct):
    study = tmp_path / "study"
    study.mkdir()
    (study / "a.dcm").write_bytes(ct.read_bytes())
    report = Path(pydicom.data.get_testdata_file("reportsi.dcm"))
    (study / "report.dcm").write_bytes(report.read_bytes())
    said = edge("transcode", study, tmp_path / "out", "--to", "jpeg-ls")
    assert said.returncode == 0 and "1 file transcoded" in said.stdout
    assert "1 without pixels copied as they are" in said.stdout
    assert (tmp_path / "out" / "report.dcm").read_bytes() == report.read_bytes()
    assert edge("transcode", study / "report.dcm", tmp_path / "one.dcm", "--to", "jpeg-ls").returncode == 1


def test_what_a_killed_run_left_is_written_over(tmp_path, ct):
    (tmp_path / "out.dcm.partial").write_bytes(b"half of it")
    assert edge("transcode", ct, tmp_path / "out.dcm", "--to", "rle").returncode == 0
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.dcm"]


def test_near_is_refused_where_it_has_no_meaning(tmp_path, ct):
    said = edge("transcode", ct, tmp_path / "out.dcm", "--to", "rle", "--near", "3")
    assert said.returncode == 2 and "--near is for --to jpeg-ls-near" in said.stderr


def test_a_folder_is_not_written_into_itself(tmp_path, ct):
    said = edge("transcode", tmp_path, tmp_path / "below", "--to", "rle")
    assert said.returncode == 1 and "name another folder" in said.stderr


def test_json_has_a_row_for_each_file(tmp_path, ct):
    said = edge("transcode", ct, tmp_path / "small.dcm", "--to", "jpeg-ls", "--json")
    told = json.loads(said.stdout)
    assert (told["done"], told["failed"]) == (1, 0)
    assert told["files"][0]["syntax"] == JPEG_LS
    assert told["files"][0]["after"] == (tmp_path / "small.dcm").stat().st_size


@pytest.mark.parametrize("words", [["--to", "jpg"], [], ["--to", "big"], ["--to", "rle", "--threads", "0"]])
def test_what_is_not_understood_exits_with_2_and_says_what_there_is(tmp_path, ct, words):
    said = edge("transcode", ct, tmp_path / "out.dcm", *words)
    assert said.returncode == 2
    assert "jpeg-lossless" in said.stderr or "1 to 64" in said.stderr


def test_what_cannot_be_done_exits_with_1_and_says_why(tmp_path):
    path = tmp_path / "signed.dcm"
    path.write_bytes(objects.octets_of(objects.dataset(PIXELS[0].astype("i2"))))
    said = edge("transcode", path, tmp_path / "out.dcm", "--to", "jpeg-ls-near")
    assert said.returncode == 1 and "signed samples" in said.stderr
    assert sorted(os.listdir(tmp_path)) == ["signed.dcm"]


def test_how_far_a_sample_may_be_off_can_be_said(tmp_path, ct):
    assert edge("transcode", ct, tmp_path / "near.dcm", "--to", "jpeg-ls-near", "--near", "5").returncode == 0
    got = pydicom.dcmread(tmp_path / "near.dcm")
    assert numpy.abs(got.pixel_array.astype(int) - PIXELS).max() == 5


def test_every_codec_is_listed_with_what_it_does_or_why_not():
    said = edge("codecs")
    assert said.returncode == 0
    rows = {line.split()[0]: line for line in said.stdout.splitlines()}
    assert "reads writes" in rows["jpeg-ls"] and "JPEG-LS Lossless" in rows["jpeg-ls"]
    for row in json.loads(edge("codecs", "--json").stdout):
        assert row["name"] in rows
        assert row["decodes"] or row["missing"]


def test_a_bar_is_drawn_where_somebody_watches_and_taken_away_again(monkeypatch):
    from collections import namedtuple

    from edge.console import pixels

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stderr = Terminal()
    monkeypatch.setattr("sys.stderr", stderr)
    monkeypatch.setattr(pixels, "_BAR_AFTER_S", 0)
    bar = pixels._Bar(2)
    bar.watch("study/ct.dcm", namedtuple("Made", "frames frames_done")(10, 5))()
    assert " 25 %  0 of 2 files, frame 5 of 10  ct.dcm" in stderr.getvalue()
    bar.clear()
    assert stderr.getvalue().endswith("\r\033[K")
