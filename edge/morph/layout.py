"""Names of files made of what objects say about themselves: a pattern, and safe names by it.

    {PatientID}/{StudyDate}_{StudyInstanceUID}/{Modality}/{SOPInstanceUID}.dcm

What an object says is chosen by whoever made it. So a value never becomes more than a part of one name: separators,
control characters and what FAT or a Windows share refuses are replaced, dots and blanks at the ends of a name too, and
names that are devices there are no names here. Where something had to be replaced or cut, a few digits of the value's
SHA-256 follow, so that two values do not become one name.
"""

import re
from collections import namedtuple

from edge.dicom import element, keywords, tags, text, values

# words: as it was written; names: tuple of the names on the way to the file, each a tuple of parts: a str that stands
# for itself, or the tag (int) of an element; tags: frozenset of the elements that it takes
Layout = namedtuple("Layout", ("words", "names", "tags"))

EXPECTED = 'a path below the folder, made of text and elements: "{PatientID}/{SOPInstanceUID}.dcm"'

NAME_BYTES = 200  # of a name in UTF-8: file systems take 255, and something may follow
_NAMES = 16
_FIELDS = 4  # in one name
_OWN_BYTES = 100  # of a name, beside its fields
_FIELD = re.compile(r"\{([^{}]*)\}")
_UNSAFE = re.compile(r'["*/:<>?\\|\x00-\x1f\x7f-\x9f]')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])", re.IGNORECASE)
_CHARSETS = 0x00080005
_NOTHING = "_"


def read(words):
    """Return the Layout that `words` (str) are; ValueError, which says what is wrong with it, when they are none."""
    if not isinstance(words, str) or not words:
        raise ValueError
    given = words.split("/")
    if len(given) > _NAMES:
        raise ValueError("it has more than %d names" % _NAMES)
    names = tuple([_name(each) for each in given])
    return Layout(words, names, frozenset([part for name in names for part in name if isinstance(part, int)]))


def _name(words):
    if words in ("", ".", ".."):
        raise ValueError("every name between slashes has to be one, and none is . or ..")
    pieces = _FIELD.split(words)
    parts = [piece if at % 2 == 0 else _field(piece) for at, piece in enumerate(pieces)]
    own = "".join(pieces[::2])
    if _UNSAFE.search(own) or "{" in own or "}" in own:
        raise ValueError("%s has a character that no name should have" % words)
    if words[0] in ". " or words[-1] in ". ":
        raise ValueError("%s begins or ends with a dot or a blank" % words)
    if len(own.encode("utf-8", "replace")) > _OWN_BYTES or len(parts) // 2 > _FIELDS:
        raise ValueError("%s is too long: %d octets and %d elements are the most" % (words, _OWN_BYTES, _FIELDS))
    return tuple([part for part in parts if part != ""])


def _field(keyword):
    tag = keywords.tag(keyword)
    if tag is None or not values.is_text(tags.vr(tag)) or not 0x00080000 <= tag < element.PIXEL_DATA:
        raise ValueError("{%s} is no keyword of an element with text, before the pixels" % keyword)
    return tag


def needed(layout):
    """Return the tags (a frozenset) that have to be looked up in a data set for a Layout."""
    return layout.tags | {_CHARSETS}


def path(layout, found):
    """Return the names (list of str) on the way to an object's file: folders, then the file.

    found: tag -> raw octets of the elements that `needed` names, as far as the object has them.
    """
    charsets = text.terms(found.get(_CHARSETS) or b"")
    return [_filled(name, found, charsets) for name in layout.names]


def _filled(name, found, charsets):
    fields = [part for part in name if isinstance(part, int)]
    own_bytes = sum([len(part.encode("utf-8")) for part in name if isinstance(part, str)])
    limit = (NAME_BYTES - own_bytes) // max(1, len(fields))
    made = "".join([part if isinstance(part, str) else _value(part, found, charsets, limit) for part in name])
    if made[0] in ". ":
        made = _NOTHING + made[1:]
    if made[-1] in ". ":
        made = made[:-1] + _NOTHING
    if _DEVICE.fullmatch(made.partition(".")[0].rstrip(" ")):
        made = _NOTHING + made
    return made


def _value(tag, found, charsets, limit):
    """Return what an element's first value is in a name, in at most `limit` octets of UTF-8."""
    several = values.decode(found.get(tag) or b"", tags.vr(tag), True, charsets)
    given = several[0].strip(" ") if several else ""
    if not given:
        return _NOTHING
    import unicodedata  # only a box that names files pays for it

    composed = unicodedata.normalize("NFC", given)
    made = "".join([each if _is_safe(each, unicodedata.category) else _NOTHING for each in composed])
    octets = made.encode("utf-8")
    if made == composed and len(octets) <= limit:
        return made
    import hashlib

    mark = "~" + hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return octets[: limit - len(mark)].decode("utf-8", "ignore") + mark


def _is_safe(character, category):
    """Say whether a character may stand in a name: none that separates, controls, is hidden, or is no character."""
    return not _UNSAFE.match(character) and category(character)[0] not in "CZ" or character == " "
