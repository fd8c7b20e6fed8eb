"""`edge route FILE` says which routes apply, and why the others do not."""

import json

import pydicom.data
import pytest

from tests.support import warm

CT = pydicom.data.get_testdata_file("CT_small.dcm")

CONFIG = """
[[destination]]
name = "archive"
ae_title = "PACS"
host = "10.0.0.9"

[[destination]]
name = "night"
ae_title = "NIGHT"
host = "10.0.0.10"

[[route]]
from = "CT*"
modality = "CT"
where = { tag = "Rows", at_most = 128 }
to = "archive"

[[route]]
hours = "22:00-06:00"
to = "night"
priority = "urgent"
final = true

[[route]]
where = { tag = '(0009,"GEMS_IDEN_01",01)', like = "GE_*" }
to = "archive"
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_text(CONFIG)
    return path


def asked(config, *words):
    return warm.run(["route", "--config", config, *words])


def test_each_condition_is_shown_with_what_was_found(config):
    said = asked(config, CT, "--from", "CT1", "--at", "2026-11-22 12:00")
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines() == [
        "%s: CT Image Storage from CT1 at 127.0.0.1" % CT,
        "  route 1 to archive applies",
        '    yes  calling AE title is "CT*"; found "CT1"',
        '    yes  Modality is like "CT"; found "CT"',
        "    yes  Rows is at most 128; found 128",
        "  route 2 to night does not apply",
        '    no   time is 22:00-06:00; found "12:00"',
        "  route 3 to archive applies",
        '    yes  (0009,"GEMS_IDEN_01",01) is like "GE_*"; found "GE_GENESIS_FF"',
        "  goes to archive",
    ]


def test_a_final_route_ends_the_asking(config):
    said = asked(config, CT, "--from", "MR1", "--at", "2026-11-22 23:00")
    assert "  route 3 to archive is not asked" in said.stdout
    assert said.stdout.splitlines()[-1] == "  goes to night (urgent)"


def test_a_program_gets_the_same_as_json(config):
    found = json.loads(asked(config, CT, "--from", "CT1", "--at", "2026-11-22 12:00", "--json").stdout)["files"][0]
    assert found["to"] == ["archive"] and found["held"] is None
    assert [each["applies"] for each in found["routes"]] == [True, False, True]
    assert found["routes"][0]["conditions"][2] == {"condition": "Rows is at most 128", "holds": True, "found": "128"}


def test_a_file_that_goes_nowhere_or_cannot_be_read_is_a_failure(config, tmp_path):
    config.write_text(CONFIG[: CONFIG.index("[[route]]")])
    said = asked(config, CT)
    assert said.returncode == 1 and "held: no route is configured" in said.stdout
    broken = tmp_path / "none.dcm"
    broken.write_bytes(b"no DICOM at all, whoever reads this" * 20)
    for path in (broken, tmp_path / "missing", tmp_path):
        said = asked(config, path)
        assert said.returncode == 1 and str(path) in said.stderr, said


@pytest.mark.parametrize("words", [("--at", "yesterday"), ("--ip", "nowhere")])
def test_what_is_no_time_or_address_is_not_understood(config, words):
    said = asked(config, CT, *words)
    assert said.returncode == 2 and words[1] in said.stderr
