"""What the configuration says of the machine below the box, where that is not left to be found out."""

from edge.toml.kinds import FILE, NAME, choice, whole
from edge.toml.section import Section, key

BOARD = Section(
    "board",
    False,
    "The machine below the box. An appliance needs nothing of this: its image says what it runs on.",
    (
        key(
            "profile",
            NAME,
            None,
            "The board's name, as `edge board` lists them. Without it: what /etc/edge/board says, or what is found.",
            example='"pi-4"',
        ),
        key(
            "watchdog",
            FILE,
            None,
            "A watchdog that the box feeds itself while it moves. Without it: none; systemd does that on an appliance.",
            example='"/dev/watchdog0"',
        ),
        key("watchdog_s", whole(2, 3600), 15, "How many seconds that waits to be fed before it resets the machine."),
        key(
            "lamps",
            choice("auto", "off"),
            "auto",
            "Whether the steward `lamps`, where there is one, is told how the box does; or not at all.",
        ),
    ),
)
