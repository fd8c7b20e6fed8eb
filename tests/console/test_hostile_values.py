"""Values that a device made up: no command lets one of them do anything to the terminal of whoever looks."""

import json
import sys

import pytest

from edge.console import commandline, text
from edge.spool.intake import Source
from tests.spool.data import data_set, open_spool, receive

NAME = b"A\x1b[31mRED\x1b[2J\x07\xc2\x9b5m\xe2\x80\xaeB"
PATIENT = "47\r\n11"
COMMANDS = (
    ("studies",), ("studies", "--json"), ("objects",), ("objects", "--json"), ("queue", "--all"), ("queue", "--json"),
    ("status",), ("status", "--json"), ("health",), ("dump", "FILE"), ("route", "FILE"), ("check-config",),
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(path of a configuration, path of an object) whose state folder holds what a hostile device has sent."""
    folder = tmp_path_factory.mktemp("box")
    spool = open_spool(folder / "var")
    octets = data_set("1.2.3", name=NAME, patient=PATIENT).replace(b"ISO_IR 100", b"ISO_IR 192")
    octets = octets.replace(b"CS\2\0CT", b"CS\4\0\x1b[2J")
    receive(spool, "1.2.3", octets, source=Source("CT\x1b[2J", "EDGE", "10.0.0.7"))
    spool.jobs.link_failed("PACS", spool.now(), "it said \x1b[2J\r\nand more", lasting=True)
    path = spool.path_of(spool.index.get(1))
    spool.close()
    config = folder / "edge.toml"
    known = '[[destination]]\nname = "PACS"\nae_title = "P"\nhost = "192.0.2.1"\n'
    config.write_text('[box]\nstate_dir = "%s"\n%s' % (folder / "var", known))
    return str(config), path


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_prints_no_character_that_a_terminal_would_act_on(made, words, monkeypatch, capfd):
    config, path = made
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # which the command line puts a screen before
    words = [path if word == "FILE" else word for word in words]
    commandline.main([*words, "--config", config], {})
    sys.stdout.flush()
    said, complaints = capfd.readouterr()
    assert said and [one for one in said + complaints if one != "\n" and not one.isprintable()] == []
    if words[-1] == "--json":
        json.loads(said)


def test_a_patient_is_one_row_of_the_studies_whatever_his_name_is(made, monkeypatch, capfd):
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    commandline.main(["studies", "--config", made[0]], {})
    heads, row = capfd.readouterr().out.splitlines()
    assert heads.startswith("study") and r"A\x1b[31mRED\x1b[2J" in row and r"47\r\n11" in row


def test_json_gives_back_what_a_terminal_may_not_be_given():
    value = {"name": NAME.decode(), "id": PATIENT, "file": "\udcff", "far": "\U000e0001", "here": "Müller 山田"}
    words = text.json_words(value)
    assert words.isprintable() and "Müller 山田" in words
    assert json.loads(words) == value


def test_a_line_stays_one_line_and_names_stay_readable(capsys):
    text.say("Müller\u3000山田\n\x1b]0;owned\x07")
    assert capsys.readouterr().out == "Müller\u3000山田\\n\\x1b]0;owned\\x07\n"
