"""The discipline of a line: what octets that were typed, pasted, or made by noise come to, and what is echoed of them.

A wrong rate, a broken cable or another program at the far end make octets that nobody typed. A line in which there was
any that a keyboard does not make is noise as a whole, and means nothing; so no noise ever chooses, confirms or logs in.
"""

from collections import namedtuple

# What came of the octets so far. text: without its end; noisy: it had octets in it that a person does not type
Entered = namedtuple("Entered", ("text", "noisy"))
BACK = "back"  # ^C: give up what is being asked
HALT = "halt"  # ^S: write no more
RESUME = "resume"  # ^Q

LIMIT = 1024  # of characters in a line; what is longer is noise

_CR, _LF, _ESC = 13, 10, 27
_ERASE = (8, 127)
_MASK_WIPE = b"\b \b"


class Line:
    """A line while it is entered. `feed` takes one octet; `is_hidden` says whether what is typed is echoed."""

    def __init__(self):
        self.is_hidden = False
        self._typed = bytearray()
        self._noisy = False
        self._after_cr = False
        self._escape = 0  # 1: after ESC, 2: within a sequence of a function key

    def clear(self):
        """Forget what was entered so far."""
        self._typed.clear()
        self._noisy = False
        self._escape = 0

    def feed(self, octet):
        """Take one octet; return (what came of it: Entered, BACK, HALT, RESUME or None; octets to echo)."""
        after_cr, self._after_cr = self._after_cr, octet == _CR
        if self._escape:
            self._leave_escape(octet)
            return None, b""
        if octet in (_CR, _LF):
            return (None, b"") if octet == _LF and after_cr else self._end()
        if 32 <= octet < 127:
            return None, self._put(octet)
        if octet in _ERASE:
            if not self._typed:
                return None, b""
            self._typed.pop()
            return None, b"" if self.is_hidden else _MASK_WIPE
        if octet == 3:
            self.clear()
            return BACK, b"^C\r\n"
        if octet == 21:  # ^U
            wipe = b"" if self.is_hidden else _MASK_WIPE * min(len(self._typed), 80)
            self.clear()
            return None, wipe
        if octet in (17, 19):
            return (HALT if octet == 19 else RESUME), b""
        if octet == 9:
            return None, self._put(32)
        if octet == _ESC:
            self._escape = 1
        elif octet:  # a NUL is what a break looks like
            self._noisy = True
        return None, b""

    def _put(self, octet):
        if len(self._typed) >= LIMIT:
            self._noisy = True
            return b""
        self._typed.append(octet)
        return b"" if self.is_hidden else bytes((octet,))

    def _end(self):
        entered = Entered(self._typed.decode("ascii"), self._noisy)
        self.clear()
        return entered, b"\r\n"

    def _leave_escape(self, octet):
        """Swallow the sequence that a cursor or function key sends: ESC [ ... letter, ESC O letter, ESC character."""
        if self._escape == 1 and octet in b"[O":
            self._escape = 2
        elif octet > 126:
            self._escape = 0
            self._noisy = True
        elif self._escape == 1 or 64 <= octet or octet < 32:
            self._escape = 0
