"""Keys in words, values as a person types them, and secrets kept out of sight."""

import tomllib

import pytest

from edge.box import config
from edge.settings import catalogue, document, mask


def typed(section, key, text):
    found = catalogue.section(section)
    return catalogue.typed(catalogue.key(found, key), text)


@pytest.mark.parametrize(
    ("section", "key", "text", "value"),
    [
        ("dicom", "port", " 104 ", 104),
        ("dicom", "port", "1o4", "1o4"),
        ("dicom", "plain", "true", True),
        ("box", "ae_title", "EDGE 2", "EDGE 2"),
        ("box", "ae_title", '"EDGE"', "EDGE"),
        ("box", "ae_title", "123", "123"),
        ("limits", "reserve_bytes", "512 MiB", "512 MiB"),
        ("dicom", "accept_calling", "CT1, MR1@10.0.0.5", ["CT1", "MR1@10.0.0.5"]),
        ("dicom", "accept_calling", '["CT1"]', ["CT1"]),
        ("dicom", "accept_calling", "", ""),
        ("destination", "hours", "18:00-07:30", "18:00-07:30"),
        ("route", "where", '[{ tag = "Rows", at_least = 512 }]', [{"tag": "Rows", "at_least": 512}]),
        ("change", "tag", '(0019,"ACME 1.1",10)', '(0019,"ACME 1.1",10)'),
    ],
)
def test_what_a_person_types_is_read_as_it_is_meant(section, key, text, value):
    assert typed(section, key, text) == value


def test_every_key_is_a_row_and_its_default_is_typed_like_any_value():
    rows = list(catalogue.rows({}, True, blank=True))
    assert {(row["section"], row["key"]) for row in rows} == {
        (section.name, key.name) for section in config.SECTIONS for key in section.keys
    }
    for row in rows:
        if row["default"] is not None:
            value = typed(row["section"], row["key"], row["default"])
            assert catalogue.mistake(catalogue.section(row["section"]), row["key"], value) is None
        if row["example"]:
            value = tomllib.loads("it = " + row["example"])["it"]
            again = typed(row["section"], row["key"], catalogue.shown(None, value))
            assert catalogue.mistake(catalogue.section(row["section"]), row["key"], again) is None


def test_a_row_says_what_is_set_and_a_table_has_only_the_keys_of_its_kind():
    meaning = {"destination": [{"name": "share", "kind": "folder", "path": "/mnt"}]}
    rows = [row for row in catalogue.rows(meaning, True) if row["section"] == "destination"]
    assert {row["number"] for row in rows} == {1}
    assert [(row["key"], row["value"]) for row in rows if row["is_set"]] == [
        ("name", "share"), ("kind", "folder"), ("path", "/mnt"),
    ]  # fmt: skip
    assert "ae_title" not in [row["key"] for row in rows]
    kinds = next(row for row in rows if row["key"] == "kind")
    assert kinds["choices"] == ["dicom", "stow", "folder", "relay"]


def test_one_value_is_checked_alone_as_one_types():
    edit = {"section": "dicom", "key": "port", "text": "7000"}
    assert document.mistake(edit) is None
    assert "from 0 to 65535, found 70000" in document.mistake({**edit, "text": "70000"})
    wrong = document.mistake({"section": "destination", "key": "url", "text": "https://me:hush@pacs"})
    assert "a password has no place in it" in wrong
    assert "hush" not in wrong


def test_changes_are_told_key_by_key():
    before = {"dicom": {"port": 1}, "destination": [{"name": "a", "port": 1}, {"name": "b"}], "route": [{"to": ["a"]}]}
    after = {"dicom": {}, "destination": [{"name": "a", "port": 2}, {"name": "c"}], "route": [{"to": ["c"]}]}
    assert [tuple(each.values()) for each in catalogue.changes(before, after)] == [
        ("[dicom] port", "1", None),
        ('[[destination]] "a", port', "1", "2"),
        ('[[destination]] "b"', '{ name = "b" }', None),
        ('[[destination]] "c"', None, '{ name = "c" }'),
        ("[[route]] 1, to", '["a"]', '["c"]'),
    ]
    assert catalogue.changes(before, before) == []


@pytest.mark.parametrize(
    "text",
    [
        'url = "https://me:hush@pacs/x"',
        "# https://me:hu@hush@pacs is the old one",
        'url = "https://pacs/hook?key=hush&b=hush"',
        'password = "hush"',
        "smtp_password='hush'",
        '{ token = "hush", a = 1 }',
        "# the secret: hush",
        'passphrase = """\nhush"""',
        'passwords = ["hush", "hush"]',
    ],
)
def test_what_looks_like_a_secret_is_not_shown(text):
    assert "hush" not in mask.text(text)


def test_what_is_no_secret_is_shown():
    text = 'password_file = "/etc/pw" # a file\ntoken_file = "t"\nurl = "https://pacs:8443/dicom-web"\nkey_file = "k"'
    assert mask.text(text) == text
    assert mask.value({"password": "hush", "host": "h"}) == {"password": "...", "host": "h"}
