"""Checksums, against the check values of the catalogue of parametrised CRC algorithms."""

from edge.tap import checks

DIGITS = b"123456789"
EXPECTED = (
    ("none", 0),
    ("xor", 0x31),
    ("sum-8", 0xDD),
    ("lrc", 0x23),
    ("sum-16", 0x01DD),
    ("crc-16/xmodem", 0x31C3),
    ("crc-16/ccitt-false", 0x29B1),
    ("crc-16/kermit", 0x2189),
    ("crc-16/x-25", 0x906E),
    ("crc-16/arc", 0xBB3D),
    ("crc-16/modbus", 0x4B37),
)


def test_each_kind_has_its_check_value_however_the_octets_come():
    assert sorted(name for name, _ in EXPECTED) == sorted(checks.KINDS)
    for name, value in EXPECTED:
        whole = checks.Check(name)
        whole.update(DIGITS)
        pieces = checks.Check(name)
        for octet in DIGITS:
            pieces.update(bytes((octet,)))
        assert (name, whole.value()) == (name, value) == (name, pieces.value())


def test_a_check_begins_anew():
    check = checks.Check("crc-16/modbus")
    check.update(b"something else")
    check.restart()
    check.update(DIGITS)
    assert check.value() == 0x4B37
