"""Edits of a configuration in place: what they do not name stays, to the octet, however the file is written."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.settings import document

ODD = '''\
# the box of the first floor; do not touch
  dicom.port = 104   # as the CT has it
"b\\u006fx" = { ae_title = "A#1" , state_dir = '/var/lib/edge' } # [box]
limits."reserve_bytes" = """\\
   512 MiB""" # quotes

# first: the archive
[[destination]] # PACS
name = "archive" # its name
# where it is
host = "10.0.0.9"
ae_title='PACS'
# tail of the first

# second: [[destination]]
[[ destination ]]
name = 'share # 2'
kind = "folder"
path = "/mnt"
hours = [ # at night
    "18:00-20:00", # early
    # then
    "21:00-07:00",
]

[tls]
# nothing yet
[[tls.titles]]
ae_title = "CT1"
name = "ct1.example.org"

# kept last
[[route]]
to = ["archive", "share # 2"]
[[route.where]]
tag = "Rows" # how high
at_least = 512
# the end, without a line end'''


def comments(text):
    """The comment lines of a TOML text that has none within its strings."""
    return sorted(line.strip() for line in text.splitlines() if line.lstrip().startswith("#"))


def changed(text, *edits):
    return document.edited(text, list(edits))


def lines_of(before, after):
    """Which lines of `before` are gone, and which of `after` are new."""
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


@pytest.mark.parametrize(
    ("edit", "gone", "new"),
    [
        ({"section": "dicom", "key": "port", "value": 11112}, "dicom.port = 104 ", "  dicom.port = 11112   # as the"),
        ({"section": "dicom", "key": "bind", "value": "::"}, None, 'dicom.bind = "::"'),
        ({"section": "box", "key": "ae_title", "value": "B"}, 'ae_title = "A#1"', 'ae_title = "B" , state_dir'),
        ({"section": "limits", "key": "reserve_bytes", "value": 5}, "reserve", 'limits."reserve_bytes" = 5 # quotes'),
        ({"section": "destination", "number": 1, "key": "host", "value": "h"}, "10.0.0.9", 'host = "h"'),
        ({"section": "destination", "name": "archive", "key": "port", "value": 1}, None, "port = 1"),
        ({"section": "tls", "key": "profile", "value": "bcp195"}, None, 'profile = "bcp195"'),
        ({"section": "route", "number": 1, "key": "final", "value": True}, None, "final = true"),
    ],
)
def test_one_line_changes_for_one_key_and_its_comment_stays(edit, gone, new):
    after = changed(ODD, edit)
    was, now = lines_of(ODD, after)
    assert gone is None and not was or gone in was[0]
    assert len(now) == 1
    assert new in now[0]
    assert comments(after) == comments(ODD)


def test_a_list_keeps_the_comments_of_the_items_that_stay():
    edit = {"section": "destination", "name": "share # 2", "key": "hours"}
    after = changed(ODD, {**edit, "value": ["18:00-20:00", "21:00-07:00", "12:00-13:00"]})
    assert lines_of(ODD, after)[0] == []
    assert '    "12:00-13:00",' in after.splitlines()
    assert "# early" in changed(ODD, {**edit, "value": ["18:00-20:00"]})


def test_a_key_is_put_below_the_comment_that_shows_it():
    text = "[dicom]\n# The port.\n# port = 11112\n\n# Where.\n# bind = 1\n\n# [[destination]]\n# drain_s = 2\n"
    after = changed(text, {"section": "dicom", "key": "port", "value": 104})
    assert after == text.replace("11112\n", "11112\nport = 104\n")
    after = changed(text, {"section": "dicom", "key": "drain_s", "value": 3})  # that comment is of another table
    assert after == text.replace("[dicom]\n", "[dicom]\ndrain_s = 3\n")


def test_a_table_goes_with_the_comment_above_it_and_no_other():
    after = changed(ODD, {"section": "destination", "name": "archive", "remove": True})
    assert set(comments(ODD)) - set(comments(after)) == {"# first: the archive", "# where it is"}
    assert [each["name"] for each in tomllib.loads(after)["destination"]] == ["share # 2"]


def test_a_table_is_moved_with_what_belongs_to_it():
    text = ODD + "\n\n[[route]]\nto = ['x']\n"
    after = changed(text, {"section": "route", "number": 1, "move": 2})
    assert comments(after) == comments(text)
    routes = tomllib.loads(after)["route"]
    assert [each["to"] for each in routes] == [["x"], ["archive", "share # 2"]]
    assert routes[1]["where"] == [{"tag": "Rows", "at_least": 512}]
    assert after.index("# kept last") > after.index("to = ['x']")


def test_a_table_is_added_where_it_is_wanted():
    after = changed(ODD, {"section": "destination", "number": 2, "add": {"name": "new", "port": 104}})
    assert '\n\n[[destination]]\nname = "new"\nport = 104\n\n# second: [[destination]]\n' in after
    assert comments(after) == comments(ODD)
    assert changed("", {"section": "route", "add": {"to": ["a"]}}) == '[[route]]\nto = ["a"]\n'


def test_line_ends_stay_those_of_the_file():
    text = ODD.replace("\n", "\r\n")
    after = changed(
        text,
        {"section": "dicom", "key": "bind", "value": "::"},
        {"section": "relay", "key": "port", "value": 1},
        {"section": "route", "add": {"to": ["archive"]}},
    )
    assert after.count("\n") == after.count("\r\n")


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"section": "dicomm", "key": "port"}, 'no such section: "dicomm"; there are: box, dicom'),
        ({"section": "dicom"}, "one of key, add, remove, move"),
        ({"section": "dicom", "key": "port", "vaule": 3}, 'an edit has no "vaule"'),
        ({"section": "dicom", "number": 1, "key": "port", "value": 3}, "there is one .dicom."),
        ({"section": "destination", "name": "nobody", "remove": True}, 'is called "nobody"; there are: archive, share'),
        ({"section": "destination", "number": 3, "key": "port", "value": 1}, "they are numbered from 1 to 2"),
        ({"section": "destination", "number": True, "remove": True}, "they are numbered from 1 to 2"),
        ({"section": "destination", "key": "port", "value": 1}, "say which .*by its number or its name"),
        ({"section": "dicom", "key": "port", "value": [None]}, "no configuration can have"),
        ("dicom.port=3", "an edit is an object"),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused_in_words(edit, words):
    with pytest.raises(document.Unfit, match=words):
        changed(ODD, edit)


# Any file, any edit

WORDS = st.text(st.sampled_from("ab #[]\"'=\\.{,}\t\n*é"), min_size=1, max_size=8)
VALUES = st.one_of(st.integers(0, 99), st.booleans(), WORDS, st.lists(WORDS, max_size=3), st.just([{"tag": "Rows"}]))
KEYS = st.sampled_from(["port", "bind", "host", "to", "x-y", "a b"])
COMMENT = st.sampled_from(["", "", "# c", "# [box]", "# port = 1", '# "', "#", "\n# alone\n"])


@st.composite
def files(draw):
    """A TOML text in one of many manners."""
    ways = st.sampled_from(["header", "inline", "dotted"])
    top, parts = [], []
    for section in ("dicom", "limits"):
        table = draw(st.dictionaries(KEYS, VALUES, max_size=3))
        way = draw(ways)
        if way == "inline":
            top.append("%s = %s %s" % (section, one_line(table), draw(st.sampled_from(["", "# c"]))))
        elif way == "dotted":
            top += ["%s.%s = %s" % (section, one_line_key(name), one_line(value)) for name, value in table.items()]
        elif draw(st.booleans()):
            parts.append(block(draw, "[%s]" % section, table))
    for section in ("destination", "route"):
        tables = draw(st.lists(st.dictionaries(KEYS, VALUES, max_size=2), max_size=3))
        if tables and draw(st.integers(0, 3)) == 0:
            top.append("%s = [%s\n]" % (section, ",".join("\n  " + one_line(each) for each in tables)))
        else:
            parts += [block(draw, "[[%s]]" % section, each) for each in tables]
    order = draw(st.permutations(parts))
    text = "\n".join([*top, draw(COMMENT), *order])
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def one_line(value):
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s = %s" % (one_line_key(name), one_line(each)) for name, each in value.items())
    if isinstance(value, list):
        return "[%s]" % " ,".join(map(one_line, value))
    if isinstance(value, str):
        return '"%s"' % "".join("\\u%04x" % ord(one) if one in '"\\\t\n' else one for one in value)
    return str(value).lower()


def one_line_key(name):
    return name if name.replace("-", "").isalnum() else '"%s"' % name


def block(draw, header, table):
    lines = [draw(COMMENT), header + draw(st.sampled_from(["", " # h"]))]
    for name, value in table.items():
        behind = draw(st.sampled_from(["", "#v"]))
        lines += [draw(COMMENT), "  %s= %s %s" % (one_line_key(name), one_line(value), behind)]
    return "\n".join([*lines, draw(COMMENT)])


@settings(max_examples=150, deadline=None)
@given(text=files(), data=st.data())
def test_whatever_the_file_an_edit_means_what_it_says_and_no_comment_is_lost(text, data):
    meant = tomllib.loads(text)
    section = data.draw(st.sampled_from(["dicom", "limits", "destination", "route"]))
    edit = {"section": section}
    removed = 0
    if section in ("dicom", "limits"):
        table = meant.setdefault(section, {})
        set_or_unset(data, edit, table)
    else:
        tables = meant.setdefault(section, [])
        what = data.draw(st.sampled_from(["add", "remove", "move", "key"] if tables else ["add"]))
        number = data.draw(st.integers(1, len(tables) + (what == "add")))
        edit["number"] = number
        if what == "add":
            edit["add"] = data.draw(st.dictionaries(KEYS, VALUES, max_size=2))
            tables.insert(number - 1, edit["add"])
        elif what == "remove":
            edit["remove"] = True
            removed = len(tables[number - 1]) * 2 + 3
            del tables[number - 1]
        elif what == "move":
            edit["move"] = data.draw(st.integers(1, len(tables)))
            tables.insert(edit["move"] - 1, tables.pop(number - 1))
        else:
            set_or_unset(data, edit, tables[number - 1])
    after = changed(text, edit)
    assert without_empty(tomllib.loads(after)) == without_empty(meant)
    lost = len(comments(text)) - len(comments(after))
    assert 0 <= lost <= removed
    assert set(comments(after)) <= set(comments(text))


def set_or_unset(data, edit, table):
    edit["key"] = data.draw(KEYS)
    if data.draw(st.booleans()):
        edit["value"] = table[edit["key"]] = data.draw(VALUES)
    else:
        table.pop(edit["key"], None)


def without_empty(document_):
    return {name: each for name, each in document_.items() if each not in ({}, [])}
