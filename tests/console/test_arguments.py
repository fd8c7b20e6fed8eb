"""A command line is read by the table of commands, and complaints say what to type instead."""

import pytest

from edge.console import arguments, commands
from edge.console.arguments import UsageError
from edge.console.commands import COMMANDS


def read(*words):
    return arguments.read(COMMANDS, words)


def complaint(*words):
    with pytest.raises(UsageError) as caught:
        read(*words)
    return str(caught.value)


def test_options_may_stand_anywhere_after_the_command():
    for line in ("send a b --config f", "send --config f a b", "send a --config=f b"):
        asked = read(*line.split())
        assert asked.arguments == ["a", "b"]
        assert asked.options == {"config": "f"}


def test_what_follows_two_dashes_is_no_option():
    assert read("send", "a", "--", "--json", "-x").arguments == ["a", "--json", "-x"]


def test_a_dash_alone_is_an_argument():
    assert read("dump", "-").arguments == ["-"]


def test_an_empty_value_is_a_value():
    assert read("queue", "--state=").options == {"state": ""}


def test_help_needs_no_arguments():
    assert read("send", "--help").options == {"help": True}
    assert read("send", "-h").options == {"help": True}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("quue",), "no command quue; did you mean queue?"),
        (("--jsn",), "no option --jsn; see edge --help"),
        (("queue", "--jsno"), "queue has no option --jsno; did you mean --json?"),
        (("queue", "-x"), "queue has no option -x; see edge queue --help"),
        (("queue", "--json=yes"), "--json takes no value, yes was given"),
        (("queue", "--state"), "--state needs a value: --state STATE"),
        (("demo", "--from", "--config", "x"), "--from needs a value: --from FOLDER"),
        (("dump",), "dump needs more: usage: edge dump FILE [--config FILE]"),
        (("dump", "a", "b"), "dump has one too many: b; usage: edge dump FILE [--config FILE]"),
    ],
)
def test_what_cannot_be_understood_is_said_with_the_way_on(words, expected):
    assert complaint(*words) == expected


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_a_page_that_names_its_options(command):
    page = arguments.page(command)
    assert page.startswith("usage: edge %s " % command.name)
    for option in command.options:
        assert "  " + option.name in page and option.name in command.usage
    assert max(len(line) for line in page.splitlines()) <= arguments.WIDTH


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_takes_a_configuration(command):
    assert commands.CONFIG in command.options


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_examples_of_every_command_can_be_typed(command):
    for example in command.examples:
        words = example.split(" | ")[0].split(" > ")[0].split()
        assert words[0] == "edge"
        assert read(*words[1:]).command is command


def test_the_overview_names_every_command_and_every_exit_code():
    overview = arguments.overview(commands.INTRO, COMMANDS, commands.OUTRO)
    for command in COMMANDS:
        assert "  %s " % command.name in overview
    for code, words in commands.EXIT_CODES:
        assert "  %3d  %s" % (code, words) in overview
    assert max(len(line) for line in overview.splitlines()) <= arguments.WIDTH
