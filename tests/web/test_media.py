"""The page of media: an export from a study's page, live, cancelled, tried again; a foreign set taken in."""

import os
import re
import subprocess

import pytest

from edge.demo import phantom
from tests.support import process
from tests.support.console import Console
from tests.support.dcmqrscp import Dcmqrscp
from tests.support.service import destination


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    files = folder / "files"
    files.mkdir()
    head = phantom.study("CT", 3)
    for number in (1, 2):
        phantom.save(phantom.ct(head, number=number, of=2, size=64), files)
    away = destination("away", process.free_port(), retry_first_s=600)
    there = [phantom.save(phantom.cr(phantom.study("CR", 7), size=64), folder)]
    with (
        Dcmqrscp(folder / "archive", there) as archive,
        Console(
            folder, destinations=[away, destination("archive", archive.port)], media={"burner": "stdio:/dev/null"}
        ) as made,
    ):
        made.claim()
        made.box.edge("send", "away", files)
        yield made


def study(console):
    return console.box.ask("studies")[0][0]


def form_of(found, place, name):
    return {"study": found["study"], "study_key": found["study_key"], "place": place, "name": name}


def over(console):
    """Wait until no export is under way; return the rows of all."""
    rows = []

    def is_over():
        rows[:] = console.box.ask("exports")[0]
        return all(each["state"] not in ("waiting", "running") for each in rows)

    process.wait_until(is_over, 30, "the end of the export")
    return rows


def test_a_study_is_exported_from_its_page_and_the_page_of_media_says_what_came_of_it(console):
    found = study(console)
    page = console.get(f"/study?key={found['study_key']}").text
    assert "Export to a disc, a stick or a file" in page and found["study"] in page
    answer = console.post("/study/export", form_of(found, "iso", "one"), csrf="/media")
    assert answer.status == 303
    rows = over(console)
    assert (rows[0]["state"], rows[0]["objects"]) == ("done", 2)
    path = console.box.state_dir / "exports" / "one.iso"
    assert path.is_file() and rows[0]["volumes"][0]["path"] == str(path)
    shown = console.get("/media").text
    assert "written and read back; its SHA-256 is known" in shown and "iso:one" in shown


def test_a_password_that_the_box_makes_is_shown_once_and_written_nowhere(console):
    form = {**form_of(study(console), "zip", "locked"), "sheets": "yes", "viewer": "no"}
    shown = console.post("/media/protected", form, csrf="/media").text
    password = re.search(r"<code>([a-z2-9-]{23})</code>", shown).group(1)
    rows = over(console)
    assert rows[0]["state"] == "done" and rows[0]["protected"]
    path = console.box.state_dir / "exports" / "locked.zip"
    assert subprocess.run(["7z", "t", f"-p{password}", path], capture_output=True).returncode == 0
    for each in console.box.state_dir.rglob("*"):
        assert not each.is_file() or password.encode() not in each.read_bytes(), each
    assert password not in console.box.log() + console.get("/media").text


def test_a_label_is_taken_from_the_page_of_media(console):
    answer = console.post("/study/export", {**form_of(study(console), "iso", "two"), "sheets": "yes"}, csrf="/media")
    assert answer.status == 303
    number = over(console)[0]["export"]
    assert f"export={number}&amp;volume=1&amp;which=cover" in console.get("/media").text
    sheet = console.get(f"/api/v1/export-sheet?export={number}&volume=1&which=label")
    assert sheet.status == 200 and sheet.text.startswith("%PDF-")
    assert console.get(f"/api/v1/export-sheet?export={number}&volume=2&which=label").status == 409


def test_a_study_of_an_archive_is_found_fetched_and_exported_from_the_page_of_media(console):
    assert "Fetch from an archive, then export" in console.get("/media").text
    shown = console.post("/media/archive", {"from": "archive", "patient": "nobody"}, csrf="/media").text
    assert "archive has no such study" in shown
    shown = console.post("/media/archive", {"from": "archive", "patient": "DEMO-00007"}, csrf="/media").text
    uid, words = re.search(r'<option value="([0-9.]+)"[^>]*>([^<]*)', shown).groups()
    assert uid == phantom.study("CR", 7).uid and "Chest, two views" in words
    form = {"study": uid, "from": "archive", "place": "dir", "name": "fetched"}
    assert console.post("/study/export", form, csrf="/media").status == 303
    rows = over(console)
    assert (rows[0]["state"], rows[0]["objects"]) == ("done", 1), rows[0]["words"]
    assert (console.box.state_dir / "exports" / "fetched" / "DICOMDIR").is_file()


def test_a_place_outside_of_the_folder_for_exports_is_refused(console):
    found = study(console)
    before = len(over(console))
    for name in ("../out", "/tmp/out", ""):
        console.post("/study/export", form_of(found, "dir", name), csrf="/media")
    assert len(over(console)) == before
    assert console.post("/study/export", form_of(found, "dir", "../out"), csrf="/media").status == 303
    assert "without folders" in console.get("/media").text


def test_a_failed_export_is_tried_again_by_a_press(console):
    told = console.box.ask("export", to="burner:stdio:/dev/null", patient="DEMO-00003")[1]
    rows = over(console)
    assert rows[0]["state"] == "failed" and "do not hand it out" in rows[0]["words"]
    assert "Try another disc" in console.get("/media").text
    assert console.post("/media/retry", {"export": told["export"]}, csrf="/media").status == 303
    assert over(console)[0]["export"] > told["export"], console.get("/media").text


def test_what_the_command_line_put_anywhere_is_made_again_only_from_there(console, tmp_path):
    told = console.box.ask("export", to=f"iso:{tmp_path}/out", patient="DEMO-00003")[1]
    before = over(console)
    (tmp_path / "out.iso").unlink()
    assert console.post("/media/retry", {"export": told["export"]}, csrf="/media").status == 303
    assert "is outside of the folder for exports" in console.get("/media").text
    assert len(over(console)) == len(before) and os.listdir(tmp_path) == []


def test_no_folder_but_a_medium_is_taken_in(console):
    answer = console.post("/media/import", {"medium": "/etc"}, csrf="/media")
    assert "is no medium" in answer.text
