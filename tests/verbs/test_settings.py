"""The configuration through its verbs: seen, checked, changed on trial, and back again."""

import pytest

from edge.box import load
from edge.settings import keeper
from edge.verbs import table
from edge.verbs.box import Box
from edge.verbs.verb import ENGINEER, OPERATOR, VIEWER, Asker, Forbidden, Refused

ANNA = Asker("anna", ENGINEER, "web")
OTTO = Asker("otto", OPERATOR, "web")
VERA = Asker("vera", VIEWER, "web")
TEXT = """\
# hook: https://me:hush@hooks.example.org
[dicom]
port = 104  # as the CT has it
accept_calling = ["CT1"]
"""
PORT = {"section": "dicom", "key": "port", "value": 11112}


class Trail:
    def __init__(self):
        self.lines = []

    def write(self, *line):
        self.lines.append(line)


@pytest.fixture
def box(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_text(TEXT)
    loaded = load.load(str(path))
    found = Box(loaded.config, None, list, audit=Trail())
    found.settings = keeper.Keeper(loaded, lambda loaded: None)
    return found


def ask(box, verb, who=ANNA, **request):
    """Return (rows, summary) of a verb."""
    rows = []
    asked = table.ask(box, verb, request, who)
    while True:
        try:
            rows.append(next(asked))
        except StopIteration as end:
            return rows, end.value


def read(box):
    with open(box.settings.path, encoding="utf-8") as file:
        return file.read()


def test_a_version_differs_from_the_one_that_was_in_force_before_it(box):
    went = ask(box, "change", edits=[PORT])[1]["trial"]
    ask(box, "revert", trial=went)
    stays = ask(box, "change", edits=[{**PORT, "value": 2762}])[1]["trial"]
    diff = ask(box, "difference", id=stays)[1]["diff"]
    assert "+++ version %d" % stays in diff and "-port = 104 " in diff and "11112" not in diff


def test_a_key_is_changed_on_trial_confirmed_and_stands_in_history_and_audit(box):
    _, seen = ask(box, "settings")
    _, begun = ask(box, "change", edits=[PORT], id=seen["id"])
    assert begun["changes"] == [{"key": "[dicom] port", "before": "104", "after": "11112"}]
    assert read(box) == TEXT.replace("104 ", "11112 ")
    assert ask(box, "settings")[1]["trial"] == begun["trial"]
    ask(box, "confirm", trial=begun["trial"])
    rows, _ = ask(box, "history", VERA)
    assert [(row["words"], row["who"], row["outcome"], row["now"]) for row in rows] == [
        ("[dicom] port = 11112", "anna (web)", "kept", True),
        ("as it was found", "", "kept", False),
    ]
    assert "+port = 11112  # as the CT has it" in ask(box, "difference", id=begun["trial"])[1]["diff"]
    assert [line[1] for line in box.audit.lines] == ["change", "confirm"]
    assert "104" in str(box.audit.lines[0])


def test_a_change_goes_back_when_asked_and_a_version_is_restored(box):
    ask(box, "change", edits=[PORT])
    ask(box, "revert")
    assert read(box) == TEXT
    rows, _ = ask(box, "history")
    assert [row["outcome"] for row in rows] == ["went back", "kept"]
    begun = ask(box, "restore", id=rows[0]["id"], within_s=0)[1]
    assert begun["trial"] is None
    assert "port = 11112" in read(box)
    with pytest.raises(Refused, match="no change is on trial"):
        ask(box, "revert")


def test_who_edited_what_another_has_changed_since_is_refused_with_what_has_changed(box):
    seen = ask(box, "settings")[1]["id"]
    ask(box, "change", edits=[PORT], within_s=0, id=seen)
    other = Asker("otto", ENGINEER, "web")
    with pytest.raises(Refused, match="(?s)changed since you read it, last by anna .web. .*port = 11112.*-port = 104"):
        ask(box, "change", other, edits=[{"section": "dicom", "key": "plain", "value": True}], id=seen)
    with pytest.raises(Refused, match="read it again"):
        ask(box, "change", other, text=TEXT, id="0123456789abcdef")
    assert "plain" not in read(box)


def test_while_a_change_is_on_trial_there_is_no_other(box):
    trial = ask(box, "change", edits=[PORT])[1]["trial"]
    with pytest.raises(Refused, match="a change by anna .web. is on trial until"):
        ask(box, "change", edits=[{**PORT, "value": 3}])
    with pytest.raises(Refused, match="change 99 is not on trial, but %d" % trial):
        ask(box, "confirm", trial=99)


def test_a_file_edited_by_hand_is_not_overwritten_but_taken_in_when_asked(box):
    with open(box.settings.path, "a", encoding="utf-8") as file:
        file.write("plain = true\n")
    assert ask(box, "settings")[1]["edited"]
    with pytest.raises(Refused, match=r"(?s)edited by hand since the box read it.*`reload`.*\+plain = true"):
        ask(box, "change", edits=[PORT])
    begun = ask(box, "reload")[1]
    assert begun["changes"] == [{"key": "[dicom] plain", "before": None, "after": "true"}]
    ask(box, "revert")
    assert read(box) == TEXT


def test_mistakes_are_told_with_their_lines_and_nothing_is_written(box):
    rows, found = ask(box, "check", VERA, edits=[{**PORT, "value": 99999}])
    assert (rows[0]["line"], rows[0]["key"], rows[0]["level"], found["good"]) == (3, "[dicom] port", "mistake", False)
    rows, found = ask(box, "check", VERA, text=TEXT + "prot = 3\n")
    assert "did you mean" in rows[0]["words"]
    rows, found = ask(box, "check", VERA, text=TEXT + "[[x\n")
    assert rows[0]["line"] == 5 and "not TOML" in rows[0]["words"]
    rows, found = ask(box, "check", VERA, edits=[PORT])
    assert found["good"] and "+port = 11112" in found["diff"] and {row["level"] for row in rows} == {"warning"}
    rows, found = ask(box, "check", VERA, edits=[{"section": "dicom", "key": "port", "text": "11x"}], alone=True)
    assert [row["words"] for row in rows] == ['expected a whole number from 0 to 65535, found "11x"']
    with pytest.raises(Refused, match="^.dicom. port: expected a whole number"):
        ask(box, "change", edits=[{**PORT, "value": 99999}])
    assert read(box) == TEXT
    assert ask(box, "history")[0] == []


def test_a_device_that_was_refused_is_accepted_in_one_step(box):
    begun = ask(box, "accept", calling="MR1", address="10.0.0.5")[1]
    assert begun["changes"][0]["after"] == '["CT1", "MR1@10.0.0.5"]'
    ask(box, "confirm")
    for request, words in (
        ({"calling": "CT1"}, "CT1 is accepted already"),
        ({}, "say who is to be accepted"),
        ({"calling": "x" * 17}, "cannot stand in accept_calling"),
        ({"calling": "CT??", "address": "::1"}, "CT.. came with characters that no title may have"),
    ):
        with pytest.raises(Refused, match=words):
            ask(box, "accept", **request)


def test_only_an_engineer_changes_anything_and_secrets_are_for_him_alone(box):
    for verb, request in (
        ("change", {"edits": [PORT]}), ("confirm", {}), ("revert", {}), ("restore", {"id": 1}), ("reload", {}),
        ("accept", {"calling": "A"}),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            ask(box, verb, OTTO, **request)
    ask(box, "change", text=TEXT.replace("hush", "hushhush").replace("CT1", "CT2"), within_s=0)
    first = ask(box, "history")[0][0]["id"]
    for verb, request in (("settings", {}), ("check", {"text": TEXT}), ("history", {}), ("difference", {"id": first})):
        assert "hush" not in str(ask(box, verb, VERA, **request))
    assert "hushhush" in ask(box, "settings", ANNA)[1]["text"]
    assert "hushhush" in ask(box, "difference", ANNA, id=first)[1]["diff"]
    assert "hush" not in str(box.audit.lines)


def test_the_state_folder_stays_where_it_is_while_the_box_runs(box):
    with pytest.raises(Refused, match="state_dir cannot be changed while the box runs: stop it, move"):
        ask(box, "change", edits=[{"section": "box", "key": "state_dir", "value": "/elsewhere"}])


def test_without_a_box_that_runs_a_change_stays_at_once(box):
    box.settings = keeper.Keeper(load.load(box.settings.path))
    begun = ask(box, "change", edits=[PORT])[1]
    assert (begun["trial"], begun["running"]) == (None, False)
    assert keeper.settle(load.load(box.settings.path)).config.dicom.port == 11112
