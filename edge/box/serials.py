"""What the configuration says of the serial line: its port, its rate, and how long somebody may be silent there."""

from edge.toml.kinds import FILE, choice, whole
from edge.toml.section import Section, key

RATES = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)

SERIAL = Section(
    "serial",
    False,
    "The serial line: the console's menus on a UART or a USB gadget, for a terminal with 8 data bits, no parity and 1 "
    "stop bit.",
    (
        key("port", FILE, None, "The line's device. Without it: no serial line.", example='"/dev/ttyS0"'),
        key("baud", choice(*RATES), 115200, "Its rate, in bits per second."),
        key("idle_min", whole(1, 1440), 10, "After how many minutes of silence whoever is logged in is logged out."),
    ),
)
