"""Exports of the running box: followed from the command line, cut short by a kill, made again, cancelled."""

import json
import os
import subprocess

import pytest
from pydicom.fileset import FileSet

from edge.demo import phantom
from edge.media import examine, profile
from tests.media import sets
from tests.support import dcmtk, process
from tests.support.dcmqrscp import Dcmqrscp
from tests.support.service import Service, destination


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    files = folder / "files"
    files.mkdir()
    head = phantom.study("US", 3)
    for number in range(1, 5):
        phantom.save(phantom.us(head, number=number, of=4, frames=8), files)
    other = phantom.study("CT", 4)
    phantom.save(phantom.ct(other, size=64), files)
    away = [destination("away", process.free_port(), retry_first_s=600)]
    with Service(folder, away, media={"institution": "City Hospital"}) as made:
        made.edge("send", "away", files)
        yield made


def row(box, number):
    return box.ask("exports", export=number)[0][0]


def over(box, number):
    """Wait until an export is over, and return its row."""
    process.wait_until(lambda: row(box, number)["state"] not in ("waiting", "running"), 60, "the end of the export")
    return row(box, number)


def test_an_export_is_followed_to_its_end(box, tmp_path):
    done = box.edge("export", "--patient", "DEMO-00004", "--to", f"dir:{tmp_path}/set")
    assert "1 object" in done.stdout and "written and compared" in done.stdout
    assert "export 1: " in done.stderr
    assert list(examine.examine(str(tmp_path / "set"), profile.named("STD-GEN-CD"))) == []


def test_what_cannot_be_exported_is_said_at_once_and_leaves_no_record(box, tmp_path):
    before = len(box.ask("exports")[0])
    done = box.edge("export", "--patient", "nobody", "--to", f"iso:{tmp_path}/x.iso", check=False)
    assert done.returncode == 1 and "no study here is what was asked for" in done.stderr
    assert len(box.ask("exports")[0]) == before


@pytest.mark.parametrize(
    "given, words",
    [
        (("--to", "floppy:a"), "--to: floppy:a is no place; expected iso:FILE"),
        (("--to", "disc.iso"), "--to: disc.iso is no place"),
        (("--to", "zip:"), "--to: zip: needs a name"),
        (("--to", "dir:x", "--since", "yesterday"), "--since: a date is written as"),
    ],
)
def test_a_place_or_date_that_is_none_is_a_mistake_of_the_command_line(box, given, words):
    done = box.edge("export", "--patient", "DEMO-00004", *given, check=False)
    assert done.returncode == 2 and words in done.stderr


def test_a_whole_stick_is_formatted_only_where_that_is_said(box, tmp_path):
    with open(tmp_path / "stick", "wb") as file:
        file.truncate(100 << 20)
    to = "export", "--patient", "DEMO-00004", "--to", f"usb:{tmp_path}/stick"
    done = box.edge(*to, check=False)
    assert done.returncode == 1 and "with --format the whole of it is formatted" in done.stderr
    assert not (tmp_path / "stick").read_bytes().strip(b"\0")
    done = box.edge("media", "format", tmp_path / "stick", check=False)
    assert done.returncode == 2 and "would be lost: add --yes" in done.stderr
    assert not (tmp_path / "stick").read_bytes().strip(b"\0")
    assert "an empty stick of FAT32" in box.edge("media", "format", tmp_path / "stick", "--yes").stdout
    done = box.edge(*to, "--format")
    assert "all that is on it is lost" in done.stderr and "written and compared; may be handed out" in done.stdout
    (tmp_path / "read").mkdir()
    copy = ["mcopy", "-s", "-i", f"{tmp_path}/stick@@1M", "::/", tmp_path / "read"]
    subprocess.run(copy, check=True, capture_output=True)
    assert list(examine.examine(str(tmp_path / "read"), profile.named("STD-GEN-USB-JPEG"))) == []
    done = box.edge("export", "--patient", "DEMO-00004", "--to", f"zip:{tmp_path}/x.zip", "--format", check=False)
    assert done.returncode == 1 and "only a stick is formatted" in done.stderr


def test_an_export_that_a_kill_cuts_short_is_made_again(box, tmp_path):
    _, told = box.ask("export", to=f"iso:{tmp_path}/disc.iso", patient="DEMO-00003")
    number = told["export"]
    process.wait_until(lambda: row(box, number)["stage"] == "making the viewer", 60, "the viewer")
    box.kill()
    left = os.listdir(box.state_dir / "export")
    assert f"{number}" in left and not (tmp_path / "disc.iso").exists()
    box.restart()
    found = over(box, number)
    assert found["state"] == "done" and found["objects"] == 4
    digest = subprocess.run(["sha256sum", tmp_path / "disc.iso"], capture_output=True, text=True, check=True).stdout
    assert digest.split()[0] == found["volumes"][0]["sha256"]
    assert f"{number}" not in os.listdir(box.state_dir / "export"), "staging is left"
    assert [name for name in os.listdir(tmp_path) if name != "disc.iso"] == []


def test_a_protected_export_that_a_kill_cuts_short_says_that_its_password_is_not_kept(box, tmp_path):
    words = "ward 7, bed 12 -- key"
    _, told = box.ask("export", to=f"zip:{tmp_path}/disc.zip", patient="DEMO-00003", password=words, viewer=True)
    number = told["export"]
    process.wait_until(lambda: row(box, number)["stage"] == "making the viewer", 60, "the viewer")
    box.kill()
    box.restart()
    found = row(box, number)
    assert found["state"] == "failed" and "the password is not kept: order it again" in found["words"]
    done = box.edge("retry-export", number, check=False)
    assert done.returncode == 1 and "order it again" in done.stderr and os.listdir(tmp_path) == []
    for each in box.state_dir.rglob("*"):
        assert not each.is_file() or words.encode() not in each.read_bytes(), each


def test_a_password_comes_from_a_file_and_one_that_is_made_is_said_once(box, tmp_path):
    (tmp_path / "words").write_text("ward 7, bed 12 -- key\n")
    to = "export", "--patient", "DEMO-00004", "--to"
    (tmp_path / "words").chmod(0o604)
    done = box.edge(*to, f"dir:{tmp_path}/set", "--password-file", tmp_path / "words", check=False)
    assert done.returncode == 1 and "words cannot be used: anybody on this machine can get at it" in done.stderr
    assert "bed 12" not in done.stderr and not (tmp_path / "set").exists()
    (tmp_path / "words").chmod(0o600)
    box.edge(*to, f"dir:{tmp_path}/set", "--password-file", tmp_path / "words")
    assert (tmp_path / "set" / "DICOMDIR").read_bytes()[:1] == b"\x30" and not (tmp_path / "set/INDEX.HTM").exists()
    done = box.edge(*to, f"zip:{tmp_path}/a.zip", "--new-password", "--no-viewer")
    made = done.stdout.partition("password: ")[2].split()[0]
    assert done.stdout.count(made) == 1 and made not in box.edge("exports", "--json").stdout + box.log()
    assert subprocess.run(["7z", "t", f"-p{made}", tmp_path / "a.zip"], capture_output=True).returncode == 0
    done = box.edge(*to, f"dir:{tmp_path}/b", "--password", "--new-password", check=False)
    assert done.returncode == 2 and "exclude each other" in done.stderr
    done = box.edge(*to, f"dir:{tmp_path}/b", "--password", check=False)
    assert done.returncode == 2 and "--password-file" in done.stderr


def test_an_export_is_cancelled_and_made_again_on_demand(box, tmp_path):
    _, told = box.ask("export", to=f"dir:{tmp_path}/set", patient="DEMO-00003")
    process.wait_until(lambda: row(box, told["export"])["stage"] is not None, 60, "its first stage")
    box.ask("cancel-export", export=told["export"])
    assert over(box, told["export"])["state"] == "cancelled" and os.listdir(tmp_path) == []
    again = json.loads(box.edge("retry-export", told["export"], "--json").stdout)
    assert (again["state"], again["objects"]) == ("done", 4) and again["export"] != told["export"]


def test_a_study_that_still_comes_in_is_said_before_it_begins_on_every_way(box, tmp_path):
    done = box.edge("export", "--patient", "DEMO-00004", "--to", f"zip:{tmp_path}/a", "--no-viewer")
    first, *_, last = done.stderr.splitlines()
    assert first == f"note: it is written to {tmp_path}/a.zip" and "is still coming in" in done.stderr
    assert last.startswith("export ") and f"note: it is written to {tmp_path}/a.zip" in done.stdout
    _, told = box.ask("export", to=f"dir:{tmp_path}/b", patient="DEMO-00004", wait=True)
    process.wait_until(lambda: row(box, told["export"])["stage"], 60, "what it waits for")
    assert row(box, told["export"])["stage"].startswith("waiting: until nothing of it has come for 15 min")
    box.ask("cancel-export", export=told["export"])
    assert over(box, told["export"])["words"] == "cancelled before it began"


def test_a_study_that_is_not_here_is_fetched_and_exported_also_when_a_kill_comes_between(tmp_path):
    (tmp_path / "files").mkdir()
    head = phantom.study("CT", 5)
    files = [phantom.save(phantom.ct(head, number=number, of=3, size=64), tmp_path / "files") for number in (1, 2, 3)]
    with (
        Dcmqrscp(tmp_path / "archive", files) as archive,
        Service(tmp_path / "box", [destination("archive", archive.port)]) as box,
    ):
        with pytest.raises(RuntimeError, match="no study here is what was asked for"):
            box.ask("export", to=f"dir:{tmp_path}/x", study=[head.uid])
        asked = {"study": [head.uid], "from": "archive", "viewer": False}
        number = box.ask("export", to=f"iso:{tmp_path}/a.iso", **asked)[1]["export"]
        box.kill()
        box.restart()
        assert over(box, number)["state"] == "done" and over(box, number)["objects"] == 3
        done = box.edge("export", "--study", head.uid, "--from", "archive", "--to", f"dir:{tmp_path}/b")
        assert "fetching from archive" in done.stderr and "3 objects" in done.stdout
        number = box.ask("export", to=f"dir:{tmp_path}/c", **{**asked, "study": ["1.2.3"]})[1]["export"]
        assert "study 1.2.3 was not fetched whole from archive" in over(box, number)["words"]
    assert len(list(sets.loaded(tmp_path / "b" / "DICOMDIR"))) == 3


def test_a_rule_makes_a_volume_of_a_study_that_a_modality_sent_once_it_is_quiet(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "words").write_text("ward 7, bed 12 -- key\n")
    (tmp_path / "words").chmod(0o600)
    plain = {"to": f"dir:{tmp_path}/plain", "modality": ["CT"]}
    locked = {"to": f"zip:{tmp_path}/locked", "password_file": str(tmp_path / "words"), "viewer": False}
    with Service(tmp_path / "box", media={"quiet_min": 0.05}, export=[plain, locked]) as box:
        process.wait_until(lambda: (box.state_dir / "export" / "rules").exists(), 20, "the rules")
        head = phantom.study("CT", 6)
        for number in range(1, 4):
            phantom.save(phantom.ct(head, number=number, of=3, size=64), tmp_path / "files")
        dcmtk.send(dcmtk.STORESCU, box.port, [tmp_path / "files"])
        process.wait_until(lambda: len(box.ask("exports")[0]) == 2, 60, "both exports")
        assert [over(box, number)["state"] for number in (1, 2)] == ["done", "done"]
    (made,) = (tmp_path / "plain").iterdir()
    found = list(FileSet(made / "DICOMDIR"))
    assert [each.load().StudyInstanceUID for each in found] == [head.uid] * 3
    (made,) = (tmp_path / "locked").iterdir()
    opened = ["7z", "t", "-pward 7, bed 12 -- key", made]
    assert subprocess.run(opened, capture_output=True).returncode == 0


def test_the_log_and_the_events_name_no_patient(box):
    told = box.log() + json.dumps(box.ask("events")[0])
    assert "DEMO" not in told.upper().replace("EDGE DEMO", "")
