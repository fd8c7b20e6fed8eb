"""The arguments of a command line, read by a table of commands; help and complaints are worded from the same table.

A page of argparse would do the same for a megabyte of memory that the service then keeps.
"""

from collections import namedtuple

# name: as it is typed, "--json"; value: what to call its value in the help, or None for a switch; meaning: for the
# help; many: whether it may be typed more than once, so that its value is a list
Option = namedtuple("Option", ("name", "value", "meaning", "many"), defaults=(False,))
# name: as it is typed; usage: what follows the name; summary: one line; about: paragraphs for its own page; least,
# most: how many arguments it takes (most None: any number); options: tuple of Option; examples: tuple of lines
Command = namedtuple("Command", ("name", "usage", "summary", "about", "least", "most", "options", "examples"))
# arguments: list of str; options: {option name without dashes: value, True for a switch}
Asked = namedtuple("Asked", ("command", "arguments", "options"))

WIDTH = 100


class UsageError(Exception):
    """The command line cannot be understood; str() says why and how to get help."""


def read(commands, words):
    """Return the Asked of a command line's words after the program's name; raises UsageError.

    Options may stand anywhere after the command, as `--name value` or `--name=value`; what follows `--` is no option.
    A value that begins with `--` itself is written the second way.
    `--help` and `-h` are options of every command.
    """
    command = _command(commands, words[0])
    known = {option.name: option for option in command.options}
    arguments = []
    options = {}
    rest = iter(words[1:])
    for word in rest:
        if word == "--":
            arguments += rest
        elif word in ("-h", "--help"):
            options["help"] = True
        elif word.startswith("-") and word != "-":
            name, equals, value = word.partition("=")
            option = known.get(name)
            if option is None:
                raise UsageError(
                    "%s has no option %s%s" % (command.name, name, _suggestion(name, [*known, "--help"], command))
                )
            if option.value is None:
                if equals:
                    raise UsageError("%s takes no value, %s was given" % (name, value))
                value = True
            elif not equals:
                value = next(rest, None)
                if value is None or value.startswith("--"):
                    raise UsageError("%s needs a value: %s %s" % (name, name, option.value))
            options[name[2:]] = [*options.get(name[2:], ()), value] if option.many else value
        else:
            arguments.append(word)
    if "help" not in options:
        _check_count(command, arguments)
    return Asked(command, arguments, options)


def _command(commands, name):
    for command in commands:
        if command.name == name:
            return command
    what = "no option %s" if name.startswith("-") else "no command %s"
    raise UsageError(what % name + _suggestion(name, [command.name for command in commands], None))


def _check_count(command, arguments):
    usage = "usage: edge %s %s" % (command.name, command.usage)
    if len(arguments) < command.least:
        raise UsageError("%s needs more: %s" % (command.name, usage))
    if command.most is not None and len(arguments) > command.most:
        raise UsageError("%s has one too many: %s; %s" % (command.name, arguments[command.most], usage))


def _suggestion(word, words, command):
    import difflib  # only a mistake pays for it

    near = difflib.get_close_matches(word, words, 1)
    if near:
        return "; did you mean %s?" % near[0]
    return "; see edge %s--help" % (command.name + " " if command else "")


def overview(intro, commands, outro):
    """Return the page of `edge --help`: `intro`, a line for each command, `outro`."""
    width = max([len(command.name) for command in commands])
    lines = ["  %-*s  %s" % (width, command.name, command.summary) for command in commands]
    return "%s\n\ncommands:\n%s\n\n%s" % (intro, "\n".join(lines), outro)


def page(command):
    """Return the page of `edge COMMAND --help`."""
    import textwrap  # only a page pays for it

    parts = ["usage: edge %s %s" % (command.name, command.usage)]
    parts += ["\n".join(textwrap.wrap(paragraph, WIDTH)) for paragraph in command.about]
    names = ["%s %s" % (option.name, option.value) if option.value else option.name for option in command.options]
    width = max([len(name) for name in names])
    options = ["options:"]
    for name, option in zip(names, command.options):
        lines = textwrap.wrap(option.meaning, WIDTH - width - 4)
        options.append("  %-*s  %s" % (width, name, lines[0]))
        options += [" " * (width + 4) + line for line in lines[1:]]
    parts.append("\n".join(options))
    if command.examples:
        parts.append("\n".join(["examples:", *["  " + line for line in command.examples]]))
    return "\n\n".join(parts)
