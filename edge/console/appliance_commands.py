"""The rows of the table of commands that are about the box as an appliance: what its parts with privileges do."""

from edge.console.arguments import Command, Option
from edge.console.options import CONFIG, JSON

COMMANDS = (
    Command(
        "network",
        "[--toml] [--json] [--config FILE]\n"
        "       edge network --check FILE\n"
        "       edge network --apply FILE [--within S]\n"
        "       edge network --confirm | --revert",
        "show and change the network of an appliance",
        (
            "Says what the kernel has, what is open, and what is on trial. FILE is TOML with a table [network], as "
            "--toml prints it.",
            "A change is checked and applied at once, on trial: unless it is confirmed within 120 s, all goes back by "
            "itself, also where the box starts anew meanwhile. On a machine of your own its own tools set the network "
            "up, unless the steward `network` runs there.",
        ),
        0,
        0,
        (
            Option("--toml", None, "Print the settings, without secrets, to be changed and applied."),
            Option("--check", "FILE", "Only say what would be wrong with these, and what they would cut off."),
            Option("--apply", "FILE", "Try these settings."),
            Option("--within", "S", "With --apply: how long they are on trial, 10 to 3600; 0: they stay at once."),
            Option("--confirm", None, "Let what is on trial stay."),
            Option("--revert", None, "Put back what was before it, now."),
            JSON,
            CONFIG,
        ),
        ("edge network --toml > network.toml", "edge network --apply network.toml", "edge network --confirm"),
    ),
    Command(
        "steward",
        "ROLE [--start] [--socket PATH] [--for USER]\n"
        "       ROLE VERB [NAME=VALUE...] [--socket PATH] [--json] [--config FILE]",
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
            Option("--start", None, "Do only what the role does once when the machine starts, and end."),
            Option("--for", "USER", "Who may ask besides root: the user that the box runs as; edge without this."),
            JSON,
            CONFIG,
        ),
        ("edge steward network", "edge steward network state", "edge steward network --start"),
    ),
    Command(
        "reset",
        "--now DEVICE [--if-ordered PARTITION | --yes] [--config FILE]",
        "erase the data partition for a factory reset, at once",
        (
            "Erases the device, once that is confirmed or was ordered, reads it back, overwrites what is not zero, "
            "and makes an empty file system on it. An encrypted one loses its keys first. It must not be mounted: "
            "the appliance calls this when it starts, with the partition in which the console leaves the order, which "
            "is taken back last.",
            "What a reader of the device gets is zero afterwards. Flash may keep remains in cells that no reader "
            "reaches; who cannot accept that encrypts the data partition from the first day, or destroys the device.",
        ),
        0,
        0,
        (
            Option("--now", "DEVICE", "The data partition. All that is on it is gone."),
            Option("--if-ordered", "PARTITION", "Do it only when the order is in this partition, and take that back."),
            Option("--yes", None, "Do it without being asked for a yes on the terminal."),
            CONFIG,
        ),
        ("edge reset --now /dev/disk/by-partlabel/data --if-ordered /dev/disk/by-partlabel/bootstate",),
    ),
)
