"""The audit trail: every line stays, in order, and what is done to it is noticed."""

import json
import os

import pytest

from edge.access import audit


@pytest.fixture
def trail(tmp_path):
    """A trail of three lines."""
    made = audit.Trail(str(tmp_path / "audit"))
    for number in range(3):
        made.write("anna (web at 10.0.0.5)", "release", {"object": number}, {"released": 1}, None)
    return made


def only_file(tmp_path):
    """The one file of a trail."""
    (path,) = (tmp_path / "audit").iterdir()
    return path


def test_a_line_says_who_did_what_and_what_came_of_it(trail):
    trail.write("bert (serial)", "remove", {"object": 9}, None, "no object 9")
    row = trail.read(3)[0]
    assert (row["n"], row["who"], row["verb"], row["request"]) == (4, "bert (serial)", "remove", {"object": 9})
    assert row["failure"] == "no object 9"


def test_a_trail_goes_on_after_a_restart_where_it_was(trail, tmp_path):
    again = audit.Trail(str(tmp_path / "audit"))
    again.write("x", "y", {}, {}, None)
    assert [row["n"] for row in again.read()] == [1, 2, 3, 4]
    assert again.broken_at() is None


def test_every_line_is_json_and_nobody_else_may_read_it(trail, tmp_path):
    path = only_file(tmp_path)
    assert [json.loads(line)["n"] for line in path.read_bytes().splitlines()] == [1, 2, 3]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda lines: lines[1].replace(b'"object":1', b'"object":7'), 2),
        (lambda lines: None, 2),
    ],
    ids=["changed", "taken out"],
)
def test_a_line_that_is_changed_or_taken_out_is_noticed(trail, tmp_path, change, place):
    path = only_file(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    changed = change(lines)
    path.write_bytes(lines[0] + (changed or b"") + lines[2])
    assert audit.Trail(str(tmp_path / "audit")).broken_at() == place


def test_lines_that_are_taken_off_the_end_are_noticed_while_the_box_runs(trail, tmp_path):
    path = only_file(tmp_path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    assert trail.broken_at() == 3


def test_a_line_torn_by_a_power_cut_is_cut_off(trail, tmp_path):
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    again = audit.Trail(str(tmp_path / "audit"))
    again.write("x", "y", {}, {}, None)
    assert [row["n"] for row in again.read()] == [1, 2, 3] and again.broken_at() is None


def test_a_trail_is_bounded_and_what_is_left_is_still_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(audit, "SEGMENT_BYTES", 2000)
    monkeypatch.setattr(audit, "SEGMENTS", 3)
    trail = audit.Trail(str(tmp_path / "audit"))
    for number in range(60):
        trail.write("anna", "release", {"object": number}, {}, None)
    files = list((tmp_path / "audit").iterdir())
    assert len(files) == 3 and sum(path.stat().st_size for path in files) <= 6000
    numbers = [row["n"] for row in trail.read(0, 1000)]
    assert numbers == list(range(numbers[0], 61)) and numbers[0] > 1
    assert trail.broken_at() is None


def test_it_is_read_page_by_page(trail):
    assert [row["n"] for row in trail.read(None, 2)] == [2, 3]
    assert [row["n"] for row in trail.read(0, 2)] == [1, 2]
    assert [row["n"] for row in trail.read(2, 2)] == [3]
    assert trail.read(3, 2) == []


def test_a_text_of_any_length_makes_no_line_longer_than_the_limit(trail):
    trail.write("x", "change", {"text": "a" * 100_000, "edits": [{"key": "b" * 5000}] * 1000}, {}, None)
    assert len(json.dumps(trail.read(3)[0])) < 40_000


def test_a_line_that_cannot_be_written_is_said_and_written_later(trail, tmp_path, monkeypatch, caplog):
    real = os.fdatasync
    monkeypatch.setattr(trail._disk, "fdatasync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left")))
    trail.write("anna", "remove", {"object": 1}, {"removed": 1}, None)
    trail.write("anna", "remove", {"object": 2}, {"removed": 2}, None)
    assert "cannot be written (no space left): 2 lines wait" in trail.fault
    assert sum("cannot be written" in record.message for record in caplog.records) == 1
    monkeypatch.setattr(trail._disk, "fdatasync", real)
    trail.write("anna", "remove", {"object": 3}, {"removed": 3}, None)
    assert [row["request"]["object"] for row in trail.read(3)] == [1, 2, 3]
    assert trail.fault is None and trail.broken_at() is None
