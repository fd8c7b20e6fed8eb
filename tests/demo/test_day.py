"""The day passes, the link drops, and everything arrives; what does not is said."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edge.demo import day, modality, phantom, proof
from tests.support.process import wait_until

SHORT_DAY = (
    ((8, 10), "CT", 1, 4),
    ((9, 0), "MR", 2, 4),
    ((11, 0), "CT", 3, 6),
    ((12, 50), "MR", 4, 4),
    ((15, 0), "CT", 5, 4),
    ((16, 20), "MR", 6, 2),
)


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """A day of a few seconds, whose temporary files lie below tmp_path."""
    monkeypatch.setattr(day, "_MINUTES_PER_S", 150.0)
    monkeypatch.setattr(day, "_DRAW_S", 0.05)
    monkeypatch.setattr(modality, "_DAY", SHORT_DAY)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    yield
    assert not list((tmp_path / "temporary").iterdir())


def test_a_day_ends_with_everything_delivered_and_proved(quick, capsys):
    assert day.run(None) == 0
    said = capsys.readouterr().out
    assert "24 objects" in said
    assert "every one is at the archive and at the workstation, with identical pixels" in said
    assert "the link to the archive is cut in the middle of a transfer" in said
    assert "the link to the archive is back" in said
    assert "same pixels" in said and "identical" in said
    assert "cut 2 times" in said


def test_a_day_of_real_files(quick, capsys, tmp_path):
    folder = tmp_path / "files"
    (folder / "deeper").mkdir(parents=True)
    head = phantom.study("CR", 3)
    phantom.save(phantom.cr(head, 1, 2, size=256), folder)
    phantom.save(phantom.us(phantom.study("US", 1), size=160, frames=2), folder / "deeper")
    phantom.save(phantom.ct(phantom.study("CT", 1), syntax="1.2.840.10008.1.2.1.99", size=64), folder)
    (folder / "notes.txt").write_text("no DICOM here, but more than a preamble of it" * 10)
    assert day.run(None, str(folder)) == 0
    said = capsys.readouterr().out
    assert "3 objects" in said and "left out" in said and "notes.txt" in said


def test_an_object_that_the_box_refuses_is_named_and_the_rest_goes_on(quick, capsys, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    made = phantom.ct(phantom.study("CT", 1), size=64)
    phantom.save(made, folder)
    phantom.save(made._replace(sop_instance="1.2.3.4"), folder)  # its data set says otherwise
    assert day.run(None, str(folder)) == 1
    said = capsys.readouterr().out
    assert "the box refused" in said and "1.2.3.4.dcm" in said and "A900" in said
    assert "1 identical" in said and "Not taken by the box, for the reasons above: 1." in said


def test_a_folder_without_any_object_is_said(quick, capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    assert day.run(None, str(tmp_path / "empty")) == 1
    assert "there is no DICOM file in" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_it_leaves_nothing_behind(number, tmp_path):
    running = subprocess.Popen(
        [sys.executable, "-m", "edge.service", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    try:
        wait_until(lambda: list(tmp_path.glob("edge-demo-*/archive/*.dcm")), 30, "something to arrive")
        running.send_signal(number)
        assert running.wait(20) == 130
        said = running.stdout.read()
        assert b"Traceback" not in said
        assert not list(tmp_path.iterdir())
        wait_until(lambda: not _group(running.pid), 5, "its processes to end")
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.stdout.close()


def _group(leader):
    """The processes of a process group."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == leader and fields[0] != "Z":
            found.append(status.parent.name)
    return found


def file_of(made, folder):
    folder.mkdir(exist_ok=True)
    return phantom.save(made, folder)


def test_the_proof_tells_identical_from_re_encoded_from_missing_from_different(tmp_path):
    head = phantom.study("CT", 1)
    made = phantom.ct(head, size=64)
    sent = proof.take(file_of(made, tmp_path / "sent"))
    assert proof.compare(sent, proof.take(file_of(made, tmp_path / "a"))) == proof.IDENTICAL
    implicit = phantom.ct(head, size=64, syntax="1.2.840.10008.1.2")
    assert proof.compare(sent, proof.take(file_of(implicit, tmp_path / "b"))) == proof.SAME_PIXELS
    deflated = phantom.ct(head, size=64, syntax="1.2.840.10008.1.2.1.99")
    assert proof.compare(sent, proof.take(file_of(deflated, tmp_path / "c"))) == proof.SAME_PIXELS
    octets = bytearray(made.data_set)
    octets[-1] ^= 1
    spoilt = made._replace(data_set=bytes(octets))
    assert proof.compare(sent, proof.take(file_of(spoilt, tmp_path / "d"))) == proof.DIFFERENT
    assert proof.compare(sent, None) == proof.MISSING


def test_a_proof_that_does_not_hold_says_so(tmp_path):
    head = phantom.study("CT", 1)
    sheets = [modality.read_sheet(file_of(phantom.ct(head, n, 2, size=64), tmp_path / "sent")) for n in (1, 2)]
    file_of(phantom.ct(head, 1, 2, size=64), tmp_path / "there")
    made = proof.Proof(("archive",))
    made.add("one study", sheets, [str(tmp_path / "there")])
    assert not made.holds
    said = "\n".join(made.lines())
    assert "1 identical, 1 missing" in said and "NOT every object" in said


def test_the_pixels_are_those_of_the_top_level(tmp_path):
    """Pixel Data in an icon's item is not that of the object."""
    made = phantom.ct(phantom.study("CT", 1), size=64)
    icon = b"\x88\x00\x00\x02SQ\0\0\x16\0\0\0" + b"\xfe\xff\x00\xe0\x0e\0\0\0" + b"\xe0\x7f\x10\x00OW\0\0\2\0\0\0ab"
    begin = made.pixels.start - 12
    both = made._replace(data_set=made.data_set[:begin] + icon + made.data_set[begin:])
    assert proof.take(file_of(made, tmp_path / "a")).pixels == proof.take(file_of(both, tmp_path / "b")).pixels
