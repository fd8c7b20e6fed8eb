"""Rules of export: each finished study once, those alone that a rule is for, and none that was there before it."""

import json
import os

import pytest

from edge.box import load
from edge.demo import phantom
from edge.export import record
from edge.export.exports import Exports
from edge.export.rules import Rules
from tests.export.test_make import give


@pytest.fixture
def spool(timed):
    return timed


def settings_of(tmp_path, more='modality = ["CT"]\n'):
    text = f'[media]\nviewer = false\n[[export]]\nto = "dir:{tmp_path}/out"\nviewer = false\n{more}'
    return load.parse(text, str(tmp_path / "edge.toml")).config


def study(spool, folder, modality, seed, objects=1):
    head = phantom.study(modality, seed)
    for number in range(1, objects + 1):
        give(spool, folder, phantom.MAKERS[modality](head, number=number, of=objects, size=64))


def test_a_study_is_exported_once_when_nothing_new_of_it_has_come_for_a_while(spool, clock, tmp_path):
    exports, settings = Exports(spool, lambda: settings_of(tmp_path)), settings_of(tmp_path)
    study(spool, tmp_path, "CT", 1)
    rules = Rules(spool, exports)
    assert rules.look(settings, clock()) == 0, "it was there before the rule"
    study(spool, tmp_path, "CT", 2)
    study(spool, tmp_path, "CR", 2)
    clock.now += 14 * 60
    assert rules.look(settings, clock()) == 0, "it is not finished yet"
    clock.now += 2 * 60
    assert rules.look(settings, clock()) == 1
    (row,) = exports.rows()
    assert row["order"]["studies"] == [phantom.study("CT", 2).uid] and row["who"] == "[[export]] 1"
    clock.now += 1000
    assert rules.look(settings, clock()) == 0
    assert Rules(spool, exports).look(settings, clock()) == 0, "what was seen to was not kept"
    os.unlink(tmp_path / "state" / "export" / "rules")
    list(exports.make(row["number"]))
    assert exports.row(row["number"])["state"] == "done"
    assert os.listdir(tmp_path / "out") == [os.path.basename(row["order"]["place"])]


def test_an_object_that_comes_late_has_the_study_wait(spool, clock, tmp_path):
    exports, settings = Exports(spool, lambda: None), settings_of(tmp_path)
    rules = Rules(spool, exports)
    rules.look(settings, clock())
    study(spool, tmp_path, "CT", 2)
    clock.now += 10 * 60
    study(spool, tmp_path, "CT", 2, objects=2)
    clock.now += 10 * 60
    assert rules.look(settings, clock()) == 0
    clock.now += 6 * 60
    assert rules.look(settings, clock()) == 1


def test_an_export_that_was_being_made_begins_again_and_a_disc_that_was_burnt_is_spoilt(tmp_path):
    def row(number, **more):
        kept = {"number": number, "state": "running", "words": "", "tries": 1, "order": {}, **more}
        (tmp_path / "export" / f"{number}.json").write_text(json.dumps(kept))

    (tmp_path / "export" / "2").mkdir(parents=True)
    (tmp_path / "export" / "2" / "IMAGE").write_bytes(b"x")
    row(2)
    row(3, is_burning=True)
    row(4, tries=3)
    (tmp_path / "export" / "5.json").write_bytes(b"{")
    made = record.Records(str(tmp_path))
    assert [(each["number"], each["state"]) for each in made.all()] == [(2, "waiting"), (3, "failed"), (4, "failed")]
    assert "do not hand it out" in made.get(3)["words"] and not (tmp_path / "export" / "2").exists()
