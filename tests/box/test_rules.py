"""Rules of the configuration become what morph does, or mistakes that say what was expected."""

import pytest

from edge.box import load, rules
from tests.box.test_load import destination, only_mistake

ROUTED = destination() + """
[[route]]
to = "archive"
"""


@pytest.mark.parametrize(
    "line, said",
    [
        ('address = ["10.0.0.0/33"]', "expected a list, each item an address"),
        ('sop_class = "Nonsense Storage"', "no storage SOP Class of the standard has this name"),
        ('hours = "7-9"', 'expected a list, each item two times of the day, "07:00-18:30"'),
        ('weekdays = ["monday"]', 'each item a day or days, "sat" or "mon-fri"'),
        ('priority = "high"', 'one of "sender", "urgent", "normal", "low"'),
        ("modality = [5]", "expected a list, each item text"),
        ('where = "Rows"', 'each item a table like { tag = "Manufacturer"'),
        ('where = { tag = "Rows" }', "it says nothing about the element; say one of: is, is_not"),
        ("where = { present = true }", "tag is missing"),
        ('where = { tag = "PatientId", is = "1" }', "did you mean PatientID?"),
        ('where = { tag = "Rows", above = 5 }', 'no such key: "above"; there are: tag, is, is_not'),
        ('where = { tag = "Rows", at_least = "5" }', 'at_least: expected a number, found "5"'),
        ('where = { tag = "PixelData", present = true }', "it stands behind the pixels"),
        ('where = { tag = "RequestAttributesSequence", is = "x" }', "of which only present can be asked"),
        ('where = { tag = "StudyID.PatientID", present = true }', "StudyID is no sequence"),
    ],
)
def test_a_condition_that_means_nothing_is_a_mistake_in_its_line(line, said):
    found = only_mistake(ROUTED + line + "\n")
    assert said in found
    assert ", line %d: [[route]] 1, %s: " % (ROUTED.count("\n") + 1, line.split(" ")[0]) in found


def test_conditions_become_what_morph_asks():
    found = load.parse(
        ROUTED
        + """
from = "CT*"
called = "TEACH"
address = "10.0.0.0/8"
sop_class = "CT Image Storage"
modality = ["CT", "PT"]
body_part = "CHEST"
station = "ROOM?"
where = [
  { tag = "Rows", at_least = 512, at_most = 1024 },
  { tag = '(0019,"ACME 1.1",10)', is = ["ON", 1], present = true },
]
hours = "22:00-06:00"
weekdays = ["mon-fri", "sun"]
""",
        "edge.toml",
    ).config
    assert [each.words for each in rules.conditions(found.routes[0])] == [
        'calling AE title is "CT*"',
        'called AE title is "TEACH"',
        "address is in 10.0.0.0/8",
        "SOP Class is CT Image Storage",
        'Modality is like "CT" or "PT"',
        'BodyPartExamined is like "CHEST"',
        'StationName is like "ROOM?"',
        "Rows is at least 512 and at most 1024",
        '(0019,"ACME 1.1",10) is "ON" or 1',
        '(0019,"ACME 1.1",10) is present',
        "time is 22:00-06:00",
        "weekday is mon or tue or wed or thu or fri or sun",
    ]


CHANGED = destination() + """
[[change]]
for = "archive"
"""


@pytest.mark.parametrize(
    "lines, said",
    [
        ('tag = "PatientId"\ndo = "delete"', "did you mean PatientID?"),
        ('tag = "PatientID"\ndo = "remove"', 'expected one of "set"'),
        ('tag = "PatientID"\ndo = "set"', "do: set needs a value; it is missing"),
        ('tag = "PatientID"\ndo = "delete"\nvalue = "x"', 'value: delete takes none, found ["x"]'),
        ('tag = "PatientID"\ndo = "replace"\nvalue = "x"', "do: replace needs a pattern; it is missing"),
        ('tag = "PatientID"\ndo = "replace"\npattern = "("\nvalue = ""', "no regular expression"),
        ('tag = "PatientID"\ndo = "set"\npattern = "x"\nvalue = ""', 'pattern: it is for do = "replace"'),
        ('tag = "PatientID"\ndo = "copy"\nvalue = "x"', "the standard has no keyword x"),
        ('tag = "PatientID"\ndo = "prefix"\nvalue = ["a", "b"]', "prefix takes one text"),
        ('tag = "Modality"\ndo = "set"\nvalue = "ct"', "value: Modality would not be capitals"),
        ('tag = "Rows"\ndo = "set"\nvalue = 5', "Rows is not to be changed: it describes the pixels"),
        ('tag = "PixelData"\ndo = "delete"', "PixelData is not to be changed: it is the pixels"),
        ('tag = "PatientID"\ndo = "delete"\nvr = "XX"', "vr: expected a VR of PS3.5 6.2"),
        ('tag = "PatientID"\ndo = "set"\nvalue = "x"\nvr = "SH"', "PatientID has the VR LO"),
    ],
)
def test_a_change_that_could_never_be_right_is_a_mistake(lines, said):
    found = only_mistake(CHANGED + lines + "\n")
    assert said in found and "[[change]] 1" in found


def test_a_change_for_nobody_is_a_mistake():
    text = destination() + '[[change]]\nfor = "archiv"\ntag = "PatientID"\ndo = "delete"\n'
    assert 'for: no such destination: "archiv"; did you mean "archive"?' in only_mistake(text)


def test_changes_become_rules_of_morph():
    found = load.parse(
        CHANGED
        + """
tag = '**.(0019,"ACME 1.1",10)'
do = "set"
value = [1, 2]
vr = "US"
record = false
from = "CT*"
where = { tag = "Rows", at_least = 512 }
""",
        "edge.toml",
    ).config
    rule = rules.change(found.changes[0])
    assert (rule.path.anywhere, rule.action, rule.value, rule.vr, rule.record) == (True, "set", [1, 2], "US", False)
    assert [each.words for each in rule.where] == ['calling AE title is "CT*"', "Rows is at least 512"]


HIDDEN = destination() + """
[[deidentify]]
for = "archive"
key_file = "key"
"""


@pytest.mark.parametrize(
    "lines, said",
    [
        ('options = ["dates"]', 'each item one of "uids"'),
        ('options = ["full-dates", "shifted-dates"]', "expected full-dates or shifted-dates, found both"),
        ('safe_private = ["PatientID"]', "it is no private element with a creator"),
        ('burned_in = "remove"', 'expected one of "hold", "send"'),
        ('[[deidentify]]\nfor = "archive"\nkey_file = "k"', "archive has a [[deidentify]] already"),
        ('[[deidentify]]\nfor = "archiv"\nkey_file = "k"', 'no such destination: "archiv"'),
    ],
)
def test_a_profile_that_makes_no_sense_is_a_mistake(lines, said):
    assert said in only_mistake(HIDDEN + lines + "\n")


def test_the_key_file_lies_beside_the_configuration_and_half_an_option_is_warned_of():
    loaded = load.parse(HIDDEN + 'options = "safe-private"\n', "/etc/edge/edge.toml")
    assert loaded.config.identities[0].key_file == "/etc/edge/key"
    assert any("without each other" in each.words for each in loaded.warnings)


@pytest.mark.parametrize(
    "lines, said",
    [
        ('called = "X"', "expected from or address, to know the device by"),
        ('from = "OLD"\ncharacter_set = "latin1"', "character_set: SpecificCharacterSet would not be capitals"),
        ('from = "OLD"\nmax_pdu_bytes = 100', "expected a size"),
        ('from = "OLD"\ntransfer_syntaxes = "JPEG"', "each item a transfer syntax"),
    ],
)
def test_a_device_that_cannot_be_met_like_that_is_a_mistake(lines, said):
    assert said in only_mistake("[[modality]]\n" + lines + "\n")
