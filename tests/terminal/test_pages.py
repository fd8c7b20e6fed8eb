"""The pages, as a person reads them."""

import base64
import contextlib
import os
import re
import random
import subprocess
import textwrap

import pytest

from edge.access.access import Access
from edge.access.audit import Trail
from edge.box import load
from edge.demo import phantom
from edge.settings.keeper import Keeper
from edge.spool.intake import Source
from edge.terminal import menu
from edge.verbs import box as boxes
from edge.verbs import table
from edge.verbs.verb import ENGINEER, Asker
from tests.spool.data import Clock, open_spool, receive
from tests.support.dcmqrscp import Dcmqrscp
from tests.terminal.far import Far, fits

pytestmark = pytest.mark.usefixtures("quick_passwords")

FILE = """\
# the box of the tests
[box]
state_dir = "state"
[[destination]]
name = "PACS"
ae_title = "PACS"
host = "192.0.2.1"
"""
PLACE = ["Console      https://192.0.2.7:8443/", "Fingerprint  AB:CD"]


@pytest.fixture(autouse=True)
def universal(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    own = os.uname()
    named = os.uname_result((own.sysname, "edge-7", own.release, own.version, own.machine))
    monkeypatch.setattr("os.uname", lambda: named)


@pytest.fixture
def box(tmp_path):
    with opened(tmp_path, FILE) as made:
        yield made


@contextlib.contextmanager
def opened(tmp_path, text):
    path = tmp_path / "edge.toml"
    path.write_text(text)
    loaded = load.load(str(path))
    spool = open_spool(tmp_path / "state", Clock())
    made = boxes.Box(loaded.config, spool, lambda: (), access=Access(str(tmp_path / "state")), loaded=loaded)
    made.settings = Keeper(loaded, lambda loaded: None)
    yield made
    spool.close()


def claimed(box):
    box.access.claim(box.access.claim_code(), "anna", "correct horse", "")
    return box


def at(box, who=None, **more):
    return Far(lambda: menu.conversation(box, "/dev/ttyS0", lambda: PLACE, who), **more)


def at_home(box):
    """Return the far end at a terminal that needs no login, where it has typed nothing yet."""
    return at(box, Asker("", ENGINEER, "command line"))


def logged_in(box):
    far = at(claimed(box))
    far.type("anna")
    far.type("correct horse")
    return far


def shown(page):
    """Return a page as it is written in a test: without the clock, which stands at 0."""
    return page.replace("  1970-01-01 00:00:00", "").replace(" \n", "\n").rstrip()


def same(page, wanted):
    lines = [line.rstrip() for line in shown(page).split("\n")]
    assert lines == textwrap.dedent(wanted).strip("\n").split("\n")


RULE = "-" * 79


def test_a_new_box_shows_its_claim_code_and_where_it_is_found(box):
    page = at(box).page()
    same(page, f"""
        EDGE  First run
        {RULE}
        This box is new: nobody has claimed it. Claim it in one of two ways:

          here: type claim, then a name and a password: you are its first engineer;

          or in a browser, with this claim code:      {box.access.claim_code()}

        Console      https://192.0.2.7:8443/
        Fingerprint  AB:CD
        {RULE}
        claim: claim it here
        >
        """)  # fmt: skip


def test_who_comes_in_by_the_line_and_who_does_not_is_on_the_audit_trail(box, tmp_path):
    box.audit = Trail(str(tmp_path / "audit"))
    far = at(box)
    for typed in ("claim", "anna", "correct horse", "correct horse", "0", "anna", "wrong horse"):
        far.type(typed)
    far.wait(60)
    for typed in ("anna", "correct horse"):
        far.type(typed)
    rows = [(row["verb"], row["who"], row["role"], row["failure"]) for row in box.audit.read()]
    assert rows == [
        ("claim", "anna (serial at /dev/ttyS0)", "engineer", None),
        ("login", "anna (serial at /dev/ttyS0)", "viewer", "name or password is wrong"),
        ("login", "anna (serial at /dev/ttyS0)", "engineer", None),
    ]


def test_a_box_is_claimed_on_the_line_and_passwords_are_not_echoed(box):
    far = at(box)
    far.type("claim")
    far.type("anna")
    assert "correct" not in far.type("correct horse") and "correct" not in far.type("correct house")
    assert not box.access.is_claimed()
    far.type("anna")
    far.type("correct horse")
    assert "EDGE  Menu" in far.type("correct horse")
    assert box.access.users.get("anna").role == ENGINEER and far.session.who.skin == "serial"


def test_three_wrong_passwords_are_followed_by_a_wait(box):
    far = at(claimed(box))
    for _ in range(3):
        far.type("anna")
        seen = far.type("wrong password")
    assert "name or password is wrong" in seen and "Wait " in seen
    far.type("anna")
    assert far.type("correct horse") == ""
    far.wait(61)
    far.type("anna")
    assert far.session.who is None or far.session.who.name == "anna"


def test_the_first_menu_says_how_the_box_does(box):
    receive(box.spool, "1.2.3")
    same(logged_in(box).page(), f"""
        EDGE  Menu
        {RULE}
        EDGE, edge-7
        All is well.

          1  State of the box
          2  Queue: what waits, what is held and why
          3  Associations: who came, accept who was refused
          4  Destinations, and a test of each
          5  Settings
          6  Network: addresses, settings, the console's fingerprint
          7  Events, alerts, log
          8  Import: configuration, certificate
          9  Export: support bundle, backup
          a  All other actions, by name
          b  Media: exports, a study to a disc, take in a stick
          u  Update: versions, a new one
          p  Change your password
          0  Log out
        {RULE}
        ^C or q: back, from anywhere
        Choose:
        """)  # fmt: skip


def test_an_action_is_chosen_by_its_name_and_what_is_none_is_told_below_the_list(box):
    far = at_home(box)
    far.type("a")
    said = far.type("no-such")
    assert said.rstrip().endswith("no-such is none of these.\n>")
    assert "objects: list what the box keeps." in far.type("objects")


def test_a_study_is_exported_and_its_progress_is_seen(box, tmp_path):
    path = phantom.save(phantom.ct(phantom.study("CT", 3), size=64), tmp_path)
    fd = os.open(path, os.O_RDONLY)
    box.spool.adopt(fd, [], Source("", "", ""))
    os.close(fd)
    far = at_home(box)
    far.type("b")
    far.type("2")
    assert "CT head" in far.type("")
    assert "a folder" in far.type("1")
    far.type("3")
    assert "Begin at once" in far.type("../out")
    seen = far.type("1")
    assert "without\nfolders" in seen
    far.type("")
    for each in ("b", "2", "", "1", "3", "out"):
        far.type(each)
    seen = far.type("1")
    assert re.search("\n  [a-z ]+, [0-9]+ %", seen) and "written and compared" in seen
    assert (tmp_path / "state" / "exports" / "out" / "DICOMDIR").is_file()
    far = at_home(box)
    far.type("b")
    assert "done" in far.type("1")
    assert "Export 1 to dir:out: written and compared" in far.type("1")
    box.exports.stop()


def test_an_export_is_asked_to_wait_for_its_study_where_that_is_chosen(box, tmp_path):
    path = phantom.save(phantom.ct(phantom.study("CT", 3), size=64), tmp_path)
    fd = os.open(path, os.O_RDONLY)
    box.spool.adopt(fd, [], Source("", "", ""))
    os.close(fd)
    far = at_home(box)
    for each in ("b", "2", "", "1", "3"):
        far.type(each)
    assert "Wait until nothing of the study has come for a while" in far.type("out")
    box.spool.now.now += 3600  # nothing has
    assert "written and compared" in far.type("2")
    assert box.exports.row(1)["order"]["wait"] is True
    box.exports.stop()


def test_a_study_of_an_archive_is_fetched_and_exported(tmp_path):
    path = phantom.save(phantom.cr(phantom.study("CR", 7), size=64), tmp_path)
    with Dcmqrscp(tmp_path / "archive", [path]) as archive:
        text = FILE.replace('ae_title = "PACS"', f'ae_title = "ARCHIVE"\nport = {archive.port}')
        with opened(tmp_path, text.replace("192.0.2.1", "127.0.0.1")) as box:
            far = at_home(box)
            far.type("b")
            assert "PACS" in far.type("4")
            assert "Patient ID" in far.type("1")
            assert "Chest, two views" in far.type("DEMO-00007")
            far.type("1")
            far.type("3")
            seen = far.type("out")
            assert "fetching from PACS" in seen and "written and compared" in seen
            box.exports.stop()
    assert (tmp_path / "state" / "exports" / "out" / "DICOMDIR").is_file()


def test_the_queue_counts_as_the_verb_does(box):
    receive(box.spool, "1.2.3")
    receive(box.spool, "1.2.4")
    far = at_home(box)
    page = far.type("2")
    assert f"PACS{'':14} untried{'':8} 2{'':9}0{'':7}0{'':11}0   now" in page
    same(far.type("3"), f"""
        EDGE  Not delivered
        {RULE}
             Object  Destination      State     Try, cause   Why
           1 1       PACS             waiting
           2 2       PACS             waiting
        {RULE}
        NUMBER: more of it   q: back
        >
        """)  # fmt: skip


def test_what_is_held_says_why_and_is_released(box):
    receive(box.spool, "1.2.3", to=())
    far = at_home(box)
    far.type("2")
    page = far.type("7")
    assert "unrouted" in page
    page = far.type("1")
    assert "Next step    No route took it: add a [[route]] for it" in page
    far.type("2")
    far.type("1")
    assert "Done: released 1." in far.seen
    assert [job.destination for job in box.spool.jobs.of_object(1)] == ["PACS"]


def test_a_key_is_changed_applied_and_confirmed(box, tmp_path):
    far = at_home(box)
    far.type("5")
    rows = [line for line in far.seen.split("\n") if "[box]" in line]
    far.type(rows[0].split()[0])
    far.type("1")
    assert "! [box] ae_title" in far.type("A TITLE THAT IS TOO LONG")
    far.type("MOBILE7")
    far.type("q")
    assert "Not applied yet: 1 change" in far.seen
    assert '+ae_title = "MOBILE7"' in far.type("a")
    far.type("")
    assert "It goes back by itself in 120 s" in far.type("yes")
    far.type("1")
    text = (tmp_path / "edge.toml").read_text()
    assert 'ae_title = "MOBILE7"' in text and "# the box of the tests" in text
    assert box.settings.trial is None


def test_a_trial_that_was_begun_elsewhere_is_confirmed_in_the_first_menu(box):
    far = at_home(box)
    trial = box.settings.begin(FILE + "port = 105\n", "otto (web)", "a port")
    assert trial is not None
    far.type("")
    assert "! A change of the settings is on trial and goes back in" in far.seen
    assert "  c  Confirm that change" in far.seen
    assert "by otto (web)" in far.type("c")
    far.type("1")
    assert box.settings.trial is None


def test_who_is_silent_is_logged_out_and_who_loses_his_account_too(box):
    far = at(claimed(box), idle_s=600)
    far.type("anna")
    far.type("correct horse")
    assert far.session.who.name == "anna"
    assert "EDGE  Log in" in far.wait(601) and far.session.who is None
    far.type("anna")
    far.type("correct horse")
    box.access.users.put("otto", ENGINEER, "another password")
    box.access.users.remove("anna")
    assert "You are no user of this box any more." in far.type("") + far.seen


def test_every_verb_is_reached_by_its_name(box):
    far = at_home(box)
    far.type("a")
    names = set()
    while True:
        names |= {line.split()[1] for line in far.seen.split("\n") if line[:4].strip().isdigit()}
        if "n or Enter: next" not in far.seen:
            break
        far.type("n")
    assert names == set(table.VERBS)


def test_a_configuration_is_pasted_as_base64_and_a_mistake_in_it_is_named(box, tmp_path):
    far = at_home(box)
    for text, wanted in ((FILE + "prot = 1\n", "no such key"), (FILE + "port = 105\n", "+port = 105")):
        far.type("8")
        far.type("1")
        far.type("2")
        for line in base64.encodebytes(text.encode()).decode().split():
            assert far.type(line) == ""
        assert wanted in far.type(".")
        far.type("\x03", "")
    assert (tmp_path / "edge.toml").read_text() == FILE


def test_a_certificate_and_its_key_are_taken_in_only_when_they_fit(box, tmp_path):
    mine, other = [certificate(tmp_path / name) for name in ("mine", "other")]
    far = at_home(box)
    for key, wanted in ((other[1], "the key is not the one of that certificate"), (mine[1], "fit each other")):
        far.type("8")
        far.type("2")
        far.type("2")
        for line in (mine[0] + key).split("\n"):
            assert "BEGIN" not in far.type(line)
        far.type(".")
        far.type("1")
        assert wanted in far.seen.replace("\n", " ")
    assert "+certificate" in far.seen
    while "go on" in far.type(""):  # how many pages it is depends on how long the paths are
        pass
    far.type("yes")
    far.type("1")
    named = load.load(str(tmp_path / "edge.toml")).config.console.key
    with open(named, encoding="ascii") as file:
        assert file.read() == mine[1] and os.stat(named).st_mode & 0o777 == 0o600


def certificate(path):
    """Return (certificate, key) in PEM, made by openssl."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj"]
    subprocess.run(
        [*command, "/CN=edge", "-keyout", f"{path}.key", "-out", f"{path}.pem"], check=True, capture_output=True
    )
    return path.with_suffix(".pem").read_text(), path.with_suffix(".key").read_text()


def test_nothing_that_is_typed_breaks_a_screen_or_leaves_the_page(box, caplog):
    for number in range(40):
        receive(box.spool, f"1.2.{number}", to=("PACS",) if number % 3 else ())
    far = at_home(box)
    chance = random.Random(20)
    words = [*"1234567899aacnpql", "", "", "q", "yes", "10", "12", "no such", "0.5", "[1", "\x03", "\x03", "TEXT"]
    for _ in range(700):
        typed = chance.choice(words)
        far.type(typed.encode() if typed == "\x03" else typed)
        fits(far.seen)
        far.wait(200 if far.session._transfer else 0)
        if far.session.is_over:
            far.take(far.session.begin(far.now))
    failures = [record.getMessage() for record in caplog.records if "failed inside this box" in record.getMessage()]
    assert failures == [], caplog.text


def test_a_destination_is_added_key_by_key_and_taken_out_again(box, tmp_path):
    far = at_home(box)
    far.type("4")
    assert "of what kind?" in far.type("+")
    assert "New [[destination]] name" in far.type("1")
    for typed in ("ward", "WARD AE", "192.0.2.9"):
        far.type(typed)
    assert "New [[destination]] port" in far.type("port")
    assert "! expected" in far.type("0")
    far.type("11113")
    fits(far.seen)
    assert '+name = "ward"' in far.type("") and "+port = 11113" in far.seen
    far.type("")
    far.type("yes")
    far.type("1")
    written = load.load(str(tmp_path / "edge.toml")).config.destinations
    assert [(each.name, each.ae_title, each.port) for each in written] == [
        ("PACS", "PACS", 104),
        ("ward", "WARD AE", 11113),
    ]
    box.config = load.load(str(tmp_path / "edge.toml")).config
    far.type("\x03", "")
    far.type("5")
    listed = far.page()
    number = [line.split()[0] for line in listed.split("\n") if line.endswith(" set") and "ward" in line]
    far.type(number[0])
    assert '-name = "ward"' in far.type("-")
    far.type("")
    far.type("yes")
    far.type("1")
    assert [each.name for each in load.load(str(tmp_path / "edge.toml")).config.destinations] == ["PACS"]
    assert "# the box of the tests" in (tmp_path / "edge.toml").read_text()
