"""The far end of a terminal.Session: what a person types, and the pages that he sees, as text."""

from edge.terminal import session


_YMODEM = "\x06\x15\x18"  # what its receiver writes


class Far:
    """Types into a Session of its own and keeps what is written; time passes only where a test lets it.

    dialogue: function that returns the generator of a conversation; more keyword arguments are the session's.
    """

    def __init__(self, dialogue, **more):
        self.now = 1000.0
        self.seen = ""
        self.session = session.Session(dialogue, self.now, clock=lambda: 0, **more)
        self.take(self.session.begin(self.now))
        self.settle()

    def take(self, octets):
        """Keep octets that were written; they have to be what any terminal shows."""
        text = octets.decode("ascii")
        strange = [one for one in text if not (" " <= one <= "~" or one in "\r\n\b" + _YMODEM)]
        if strange:
            raise AssertionError(f"a terminal is sent {strange[:5]}")
        self.seen += text.replace("\r\n", "\n")

    def settle(self):
        """Let the session do all that is due now."""
        while self.session.deadline() is not None and self.session.deadline() <= self.now:
            self.take(self.session.tick(self.now))

    def type(self, text, end="\r"):
        """Type a line; return the last page that is seen then, from its title on."""
        octets = text if isinstance(text, bytes) else (text + end).encode("ascii")
        self.seen = ""
        self.take(self.session.feed(octets, self.now))
        self.settle()
        return self.page()

    def wait(self, seconds):
        """Let time pass; return the last page."""
        self.seen = ""
        self.now += seconds
        self.settle()
        return self.page()

    def page(self):
        """Return what was written last, from the title of its page on, without the time."""
        last = self.seen.rpartition("\nEDGE  ")
        return (last[1] + last[2]).lstrip("\n") if last[1] else self.seen.strip("\n")


def fits(text):
    """Raise AssertionError when a line of `text` is wider than 79, or a page of it longer than 24."""
    wide = [line for line in text.replace("\b", "").split("\n") if len(line.rsplit("\r")[-1]) > 79 and "> " not in line]
    if wide:
        raise AssertionError(f"wider than a page: {wide}")
    for page in text.split("\nEDGE  ")[1:]:
        rules = [number for number, line in enumerate(page.split("\n")) if line.startswith("-" * 79)]
        if len(rules) > 1 and rules[1] + 4 > 24:
            raise AssertionError(f"longer than a page: {page}")
