"""The live view: a few lines that are drawn again in place on a terminal, or plain lines of what changed elsewhere."""

import shutil
import sys
from collections import namedtuple

# One line of the picture. name: str; done, total: objects; words: str, what else there is to say; alarm: bool
Row = namedtuple("Row", ("name", "done", "total", "words", "alarm"))

_BAR_WIDTH = 28
_BESIDE_BAR = 60  # columns that the rest of a row should have
_CLEAR_LINE = "\033[K"
_HIDE, _SHOW = "\033[?25l", "\033[?25h"
_RED, _GREEN, _BOLD, _PLAIN = "\033[31m", "\033[32m", "\033[1m", "\033[0m"


def bar(done, total, width, solid="█", hollow="░"):
    """Return a bar of `width` characters of which done/total are solid; full only when everything is done."""
    filled = width if total and done >= total else min(width - 1, width * done // total) if total else 0
    return solid * filled + hollow * (width - filled)


class View:
    """Draws rows to `stream`; in place where that is a terminal, otherwise a line whenever a row says something new."""

    def __init__(self, stream=None):
        self._stream = stream or sys.stdout
        self.in_place = self._stream.isatty()
        self._solid, self._hollow = ("█", "░") if self._writes("█░") else ("#", ".")
        self._lines = 0
        self._said = {}
        if self.in_place:
            self._stream.write(_HIDE)

    def _writes(self, text):
        try:
            text.encode(self._stream.encoding or "ascii")
        except UnicodeEncodeError:
            return False
        return True

    def say(self, words):
        """Write a line that stays, above the picture."""
        self._erase()
        self._stream.write(words + "\n")
        self._stream.flush()

    def draw(self, clock, headline, rows):
        """Show `rows` at the time `clock` (words), under `headline`."""
        if self.in_place:
            self._draw_in_place("%s  %s" % (clock, headline), rows)
        else:
            self._draw_plainly(clock, rows)

    def _draw_in_place(self, title, rows):
        width = shutil.get_terminal_size().columns - 1
        bar_width = max(8, min(_BAR_WIDTH, width - _BESIDE_BAR))
        lines = [_BOLD + title[:width] + _PLAIN]
        for row in rows:
            drawn = bar(row.done, row.total, bar_width, self._solid, self._hollow)
            text = "  %-12s %s %s" % (row.name, drawn, row.words)
            colour = _RED if row.alarm else _GREEN if row.total and row.done >= row.total else ""
            lines.append(colour + text[:width] + (_PLAIN if colour else ""))
        up = "\033[%dA" % self._lines if self._lines else ""
        self._stream.write(up + "".join([line + _CLEAR_LINE + "\n" for line in lines]))
        self._stream.flush()
        self._lines = len(lines)

    def _draw_plainly(self, clock, rows):
        for row in rows:
            step = (row.done * 4 // row.total if row.total else 0, row.alarm)
            if self._said.get(row.name, (0, False)) != step:
                self._said[row.name] = step
                self._stream.write("%s  %-12s %s\n" % (clock, row.name, row.words))
                self._stream.flush()

    def keep(self):
        """Let the picture stand as it is; what comes next goes below it."""
        self._lines = 0

    def _erase(self):
        if self._lines:
            self._stream.write("\033[%dA\033[J" % self._lines)
            self._lines = 0

    def close(self):
        """Give the terminal back."""
        if self.in_place:
            self._stream.write(_SHOW)
            self._stream.flush()
