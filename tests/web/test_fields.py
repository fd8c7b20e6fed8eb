"""A form over keys of the configuration, and what is made of it."""

import json
from types import SimpleNamespace

from edge.web import fields

KEYS = json.dumps({"section": "destination", "name": "archive"})


def test_only_what_was_changed_is_an_edit():
    form = {"keys": KEYS, "first": "[]", "is port": "104", "was port": "104", "is host": " 10.0.0.9 ", "was host": ""}
    assert fields.edits(form) == [{"section": "destination", "name": "archive", "key": "host", "text": "10.0.0.9"}]


def test_the_port_of_a_destination_is_asked_for_with_what_must_be_given():
    usual = {
        "section": "destination", "text": "", "meaning": "m", "expected": "e", "default": None, "example": None,
        "choices": None, "several": False, "is_set": False,
    }  # fmt: skip
    rows = [{**usual, "key": key, "required": key == "host"} for key in ("host", "port", "tries")]
    near, folded = fields.typed_in(SimpleNamespace(refused=None), rows, {}).split("<details")
    assert 'name="is host"' in near and 'name="is port"' in near and 'name="is tries"' in folded


def test_what_was_emptied_goes_back_to_its_default():
    form = {"keys": KEYS, "is port": "", "was port": "4242"}
    assert fields.edits(form) == [{"section": "destination", "name": "archive", "key": "port"}]


def test_a_table_is_added_before_its_keys_are_set():
    first = [{"section": "route", "add": {}}]
    form = {"keys": json.dumps({"section": "route", "number": 2}), "first": json.dumps(first), "is to": "archive"}
    assert fields.edits(form) == [*first, {"section": "route", "number": 2, "key": "to", "text": "archive"}]


def test_lines_that_a_browser_sends_are_lines_of_the_file():
    form = {"keys": KEYS, "is where": "[\r\n1,\r\n]", "was where": "[\n1,\n]"}
    assert fields.edits(form) == []
