"""How records are told apart, as data: what the settings say and edge/tap/framing does."""

from collections import namedtuple

DELIMITER, LENGTH, FIXED, SILENCE = "delimiter", "length", "fixed", "silence"
XMODEM, YMODEM = "xmodem", "ymodem"
KINDS = (DELIMITER, LENGTH, FIXED, SILENCE, XMODEM, YMODEM)
BIG, LITTLE, DECIMAL, HEX = "big", "little", "decimal", "hex"
LENGTH_FORMS = (BIG, LITTLE, DECIMAL, HEX)
CHECK_FORMS = (BIG, LITTLE, HEX)
BEFORE_END, AFTER_END = "before end", "after end"

# How records are cut. kind: of KINDS; begin, end: bytes around a record, b"" for none; record_octets: of a fixed one;
# length_octets, length_form: of the length field; length_adds: what the record has more than the field says;
# check, check_form, check_place: the checksum, how it is written, where it stands (delimiter only); check_begin,
# check_end: whether it covers the delimiters (or, for begin, the length field too); trailer: bytes behind the checksum
# that mean nothing; silence_ms: so long nothing comes after a record (silence), or in the middle of one that is broken
# off; limit_octets: the longest record; kept, refused: what the device is told, b"" for nothing
Rule = namedtuple(
    "Rule",
    (
        "kind", "begin", "end", "record_octets", "length_octets", "length_form", "length_adds", "check", "check_form",
        "check_place", "check_begin", "check_end", "trailer", "silence_ms", "limit_octets", "kept", "refused",
    ),
)  # fmt: skip
