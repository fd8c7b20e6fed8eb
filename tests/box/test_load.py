"""A configuration file becomes a Config, or all of its mistakes at once, each with line, key and what was expected."""

import os

import pytest

from edge.box import config, load, reference
from edge.toml import markdown, reading

GOOD = """
[box]
ae_title = " BOX "
state_dir = "state"

[dicom]
port = 0
accept_calling = ["CT1", "MR1@10.0.0.5", "10.0.1.0/24"]
transfer_syntaxes = ["Explicit VR Little Endian", "1.2.840.10008.1.2.4.70"]
max_pdu_bytes = "64 KiB"

[limits]
object_bytes = "1.5 GiB"
reserve_bytes = "1 GiB"

[[destination]]
name = "archive"
ae_title = "PACS"
host = "pacs.example"

[[destination]]
name = "teaching"
ae_title = "TEACH"
host = "::1"
port = 11113

[[route]]
to = "archive"

[[route]]
from = ["CT1", "CT2"]
to = ["archive", "teaching"]
"""


def mistakes(text):
    with pytest.raises(load.ConfigError) as caught:
        load.parse(text, "edge.toml")
    return caught.value.lines()


def only_mistake(text):
    lines = mistakes(text)
    assert len(lines) == 1, lines
    return lines[0]


def destination(**changes):
    keys = {"name": '"archive"', "ae_title": '"PACS"', "host": '"10.0.0.9"'} | changes
    return "[[destination]]\n" + "".join("%s = %s\n" % pair for pair in keys.items())


def test_a_good_file_becomes_a_config():
    found = load.parse(GOOD, "/etc/edge/edge.toml").config
    assert found.box.ae_title == "BOX"
    assert found.box.state_dir == "/etc/edge/state"
    assert found.dicom.port == 0
    assert found.dicom.transfer_syntaxes == ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70")
    assert found.dicom.max_pdu_bytes == 65536
    assert found.dicom.idle_timeout_s == config.defaults().dicom.idle_timeout_s
    assert found.limits.object_bytes == 3 << 29
    assert [each.name for each in found.destinations] == ["archive", "teaching"]
    assert found.destinations[0].port == 104
    assert [(each.calling, each.to) for each in found.routes] == [
        ((), ("archive",)),
        (("CT1", "CT2"), ("archive", "teaching")),
    ]


def test_without_a_file_the_defaults_hold_and_state_lies_under_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = load.load().config
    assert found.box == config.Box("EDGE", str(tmp_path / "var"), "info")
    assert (found.dicom.port, found.destinations, found.routes) == (11112, (), ())


def test_a_relative_state_dir_starts_at_the_files_folder(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_text('[box]\nstate_dir = "../elsewhere"\n')
    assert load.load(str(path)).config.box.state_dir == str(tmp_path.parent / "elsewhere")


def test_a_home_folder_in_state_dir_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/box")
    assert load.parse('[box]\nstate_dir = "~/dicom"\n', "edge.toml").config.box.state_dir == "/home/box/dicom"


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file():
    text = "titel = 1\n[box]\nae_title = 7\n[dicom]\nport = 'x'\nprot = 1\n" + destination(port="0") + "[[route]]\n"
    assert mistakes(text) == [
        'edge.toml, line 1: no such key: "titel"; there are: '
        + ", ".join(section.name for section in config.SECTIONS),
        "edge.toml, line 3: [box] ae_title: expected an AE title: 1 to 16 ASCII characters, not only spaces, "
        "no backslash, found 7",
        'edge.toml, line 5: [dicom] port: expected a whole number from 0 to 65535, found "x"',
        'edge.toml, line 6: [dicom]: no such key: "prot"; did you mean "port"?',
        'edge.toml, line 11: [[destination]] "archive", port: expected a whole number from 1 to 65535, found 0',
        "edge.toml, line 12: [[route]] 1, to: it is missing; expected a list, each item a name of up to 64 letters, "
        "digits and - _ .",
    ]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('"SEVENTEEN LETTERS"', "it has 17 characters"),
        ('"   "', "it is empty"),
        ('"A\\\\B"', "it has the character '\\\\'"),
        ('"K\\u00d6LN"', "it has the character '\\xd6'"),
        ('"A\\tB"', "it has the character '\\t'"),
    ],
)
def test_an_ae_title_follows_the_standard(value, reason):
    assert only_mistake("[box]\nae_title = %s\n" % value).endswith(": " + reason)


@pytest.mark.parametrize("value", ["-1", "65536", "1.5", "true", '"11112"', "[1]"])
def test_a_port_is_a_whole_number_in_range(value):
    assert "[dicom] port: expected a whole number from 0 to 65535, found %s" % value in only_mistake(
        "[dicom]\nport = %s\n" % value
    )


@pytest.mark.parametrize(
    ("value", "octets"),
    [("5000000", 5000000), ('"512 MiB"', 512 << 20), ('"1.5GiB"', 3 << 29), ('"2 gb"', 2 * 10**9), ('"3TiB"', 3 << 40)],
)
def test_a_size_is_a_number_or_words(value, octets):
    assert load.parse("[limits]\nreserve_bytes = %s\n" % value, "edge.toml").config.limits.reserve_bytes == octets


@pytest.mark.parametrize("value", ['"much"', '"-1 MiB"', "-1", "true", '"nan"', '"inf GiB"', '""', '"1e400 MiB"'])
def test_what_is_no_size_is_a_mistake(value):
    assert "found %s" % value in only_mistake("[limits]\nreserve_bytes = %s\n" % value)


def test_each_bad_item_of_a_list_is_reported():
    lines = mistakes('[dicom]\naccept_calling = ["CT1", "@10.0.0.300", "10.0.0.0/33", 4]\n')
    assert [line.partition("found ")[2] for line in lines] == [
        '"@10.0.0.300" among them: what follows the @ is no address',
        '"10.0.0.0/33" among them: a network of 10.0.0.0 ends in /0 to /32',
        "4 among them",
    ]


@pytest.mark.parametrize("value", ['"10.0.0"', '"10.0.0.300"', '"a b"', '""', "7", '"pacs/"'])
def test_a_host_is_a_name_or_an_address(value):
    words = '[[destination]] "archive", host: expected a host name or an IP address, found '
    assert words + value in only_mistake(destination(host=value))


def test_a_missing_key_is_reported_with_the_line_of_its_table():
    line = only_mistake('\n\n[[destination]]\nname = "archive"\nhost = "10.0.0.9"\n')
    assert line.startswith('edge.toml, line 3: [[destination]] "archive", ae_title: it is missing; expected an AE')


def test_a_route_to_nowhere_names_the_nearest_destination():
    text = destination() + '[[route]]\nto = ["arcive"]\n'
    assert only_mistake(text) == (
        'edge.toml, line 6: [[route]] 1, to: no such destination: "arcive"; did you mean "archive"?'
    )


def test_a_route_without_any_destination_says_so():
    assert only_mistake('[[route]]\nto = "archive"\n').endswith('"archive"; there is no [[destination]] yet')


def test_two_destinations_of_one_name_are_a_mistake():
    assert only_mistake(destination() + destination()) == (
        'edge.toml, line 6: [[destination]] "archive": the name is taken by the one on line 1; '
        "expected a name of its own"
    )


def test_a_first_wait_longer_than_the_longest_is_a_mistake():
    assert "retry_first_s: expected at most retry_cap_s (60), found 90" in only_mistake(
        destination(retry_first_s="90", retry_cap_s="60")
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("destination = 3\n", "expected tables, each under [[destination]], found 3"),
        ("[destination]\nname = 'a'\n", "expected tables, each under [[destination]], found one under [destination]"),
        ("box = 'x'\n", 'expected a table, [box], found "x"'),
        ("[[dicom]]\nport = 1\n", "expected a table, [dicom], found [{ port = 1 }]"),
    ],
)
def test_a_table_of_the_wrong_shape_is_a_mistake(text, words):
    assert words in only_mistake(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[box\n", "edge.toml, line 1: this is not TOML: expected ']' at the end of a table declaration, at column 5"),
        ("\nport = eleven\n", "edge.toml, line 2: this is not TOML: invalid value, at column 8\n    port = eleven\n"),
        ("a = 1\n\nb = 'open", "edge.toml, line 3: this is not TOML: expected \"'\" at the end of the file"),
    ],
)
def test_what_is_not_toml_is_reported_with_line_and_column(text, words):
    assert only_mistake(text).startswith(words)


def test_a_file_that_cannot_be_read_is_one_mistake(tmp_path):
    with pytest.raises(load.ConfigError) as caught:
        load.load(str(tmp_path / "none.toml"))
    assert caught.value.lines() == ["%s: it cannot be read: No such file or directory" % (tmp_path / "none.toml")]
    (tmp_path / "latin.toml").write_bytes(b"[box]\n# K\xf6ln\n")
    with pytest.raises(load.ConfigError, match="it is not text in UTF-8, see octet 9"):
        load.load(str(tmp_path / "latin.toml"))


def test_what_is_dangerous_or_of_no_effect_is_warned_of():
    warnings = [reading.say("edge.toml", each) for each in load.parse(destination(), "edge.toml").warnings]
    assert warnings == [
        "edge.toml: [dicom] accept_calling: it is empty, so anyone who reaches the port may send; name those who "
        "should",
        'edge.toml, line 1: [[destination]] "archive": no [[route]] leads there; it gets only what `edge send archive` '
        "sends",
    ]


@pytest.mark.parametrize("title", ["CT*", "CT?"])
def test_a_pattern_among_callers_is_warned_of_as_it_covers_nobody(title):
    words = "patterns do not count here: only what calls itself %s is accepted" % title
    said = [each.words for each in load.parse('[dicom]\naccept_calling = ["%s@::1"]\n' % title, "edge.toml").warnings]
    assert [each for each in said if words in each]


def test_a_good_file_warns_of_nothing():
    assert load.parse(GOOD, "edge.toml").warnings == ()


def test_the_same_route_twice_is_warned_of():
    text = '[dicom]\naccept_calling = ["CT1"]\n' + destination() + '[[route]]\nto = "archive"\n' * 2
    assert [each.words for each in load.parse(text, "edge.toml").warnings] == ["it says the same as the one on line 7"]


FOLDER = '[[destination]]\nname = "share"\nkind = "folder"\n'


def test_a_destination_has_the_keys_of_its_kind_and_none_of_others():
    found = load.parse(FOLDER + 'path = "out"\n', "/etc/edge/edge.toml").config.destinations[0]
    assert (found.path, found.layout.words[:11], found.must_be_mounted) == ("/etc/edge/out", "{PatientID}", False)
    assert (found.host, found.port, found.ae_title, found.attempts) == (None, None, None, 12)
    assert config.where(found) == "the folder /etc/edge/out"


def test_a_key_of_another_kind_is_a_mistake_that_says_whose_it_is_on_its_line():
    line = only_mistake(FOLDER + 'path = "/out"\nhost = "10.0.0.9"\n')
    assert line.startswith(
        'edge.toml, line 5: [[destination]] "share", host: a destination of the kind "folder" has no host, only those '
        'of the kind "dicom" have; there are: name, kind, path, layout,'
    )


def test_a_missing_key_that_its_kind_needs_is_a_mistake_and_one_that_others_need_is_none():
    assert only_mistake(FOLDER) == 'edge.toml, line 1: [[destination]] "share", path: it is missing; expected a folder'


def test_of_a_kind_that_there_is_not_only_that_is_a_mistake():
    line = only_mistake('[[destination]]\nname = "x"\nkind = "floder"\npath = "/out"\nhost = "h"\n')
    assert 'line 3: [[destination]] "x", kind: expected one of "dicom", "stow", "folder", "relay"' in line


STOW = '[[destination]]\nname = "cloud"\nkind = "stow"\n'


def test_a_url_is_taken_apart_and_says_where_the_destination_is():
    url = load.parse(STOW + 'url = "https://[2001:db8::7]:8443/pacs/rs/"\n', "e.toml").config.destinations[0].url
    assert url[1:] == (True, "2001:db8::7", 8443, "/pacs/rs")
    url = load.parse(STOW + 'url = "http://pacs/dicom-web/studies"\n', "e.toml").config.destinations[0].url
    assert url[1:] == (False, "pacs", 80, "/dicom-web")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://pacs/", "expected the base URL"),
        ("https:///x", "expected the base URL"),
        ("https://me:secret@pacs/", "a password has no place in it"),
        ("https://pacs/x?token=1", "it may have a path, and nothing behind that"),
        ("https://pacs/a b", "it may have a path, and nothing behind that"),
        ("https://pacs:99999/", "expected the base URL"),
    ],
)
def test_what_is_no_base_url_is_a_mistake(url, reason):
    assert reason in only_mistake(STOW + 'url = "%s"\n' % url)


@pytest.mark.parametrize(
    "url",
    [
        *("https://me:hush@pacs/", "ftp://me:hush@pacs/", "https://me:a@hush@pacs"),
        *("https://pacs/x?token=hush", "pacs#hush"),
    ],
)
def test_a_url_that_is_wrong_is_named_without_what_may_be_secret_in_it(url):
    words = only_mistake(STOW + 'url = "%s"\n' % url)
    assert "hush" not in words and "pacs" in words


def test_a_user_without_a_password_is_a_mistake_and_credentials_in_plain_text_are_warned_of():
    assert "user and password_file go together" in only_mistake(STOW + 'url = "https://pacs"\nuser = "edge"\n')
    assert [each for each in warned(STOW + 'url = "http://pacs"\ntoken_file = "t"\n') if "use https" in each]
    assert not [each for each in warned(STOW + 'url = "https://pacs"\ntoken_file = "t"\n') if "use https" in each]


@pytest.mark.parametrize(
    ("words", "reason"),
    [("../{PatientID}", "none is . or .."), ("{PatientIdd}.dcm", "{PatientIdd} is no keyword of an element with text")],
)
def test_a_layout_that_is_none_is_a_mistake_with_the_reason(words, reason):
    assert reason in only_mistake(FOLDER + 'path = "/out"\nlayout = "%s"\n' % words)


def test_the_reference_file_means_the_same_as_an_empty_file():
    assert load.parse(reference.file(), os.getcwd() + "/edge.toml").config == load.load().config


def test_the_reference_file_is_valid_with_its_comments_taken_away():
    lines = []
    for line in reference.file().splitlines():
        bare = line.removeprefix("# ")
        if line.startswith("# ") and (" = " in bare or bare.startswith("[")):
            line = bare
        lines.append(line)
    found = load.parse("\n".join(lines), "edge.toml").config
    assert found.destinations[0] == config.build(
        config.DESTINATION,
        {
            "name": "archive",
            "ae_title": "PACS",
            "host": "10.0.0.9",
            "calling_ae_title": "EDGE",
            "compress": "jpeg-ls",
            "rate_bytes_per_s": 1_000_000,
            "hours": ((18 * 60, 7 * 60 + 30),),
            "weekdays": ((5,), (6,)),
            "max_age_h": 24,
            "certificate": "/etc/edge/cloud.pem",
            "key": "/etc/edge/cloud.key",
            "authorities": "system",
            "server_name": "pacs.example.org",
            "commitment_ae_title": "KEEPER",
            "commitment_host": "10.0.0.10",
            "commitment_port": 104,
        },
    )
    assert [each.kind for each in found.destinations] == [each.name for each in config.KINDS]
    assert [(each.calling, each.to) for each in found.routes] == [(("CT1", "MR*"), ("archive",))]
    assert found.limits == config.defaults().limits


def test_the_tables_of_the_reference_name_every_key():
    tables = markdown.tables(config.SECTIONS)
    for section in config.SECTIONS:
        for key in section.keys:
            assert "| `%s` |" % key.name in tables


def test_the_tables_are_inserted_between_their_marks():
    readme = "before\n%s\nSTALE\n%s\nafter\n" % (reference.BEGIN, reference.END)
    once = reference.inserted(readme)
    assert once.startswith("before\n") and once.endswith("\nafter\n") and "STALE" not in once
    assert reference.inserted(once) == once
    with pytest.raises(ValueError, match="the marks are missing"):
        reference.inserted("no marks")


def warned(text):
    return [each.words for each in load.parse(text, "edge.toml").warnings]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost"])
def test_a_destination_that_is_the_box_itself_is_warned_of(host):
    words = "this is the address and port of the box itself: what it forwards there it sends to itself"
    assert words in warned(destination(host='"%s"' % host, port="11112"))
    assert words not in warned(destination(host='"%s"' % host, port="11113"))


def test_another_machine_on_the_same_port_is_not_warned_of():
    assert not [words for words in warned(destination(host='"192.0.2.1"', port="11112")) if "itself" in words]
    text = '[dicom]\nbind = "192.0.2.7"\n' + destination(host='"127.0.0.1"', port="11112")
    assert not [words for words in warned(text) if "itself" in words]


def test_an_age_below_the_days_that_delivered_objects_are_safe_is_a_mistake():
    words = "remove_delivered_days: expected 0, or at least keep_delivered_days (30): until then they are safe; found 7"
    assert words in only_mistake("[limits]\nkeep_delivered_days = 30\nremove_delivered_days = 7\n")
    for days in (0, 30, 31):
        assert load.parse("[limits]\nkeep_delivered_days = 30\nremove_delivered_days = %d\n" % days, "edge.toml")


def test_low_water_lies_below_high_water():
    words = "low_water_percent: expected less than high_water_percent (70), found 80"
    assert words in only_mistake("[limits]\nhigh_water_percent = 70\n")
    assert "found 90" in only_mistake("[limits]\nlow_water_percent = 90\n")


def test_no_reserve_is_warned_of():
    assert [words for words in warned("[limits]\nreserve_bytes = 0\n") if "until the disk is full" in words]


@pytest.mark.parametrize(
    "hours, days, cut",
    [
        ("22:00-06:00", '"mon-fri"', "fri"),
        ("22:00-06:00", '"wed", "mon"', "mon and wed"),
        ("22:00-06:00", '"mon-sun"', ""),
        ("22:00-24:00", '"fri"', ""),
        ("22:00-00:00", '"fri"', ""),
        ("06:00-22:00", '"fri"', ""),
    ],
)
def test_a_night_that_its_weekdays_cut_at_midnight_is_warned_of(hours, days, cut):
    keys = 'hours = ["%s"]\nweekdays = [%s]\n' % (hours, days)
    for text in (destination() + keys, destination() + '[[route]]\nto = "archive"\n' + keys):
        said = [each for each in load.parse(text, "edge.toml").warnings if "midnight" in each.words]
        assert [each.words.split(" ends")[0] for each in said] == (["what begins on " + cut] if cut else [])
        assert all([each.line == text.count("\n") for each in said])


def test_a_provider_of_commitment_that_may_not_call_is_warned_of():
    text = """
[dicom]
accept_calling = ["CT1", "PACS@10.0.0.9"]

[[destination]]
name = "good"
ae_title = "PACS"
host = "10.0.0.9"
commitment = true

[[destination]]
name = "bad"
ae_title = "PACS"
host = "10.0.0.9"
commitment = true
commitment_ae_title = "KEEPER"

[[route]]
to = ["good", "bad"]
"""
    warnings = [each for each in load.parse(text, "edge.toml").warnings if "commitment" in each.key]
    assert [(each.line, each.key) for each in warnings] == [(15, '[[destination]] "bad", commitment')]
    assert "KEEPER is not in accept_calling" in warnings[0].words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 5000, "lists or tables stand within each other too deeply"),
        ("a." * 5000 + "a = 1", "a key has more than 64 parts"),
        ("[" + "a." * 5000 + "a]", "a key has more than 64 parts"),
        ("[dicom]\nport = " + "9" * 5000, "a number has too many digits"),
    ],
)
def test_what_the_reader_of_toml_chokes_on_is_a_mistake_in_words(text, words):
    (line,) = mistakes(text)
    assert words in line
