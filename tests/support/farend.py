"""The far end of a serial line: what a person has there, a laptop with pyserial, who reads and types."""

import re
import time

import serial

LIMIT_S = 20
PATIENCE_S = 45  # longer than the wait that follows wrong passwords


class Terminal:
    """What a person has at the far end of the cable: a laptop with pyserial."""

    def __init__(self, port):
        self.line = serial.Serial(port, 115200, timeout=0.05)
        self.seen = ""

    def until(self, wanted):
        """Read until `wanted`, a regular expression, is seen; return what was seen since the last time."""
        end = time.monotonic() + LIMIT_S
        while not re.search(wanted, self.seen):
            assert time.monotonic() < end, f"no {wanted!r} within {LIMIT_S} s in {self.seen[-2000:]!r}"
            self.seen += self.line.read(4096).decode("ascii").replace("\r\n", "\n")
        seen, self.seen = self.seen, ""
        return seen

    def insist(self, octets, wanted):
        """Type octets again and again, with silence between, as noise is over after a second of it, until `wanted`."""
        end = time.monotonic() + PATIENCE_S
        while not re.search(wanted, self.seen):
            assert time.monotonic() < end, f"no {wanted!r} within {PATIENCE_S} s in {self.seen[-2000:]!r}"
            self.line.write(octets)
            silent = time.monotonic()
            while time.monotonic() - silent < 1.5 and not re.search(wanted, self.seen):
                self.seen += self.line.read(4096).decode("ascii").replace("\r\n", "\n")
        self.seen = ""

    def type(self, text, wanted):
        """Type a line and read until `wanted`."""
        self.line.write(text.encode() + b"\r")
        return self.until(wanted)

    def log_in(self, name, password):
        """Log in, whatever was on the line before."""
        self.line.write(b"\x03\x03")
        if self.until("(login|Choose): $").endswith("Choose: "):
            self.type("0", "login: $")
        self.type(name, "Password: ")
        return self.type(password, "Choose: ")

    def back(self):
        """Go back to the first menu, from anywhere."""
        self.line.write(b"\x03")
        return self.until("Choose: ")
