"""The rows of the table of commands that are about the box as an appliance: what its parts with privileges do."""

from edge.console.arguments import Command, Option
from edge.console.options import CONFIG, JSON

COMMANDS = (
    Command(
        "steward",
        "ROLE [--socket PATH] [--for USER]\n       ROLE VERB [NAME=VALUE...] [--socket PATH] [--json] [--config FILE]",
        "do what needs privileges, for the box; or ask the one that does",
        (
            "The box has no privileges. What needs them is done by stewards: small processes with a few fixed verbs, "
            "one for each role: network, mounts, resetting, lamps, updating. This is one, until SIGTERM; it answers "
            "root and USER alone. On an appliance systemd starts it with its socket when it is asked for something.",
            "With a VERB, a steward that runs is asked, and what it answers is printed.",
        ),
        1,
        None,
        (
            Option("--socket", "PATH", "Its socket, without systemd; /run/edge/steward/ROLE.sock without this."),
            Option("--for", "USER", "Who may ask besides root: the user that the box runs as; edge without this."),
            JSON,
            CONFIG,
        ),
        ("edge steward network", "edge steward network state"),
    ),
)
