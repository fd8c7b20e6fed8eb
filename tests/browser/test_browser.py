"""A person at the console: Chromium goes the whole way, from the first run on, and what it saw is judged here.

Set EDGE_SCREENSHOTS to a folder to have pictures of every page written there.
"""

import subprocess
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from edge.web import contents
from tests.support import browser, dcmtk, process, service

LIMIT_S = 240
SENT, FRAMES = "CT_small.dcm", "emri_small.dcm"
BUDGET_BYTES = 100_000
NAME, PASSWORD = "ana", "a quiet long corridor"
ARGUMENTS = {
    "/settings/edit": ["section=dicom", "section=tls", "section=destination&number=1", "section=route&number=1"],
    "/destination": ["kind=stow", "name=archive"],
    "/settings/version": ["id=1"],
    "/association": [],
    "/study": ["key=1"],
    "/picture": ["object=1"],
}


def paths():
    """Every page that is looked at, with the arguments that it needs."""
    found = []
    for each in contents.load()[0]:
        if not each.posted:
            found += [f"{each.path}?{args}" for args in ARGUMENTS[each.path]] if each.path in ARGUMENTS else [each.path]
    return found


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What the browser saw on its whole way."""
    folder = tmp_path_factory.mktemp("browser")
    console = process.free_port()
    with dcmtk.Storescp() as archive:
        tables = {
            "console": {"bind": "127.0.0.1", "port": console},
            "alert": [],
        }
        destinations = [
            service.destination("archive", archive.port),
            service.destination("elsewhere", process.free_port(), retry_first_s=30),
        ]
        routes = [service.route("archive", "elsewhere", modality=["CT"])]
        dicom = {"accept_calling": ["CT1", "MR1"]}
        tables.pop("alert")
        with service.Service(folder, destinations, routes, dicom, **tables) as box:
            send(box, "CT1", "CT_small.dcm")
            send(box, "MR1", "MR_small.dcm")  # no route takes it: it is held
            send(box, "STRANGER", "CT_small.dcm", refused=True)
            process.wait_until(lambda: box.status()["kept"]["held"] == 1, 10, "an object to be held")
            assert box.edge("send", "archive", get_testdata_file(FRAMES, download=False)).returncode == 0
            yield drive(box, console, archive.port)


def send(box, calling, name, refused=False):
    """Send one of pydicom's files; storescu says whether it was taken."""
    done = subprocess.run(sending(box, calling, name), capture_output=True)
    assert (done.returncode != 0) == refused, done.stderr.decode()


def sending(box, calling, name):
    return [dcmtk.STORESCU, "-aet", calling, "-aec", "EDGE", "127.0.0.1", str(box.port), get_testdata_file(name)]


def drive(box, port, archive_port):
    """Let Chromium go its way; return what it saw."""
    task = {
        "url": f"https://127.0.0.1:{port}",
        "code": (box.state_dir / "console" / "claim").read_text().strip(),
        "name": NAME,
        "password": PASSWORD,
        "paths": paths(),
        "send": sending(box, "CT1", "rtplan.dcm"),
        "stranger": sending(box, "STRANGER", "CT_small.dcm"),
        "added": {"name": "ward", "ae_title": "WARD", "host": "127.0.0.1", "port": str(archive_port)},
        "moved": str(process.free_port()),
        "downloads": str(box.folder),
        "frames": box.objects()[-1]["id"],
        "up": "archive",
        "down": "elsewhere",
    }
    found = browser.drive("drive.js", task, LIMIT_S)
    found.task = {"port": port, "moved": task["moved"]}
    return found


def step(seen, name):
    found = seen.steps[name]
    assert not (isinstance(found, dict) and "failed" in found), found
    return found


def test_an_unclaimed_box_refuses_and_says_how_it_is_claimed(seen):
    found = step(seen, "unclaimed")
    assert found["status"] == 403
    assert "serial line" in found["said"]
    assert not found["faults"] and found["overflow"] <= 0


def test_whoever_has_the_code_becomes_the_first_engineer(seen):
    found = step(seen, "claim")
    assert NAME in found["said"] and "engineer" in found["said"]
    assert not found["faults"]


def test_who_has_logged_out_is_asked_to_log_in(seen):
    assert "/login" in step(seen, "leave")["url"]
    found = step(seen, "wrong")
    assert "password" in found["said"].lower() and not found["faults"]
    assert "needs attention" in step(seen, "enter")["said"]


def test_home_shows_what_comes_in_while_it_is_open(seen):
    found = step(seen, "live")
    assert found["sent"] == 0
    assert "3 objects" in found["before"] and "4 objects" in found["after"]
    assert found["ms"] < 5000


def test_a_destination_is_tested_layer_by_layer(seen):
    found = step(seen, "test_destination")
    assert "It answers, on every layer." in found["archive"]
    assert "TCP fails." in found["elsewhere"] and "not tried" in found["elsewhere"]
    assert found["overflow"] <= 0


def test_what_is_held_is_released_with_one_press(seen):
    assert "again" in step(seen, "release")["said"]


def test_a_setting_is_checked_as_it_is_typed(seen):
    assert "1 to 1000" in step(seen, "check")["wrong"]


def test_a_change_is_on_trial_until_it_is_kept(seen):
    found = step(seen, "apply")
    assert "max_associations" in found["said"] and "goes back by itself" in found["said"]
    assert not found["faults"] and found["overflow"] <= 0
    assert "max_associations" in found["after"]


def test_a_modality_that_was_refused_is_accepted_in_one_step(seen):
    found = step(seen, "accept")
    assert found["before"] != 0 and found["after"] == 0
    assert "STRANGER" in found["trial"] and "kept" in found["said"]


def test_a_destination_is_added_by_the_form_and_answers(seen):
    found = step(seen, "add_destination")
    assert "ward" in found["trial"] and not found["empty"]
    assert "It answers, on every layer." in found["tested"]


def test_what_is_taken_away_is_what_was_received(seen):
    found = step(seen, "download")
    sent = get_testdata_file(SENT)
    assert same(pydicom.dcmread(found["object"]), pydicom.dcmread(sent))
    assert [Path(found[key]).name for key in ("study", "series")] == ["study-1.zip", "study-1-series-1.zip"]
    for key in ("study", "series"):
        with zipfile.ZipFile(found[key]) as archive:
            names = [each for each in archive.namelist() if each.lower().endswith(".dcm")]
            assert len(names) == 1 and archive.testzip() is None
            with archive.open(names[0]) as file:
                assert same(pydicom.dcmread(file), pydicom.dcmread(sent))


def same(one, other):
    """Say whether two files have the same data set in the same syntax; storescu leaves padding at its end out."""
    for each in (one, other):
        each.pop(0xFFFCFFFC, None)
    return one == other and one.file_meta.TransferSyntaxUID == other.file_meta.TransferSyntaxUID


def test_a_picture_follows_the_mouse_and_the_form_says_what_is_shown(seen):
    found = step(seen, "picture")
    before, dragged, wheeled = found["before"], found["dragged"], found["wheeled"]
    assert float(dragged["width"]) < float(before["width"]) and float(dragged["center"]) > float(before["center"])
    assert dragged["mean"] < before["mean"] * 0.9, "a higher window shows less"
    assert f"center {dragged['center']}, width {dragged['width']}" in dragged["said"]
    assert wheeled["frame"] == "4" and wheeled["said"].startswith("frame 4 of 10")
    assert wheeled["mean"] != dragged["mean"]
    assert found["asked"] == wheeled, "the form asks for what the mouse has chosen"
    assert found["next"]["frame"] == "5" and found["next"]["center"] == dragged["center"]


def test_the_browser_is_led_to_where_the_console_moves_and_keeps_the_change_there(seen):
    found = step(seen, "move")
    assert "The console is here now" in found["led"]["said"] and not found["led"]["faults"]
    assert "goes back by itself" in found["trial"] and "A change is on trial" in found["elsewhere"]
    assert found["kept"]["port"] == str(seen.task["moved"]) and "The change is kept" in found["kept"]["said"]
    assert found["gone"] is None, "nothing answers where it was"
    assert found["back"] == str(seen.task["port"])


def test_a_console_that_moved_and_was_not_confirmed_is_found_again_where_it_was(seen):
    found = step(seen, "unconfirmed")
    assert found["asked"] == 200 and "again then" in found["said"]
    assert "went back" in found["after"]


def test_the_menu_of_a_narrow_screen_opens_without_a_script(seen):
    found = step(seen, "menu")
    assert (found["before"], found["after"]) == (False, True)
    assert found["title"].startswith("Queue")


def test_without_a_script_every_page_is_whole_and_the_work_is_done(seen):
    found = step(seen, "without_script")
    for path, page in found["pages"].items():
        assert page["status"] == 200 and page["length"] > 20, path
    assert "It answers, on every layer." in found["tested"]
    assert "1 to 1000" in found["refused"]["said"] and found["refused"]["kept"] == "many"
    assert "goes back by itself" in found["trial"]


def test_every_page_is_there_and_has_a_title_of_its_own(seen):
    step(seen, "pages")
    assert set(seen.pages) == set(paths())
    assert {page["status"] for page in seen.pages.values()} == {200}
    assert all(page["title"].endswith("– EDGE") for page in seen.pages.values())


def test_axe_finds_no_serious_fault_in_either_width_or_light(seen):
    assert {path: page["faults"] for path, page in seen.pages.items() if page["faults"]} == {}


def test_nothing_is_wider_than_the_screen(seen):
    for path, page in seen.pages.items():
        assert page["overflow"] <= 0, f"{path} is {page['overflow']} pixels too wide at 360"
        assert page["overflow_wide"] <= 0, f"{path} is {page['overflow_wide']} pixels too wide at 1280"


def test_everything_is_reached_with_the_keyboard_and_is_seen_to_be(seen):
    for path, page in seen.pages.items():
        keys = page["keyboard"]
        assert keys["reached"] == keys["expected"] > 5, f"{path}: {keys}"
        assert not keys["unseen"], f"{path}: {keys['unseen']}"


def test_nothing_is_asked_of_anybody_else(seen):
    assert seen.elsewhere == []


def test_the_browser_has_nothing_to_complain_of(seen):
    assert seen.complaints == []


def test_the_largest_page_with_style_and_script_is_small(seen):
    pages = {name: size for name, size in seen.bytes.items() if name.startswith("page ")}
    static = sum(size for name, size in seen.bytes.items() if name.startswith("/static/"))
    largest = max(pages, key=pages.get)
    assert pages[largest] + static <= BUDGET_BYTES, f"{largest}: {pages[largest]}, and {static} around it"
