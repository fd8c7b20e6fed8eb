"""What a DIMSE status means, and what to do about it (PS3.7 Annex C, PS3.4 B.2.3).

A sender wants to know one thing: is it done, is it worth another try, or will this object never be taken as it is. The
standard gives classes; which failure passes by itself is in the meanings.
"""

from collections import namedtuple

SUCCESS = 0x0000

# Failures of C-STORE (PS3.4 B.2.3); the last digits are the peer's own
OUT_OF_RESOURCES = 0xA700
DATA_SET_MISMATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000

# Failures of any service (PS3.7 Annex C)
PROCESSING_FAILURE = 0x0110
NO_SUCH_INSTANCE = 0x0112
NO_SUCH_EVENT = 0x0113
INVALID_ARGUMENT = 0x0115
INVALID_INSTANCE = 0x0117
NO_SUCH_CLASS = 0x0118
UNRECOGNIZED_OPERATION = 0x0211
RESOURCE_LIMITATION = 0x0213

# What to do
DONE = "done"  # success, or a warning: the peer has it
LATER = "later"  # a failure that may pass by itself
NEVER = "never"  # a failure of this object, until somebody changes something
PENDING = "pending"  # more responses follow

# lowest, highest: the range of codes, both included; verdict: one of the above; words: str
Meaning = namedtuple("Meaning", ("lowest", "highest", "verdict", "words"))

_ANY = (
    Meaning(0x0000, 0x0000, DONE, "success"),
    Meaning(0x0001, 0x0001, DONE, "warning: the requested optional attributes are not supported"),
    Meaning(0x0105, 0x0105, NEVER, "no such attribute"),
    Meaning(0x0106, 0x0106, NEVER, "invalid attribute value"),
    Meaning(0x0107, 0x0107, DONE, "warning: attribute list error"),
    Meaning(0x0110, 0x0110, LATER, "processing failure"),
    Meaning(0x0111, 0x0111, NEVER, "duplicate SOP instance"),
    Meaning(0x0112, 0x0112, NEVER, "no such SOP instance"),
    Meaning(0x0113, 0x0113, NEVER, "no such event type"),
    Meaning(0x0114, 0x0114, NEVER, "no such argument"),
    Meaning(0x0115, 0x0115, NEVER, "invalid argument value"),
    Meaning(0x0116, 0x0116, DONE, "warning: attribute value out of range"),
    Meaning(0x0117, 0x0117, NEVER, "invalid SOP instance"),
    Meaning(0x0118, 0x0118, NEVER, "no such SOP class"),
    Meaning(0x0119, 0x0119, NEVER, "class and instance conflict"),
    Meaning(0x0120, 0x0120, NEVER, "missing attribute"),
    Meaning(0x0121, 0x0121, NEVER, "missing attribute value"),
    Meaning(0x0122, 0x0122, NEVER, "SOP class not supported"),
    Meaning(0x0123, 0x0123, NEVER, "no such action type"),
    Meaning(0x0124, 0x0124, NEVER, "not authorized"),
    Meaning(0x0210, 0x0210, LATER, "duplicate invocation"),
    Meaning(0x0211, 0x0211, NEVER, "unrecognized operation"),
    Meaning(0x0212, 0x0212, NEVER, "mistyped argument"),
    Meaning(0x0213, 0x0213, LATER, "resource limitation"),
    Meaning(0xFE00, 0xFE00, LATER, "canceled"),
    Meaning(0xFF00, 0xFF01, PENDING, "pending"),
)

_STORE = (
    Meaning(0xA700, 0xA7FF, LATER, "refused: out of resources"),
    Meaning(0xA900, 0xA9FF, NEVER, "error: data set does not match SOP class"),
    Meaning(0xB000, 0xB000, DONE, "warning: coercion of data elements"),
    Meaning(0xB006, 0xB006, DONE, "warning: elements discarded"),
    Meaning(0xB007, 0xB007, DONE, "warning: data set does not match SOP class"),
    Meaning(0xC000, 0xCFFF, NEVER, "error: cannot understand"),
)

# The classes by their first digits, for codes no table names (PS3.7 C)
_CLASSES = (
    Meaning(0xA000, 0xAFFF, NEVER, "failure"),
    Meaning(0xB000, 0xBFFF, DONE, "warning"),
    Meaning(0xC000, 0xCFFF, NEVER, "failure"),
)
_UNKNOWN = Meaning(0x0000, 0xFFFF, NEVER, "failure")


def meaning(code):
    """Return the Meaning of `code`, a status of C-STORE or of C-ECHO."""
    for table in (_STORE, _ANY, _CLASSES):
        for entry in table:
            if entry.lowest <= code <= entry.highest:
                return entry
    return _UNKNOWN


def judge(code):
    """Return DONE, LATER, NEVER or PENDING for `code`."""
    if code == SUCCESS:
        return DONE
    return meaning(code).verdict


def words(code):
    """Say `code` in words, with the code itself: "refused: out of resources (A700)"."""
    return "%s (%04X)" % (meaning(code).words, code)
