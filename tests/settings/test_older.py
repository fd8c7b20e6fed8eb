"""An older program over what a newer one left: it goes on by what it understands, and says so."""

import sqlite3
from pathlib import Path

import pytest

from edge import VERSION
from edge.box import load
from edge.dicom import syntax
from edge.net import outbound, rehearsal
from edge.settings import history, older
from edge.spool import errors, journal, lines, tables
from edge.spool.disk import Disk
from edge.spool.spool import Spool
from edge.update import gate
from tests.support.service import Service

NEWER = "99.0"
OLD_TEXT = '[box]\nstate_dir = "."\nae_title = "BEFORE"\n'
NEW_TEXT = OLD_TEXT.replace("BEFORE", "AFTER") + "[hologram]\nangle = 5\n"


@pytest.fixture
def path(tmp_path):
    """A configuration with a table that this program does not know, whose history has one that it does."""
    path = tmp_path / "edge.toml"
    kept = history.History(str(tmp_path / "settings" / "history"), Disk())
    for text in (OLD_TEXT, NEW_TEXT):
        kept.add(text, "anna", "changed", 1)
    path.write_text(OLD_TEXT)
    older.remember(load.load(str(path)), NEWER)
    path.write_text(NEW_TEXT)
    return str(path)


def test_the_newest_version_that_is_understood_is_taken_where_a_newer_program_ran(path):
    found = older.understood(path)
    assert found.config.box.ae_title == "BEFORE"
    assert "keys that this version does not know; the box runs by version 1 of its history" in found.warnings[0].words


def test_a_mistake_of_a_person_is_never_passed_over(path):
    Path(path).write_text(OLD_TEXT)
    older.remember(load.load(path), VERSION)
    Path(path).write_text(NEW_TEXT)
    assert older.understood(path) is None


def test_a_file_that_says_nothing_of_its_state_is_not_guessed_at(tmp_path):
    for text in ("", "[box]\n", "box = 3\n", "no toml"):
        (tmp_path / "edge.toml").write_text(text)
        assert older.understood(str(tmp_path / "edge.toml")) is None
    assert older.understood(str(tmp_path / "missing.toml")) is None


def test_a_box_that_went_back_serves_with_objects_index_and_configuration_of_the_newer_one(tmp_path, monkeypatch):
    with Service(tmp_path / "box") as box:
        store(box.port)
        assert box.stop() == 0
        monkeypatch.setattr(tables, "SCHEMA", tables.SCHEMA + 1)
        newer_index(box.state_dir / "index.db")
        kept = history.History(str(box.state_dir / "settings" / "history"), Disk())
        understood = box.config_path.read_text()
        kept.add(understood, "anna", "changed", 1)
        older.remember(load.load(str(box.config_path)), NEWER)
        box.document["hologram"] = {"angle": 5}
        box.restart()
        assert len(box.objects()) == 1 and box.stored()[0].name.startswith("2.25.7")
        assert "the box runs by version 1 of its history" in box.log()


def store(port):
    """Send the box an object."""
    wanted = [(rehearsal.SOP_CLASS, (syntax.EXPLICIT_LITTLE,))]
    link = outbound.associate("127.0.0.1", port, "CT1", "EDGE", wanted)
    context = link.context_for(rehearsal.SOP_CLASS, syntax.EXPLICIT_LITTLE)
    link.begin_store_octets(context, rehearsal.SOP_CLASS, "2.25.7", gate.test_object("2.25.7"))
    assert link.reply().code == 0
    link.release()


def newer_index(path):
    """Mark the index as one that a newer program made."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=%d" % tables.SCHEMA)
    connection.commit()
    connection.close()


def test_a_journal_of_a_newer_format_is_refused_in_words_and_left_as_it_is(tmp_path, monkeypatch):
    spool = Spool.open(str(tmp_path / "state"))
    spool.close()
    with monkeypatch.context() as patch:
        patch.setattr(journal, "FORMAT", lines.FORMAT + 1)
        Spool.open(str(tmp_path / "newer")).close()
    before = {each: each.read_bytes() for each in (tmp_path / "newer" / "journal").iterdir()}
    with pytest.raises(errors.Incompatible, match="the journal was written by a newer edge"):
        Spool.open(str(tmp_path / "newer"))
    assert {each: each.read_bytes() for each in (tmp_path / "newer" / "journal").iterdir()} == before
