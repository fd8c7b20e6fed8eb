"""Settings of a tap: every mistake in words, with its line, all at once."""

from edge.tap import settings

LEAST = '[record]\nkind = "silence"\n[object]\nkind = "raw"\n[box]\nhost = "10.0.0.1"\n'


def wrong(text):
    try:
        settings.read(text)
    except settings.Wrong as error:
        return error.mistakes
    raise AssertionError("no mistake was found")


def test_the_least_there_is_has_defaults_for_the_rest():
    found = settings.read(LEAST)
    assert found.serial["baud"] == 9600 and found.box["called"] == "EDGE" and found.attributes == ()
    assert settings.rule(found).kind == "silence" and settings.shape(found).kind == "raw"


def test_octets_are_names_hexadecimal_or_text():
    assert settings.octets("STX 0xFF FF 'END' DEL") == b"\x02\xff\x0cEND\x7f"
    found = wrong(LEAST + "[serial]\n[record]\nbegin = \"STXX\"\n")
    assert found == ["settings.toml:9: record.begin: STXX is no octet: write STX, 0x02 or 'text'"]


def test_every_mistake_is_said_at_once_with_its_line():
    found = wrong('[serial]\nbaud = 1 # slow\nbits = 9\nbaud = 2\n[recrd]\nx = 1\n[box]\nhost = 5\nport = "x"\nwhat\n')
    lines = [words.split(": ")[0] for words in found]
    assert lines == ["settings.toml"] * 2 + ["settings.toml:%d" % line for line in (2, 3, 4, 5, 8, 9, 10)]
    assert "settings.toml: object.kind must be given: capture (pixels), pdf, or raw" in found


def test_what_contradicts_each_other_is_said():
    found = wrong(LEAST.replace("silence", "delimiter").replace("raw", "capture"))
    assert "settings.toml: record.end must be given where record.kind is delimiter" in found
    assert "settings.toml: object.rows and object.columns must be given where object.kind is capture" in found


def test_strings_are_those_of_toml():
    found = settings.read(LEAST + "[wifi]\nssid = \"a\\\"b\\u00e9\\\\\" # mine\npassword = 'c:\\d#'\n")
    assert found.wifi["ssid"] == 'a"b\u00e9\\' and found.wifi["password"] == "c:\\d#"
    for text in ('"', '"\\x"', '"a" b', "'a", "yes", "1.5", ""):
        assert len(wrong(LEAST + "[wifi]\nssid = " + text)) == 1


def test_a_password_is_in_no_sentence():
    for value in ("5", "true", '"%s"' % ("secret" * 20)):
        assert not [each for each in wrong(LEAST + "[wifi]\npassword = " + value) if "secret" in each or " 5 " in each]


def test_attributes_are_known_and_their_expressions_hold():
    found = settings.read(LEAST + '[attributes]\nPatientID = "{2}"\n')
    assert found.attributes[0][:2] == (0x00100020, "LO")
    assert "fields count from 1" in wrong(LEAST + '[attributes]\nPatientID = "{0}"\n')[0]
    assert "there is no attributes.PatientId" in wrong(LEAST + '[attributes]\nPatientId = "1"\n')[0]
