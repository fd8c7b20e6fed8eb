"""Tag -> keyword and back, by the standard's own dictionary; for people, so a microcontroller need not carry it.

Keywords are made of few words, so the table holds words, and keywords as codes of words (see keyword_table). No code
contains a zero octet, which is what lets `bytes.find` search between zeros for a whole record.
"""

from edge.dicom import keyword_table, tags

BLOCK = 16
ONE_OCTET_CODES = 224


def keyword(tag):
    """Return the keyword of `tag`, or "" when the standard has none for it (private elements, group lengths)."""
    place = -1 if tag & 0x10000 else tags.position(tag)
    if place < 0:
        return ""
    codes = _record(keyword_table.KEYWORDS, keyword_table.KEYWORD_STARTS, place)
    words = []
    at = 0
    while at < len(codes):
        word = codes[at] - 1
        at += 1
        if word >= ONE_OCTET_CODES:
            word = ONE_OCTET_CODES + 255 * (word - ONE_OCTET_CODES) + codes[at] - 1
            at += 1
        words.append(_record(keyword_table.WORDS, keyword_table.WORD_STARTS, word).decode())
    return "".join(words)


def tag(keyword):
    """Return the tag of `keyword`, in a repeating group the first; None when the standard has no such keyword."""
    codes = b""
    for word in words_of(keyword):
        place = _place(keyword_table.WORDS, word.encode())
        if place is None:
            return None
        codes += code_of(place)
    place = _place(keyword_table.KEYWORDS, codes)
    return None if place is None else tags.tag_at(place)


def words_of(keyword):
    """Split a keyword before each capital that begins a word: SOPClassUID is SOP, Class, UID."""
    words = []
    start = 0
    for at in range(1, len(keyword)):
        if keyword[at].isupper() and (not keyword[at - 1].isupper() or keyword[at + 1 : at + 2].islower()):
            words.append(keyword[start:at])
            start = at
    if keyword:
        words.append(keyword[start:])
    return words


def code_of(place):
    """Return the code of the word at `place`: one octet for the frequent ones, two for the rest, never a zero."""
    if place < ONE_OCTET_CODES:
        return bytes([place + 1])
    high, low = divmod(place - ONE_OCTET_CODES, 255)
    return bytes([ONE_OCTET_CODES + 1 + high, low + 1])


def _record(packed, starts, place):
    """Return the record at `place` of those that stand between zeros."""
    block = place // BLOCK * 2
    at = starts[block] << 8 | starts[block + 1]
    for _ in range(place % BLOCK):
        at = packed.find(b"\0", at) + 1
    return packed[at : packed.find(b"\0", at)]


def _place(packed, record):
    """Return the place of `record` among those that stand between zeros, or None."""
    at = packed.find(b"\0" + record + b"\0") if record else -1
    return None if at < 0 else packed.count(b"\0", 0, at)
