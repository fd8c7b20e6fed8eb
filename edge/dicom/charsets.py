"""Character sets beyond ASCII, Latin-1 and UTF-8, and switching between them (PS3.3 C.12.1.1.2, PS3.5 6.1.2.5).

With ISO 2022 code extensions a text has two sets at a time: G0 for octets below 80, G1 for those from 80 on. An escape
sequence puts another set in one of the two places; a delimiter puts the first ones back. A set is written here as
(name of the interpreter's codec, octets per character). JIS X 0208 and 0212 sit in G0 but are coded by EUC-JP, which
has the same octets with the high bit set, those of 0212 led by 8F.

For `text` alone, which loads this only where codecs exist.
"""

from edge.dicom.errors import LocalError

_ASCII = ("ascii", 1)
_JIS_X_0208 = ("euc_jp", 2)
_JIS_X_0212 = ("euc_jp", 3)

_G1 = {
    # defined term's number -> (set, escape sequence after ESC that puts it in G1)
    "100": (("latin_1", 1), b"-A"),
    "101": (("iso8859_2", 1), b"-B"),
    "109": (("iso8859_3", 1), b"-C"),
    "110": (("iso8859_4", 1), b"-D"),
    "144": (("iso8859_5", 1), b"-L"),
    "127": (("iso8859_6", 1), b"-G"),
    "126": (("iso8859_7", 1), b"-F"),
    "138": (("iso8859_8", 1), b"-H"),
    "148": (("iso8859_9", 1), b"-M"),
    "203": (("iso8859_15", 1), b"-b"),
    "166": (("tis_620", 1), b"-T"),
    "13": (("shift_jis", 1), b")I"),
    "149": (("euc_kr", 2), b"$)C"),
    "58": (("gb2312", 2), b"$)A"),
}
_G0 = {
    "87": (_JIS_X_0208, b"$B"),
    "159": (_JIS_X_0212, b"$(D"),
}
_ESCAPES = [(b"(B", 0, _ASCII), (b"(J", 0, _ASCII), (b"$@", 0, _JIS_X_0208)]
_ESCAPES += [(escape, 0, known) for known, escape in _G0.values()]
_ESCAPES += [(escape, 1, known) for known, escape in _G1.values()]

# Whole encodings, which allow no code extensions (PS3.5 6.1.2.4)
_WHOLE = {"GB18030": "gb18030", "GBK": "gbk"}

_LINE_DELIMITERS = b"\\\r\n\f\t"
_NAME_DELIMITERS = b"^="


def decode(octets, names, person_name):
    """Return `octets` as str, with what has no meaning as CPython's "surrogateescape" has it. Never fails.

    names: defined terms without blanks and underscores.
    """
    for name in names:
        if name in _WHOLE:
            return octets.decode(_WHOLE[name], "surrogateescape")
    delimiters = _LINE_DELIMITERS + _NAME_DELIMITERS if person_name else _LINE_DELIMITERS
    initial_g1 = _initial(names)
    g0, g1 = _ASCII, initial_g1
    pieces = []
    at = 0
    while at < len(octets):
        octet = octets[at]
        if octet == 0x1B:
            found = _escape_at(octets, at + 1)
            if found is None:
                pieces.append("\x1b")
                at += 1
                continue
            escape, place, known = found
            if place:
                g1 = known
            else:
                g0 = known
            at += 1 + len(escape)
        elif octet >= 0x80:
            end = _run(octets, at, 0x80, 0xFF)
            pieces.append(_decode_high(octets[at:end], g1))
            at = end
        elif g0 is not _ASCII and 0x21 <= octet <= 0x7E:
            end = _run(octets, at, 0x21, 0x7E)
            pieces.append(_decode_pairs(octets[at:end], g0))
            at = end
        else:
            pieces.append(chr(octet))
            if octet in delimiters:
                g0, g1 = _ASCII, initial_g1
            at += 1
    return "".join(pieces)


def encode(text, names, person_name):
    """Return `text` as octets in the sets of `names`, with the escape sequences this takes; LocalError if none fits."""
    for name in names:
        if name in _WHOLE:
            return _encode_one(text, _WHOLE[name], names)
    if len(names) == 1 and not names[0].startswith("ISO2022"):
        known = _initial(names)
        return _encode_one(text, known[0] if known else "ascii", names)
    delimiters = _LINE_DELIMITERS + _NAME_DELIMITERS if person_name else _LINE_DELIMITERS
    initial_g1 = _initial(names)
    back = b"\x1b(J" if _number(names[0]) == "13" else b"\x1b(B"
    g0, g1 = _ASCII, initial_g1
    octets = b""
    for character in text:
        if ord(character) < 0x80:
            if g0 is not _ASCII:
                octets += back
                g0 = _ASCII
            octets += character.encode()
            if ord(character) in delimiters:
                g1 = initial_g1
            continue
        for known, place, escape in _candidates(g0, g1, names):
            coded = _code(character, known)
            if coded is None:
                continue
            if escape:
                octets += b"\x1b" + escape
            if place:
                g1 = known
            else:
                g0 = known
            octets += coded
            break
        else:
            raise _no_place(names)
    return octets + (b"" if g0 is _ASCII else back)


def _initial(names):
    """Return the set that is in G1 from the start, or None."""
    known = _G1.get(_number(names[0]))
    return known[0] if known else None


def _number(name):
    return name[name.rfind("IR") + 2 :]


def _escape_at(octets, at):
    """Return (escape, place, set) of the known escape sequence at index `at`, or None."""
    for known in _ESCAPES:
        if octets[at : at + len(known[0])] == known[0]:
            return known
    return None


def _run(octets, at, low, high):
    """Return the index where the octets from `at` on stop being between `low` and `high`."""
    while at < len(octets) and low <= octets[at] <= high:
        at += 1
    return at


def _decode_high(octets, known):
    codec = "ascii" if known is None else known[0]
    return octets.decode(codec, "surrogateescape")


def _decode_pairs(octets, known):
    """Return G0 octets of a set of two octets per character as str."""
    high = bytes([octet | 0x80 for octet in octets])
    if known is _JIS_X_0212:
        high = b"".join([b"\x8f" + high[at : at + 2] for at in range(0, len(high), 2)])
    return high.decode("euc_jp", "surrogateescape")


def _candidates(g0, g1, names):
    """Yield (set, place, escape sequence or b"" if it is there already) in the order in which to try them."""
    if g1 is not None:
        yield g1, 1, b""
    if g0 is not _ASCII:
        yield g0, 0, b""
    for name in names:
        number = _number(name)
        for place, table in ((1, _G1), (0, _G0)):
            if number in table:
                known, escape = table[number]
                yield known, place, escape


def _code(character, known):
    """Return the octets of `character` in a set, or None when it is not in it."""
    try:
        octets = character.encode(known[0])
    except UnicodeError:
        return None
    if known is _JIS_X_0208:
        return bytes([octet & 0x7F for octet in octets]) if len(octets) == 2 and octets[0] >= 0xA1 else None
    if known is _JIS_X_0212:
        return bytes([octet & 0x7F for octet in octets[1:]]) if len(octets) == 3 else None
    return octets if len(octets) == known[1] and octets[0] >= 0x80 else None


def _encode_one(text, codec, names):
    try:
        return text.encode(codec)
    except UnicodeError:
        pass
    raise _no_place(names)


def _no_place(names):
    return LocalError("the text has a character that %s has no place for" % " and ".join(names))
