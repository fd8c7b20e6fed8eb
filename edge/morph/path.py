"""The places in a data set that a configuration names: as words, and as steps through sequences.

    PatientID                                  an element of the data set itself, by its keyword
    (0010,0020), 00100020                      the same by its number
    (0019,"ACME 1.1",10)                       a private element, by its creator, whatever block it was given
    RequestAttributesSequence.StudyID          in every item of a sequence
    RequestAttributesSequence[2].StudyID       in its second item
    **.PatientID                               wherever it stands, in sequences or not
"""

import re
from collections import namedtuple

from edge.dicom import element, keywords, tags

# tag: int; of a private element with a creator group and last two digits, 0x00190010, else all of it; creator: str, or
# None; item: of a sequence, counted from 1, 0 for every one
Step = namedtuple("Step", ("tag", "creator", "item"))
# words: as it was written; steps: tuple of Step, the last being the element itself; anywhere: at any depth
Path = namedtuple("Path", ("words", "steps", "anywhere"))

EXPECTED = (
    'an element: a keyword ("PatientID"), a number ("(0010,0020)") or a private element (\'(0019,"ACME 1.1",10)\')'
)

_STEP = re.compile(
    r"(?:(?P<keyword>[A-Za-z][A-Za-z0-9]*)"
    r"|\((?P<group>[0-9A-Fa-f]{4}),(?P<number>[0-9A-Fa-f]{4})\)"
    r"|(?P<whole>[0-9A-Fa-f]{8})"
    r"|\((?P<odd>[0-9A-Fa-f]{4}), *\"(?P<creator>[^\"\\]{1,64})\" *, *(?P<low>[0-9A-Fa-f]{2})\))"
    r"(?:\[(?P<item>[1-9][0-9]{0,5}|\*)\])?"
)
_ANYWHERE = "**."


def read(words):
    """Return the Path that `words` (str) name; ValueError, which says what is wrong with it, when they name none."""
    if not isinstance(words, str):
        raise ValueError
    anywhere = words.startswith(_ANYWHERE)
    at = len(_ANYWHERE) if anywhere else 0
    steps = []
    while True:
        found = _STEP.match(words, at)
        if found is None:
            raise ValueError("there is no element at %r" % words[at : at + 24])
        steps.append(_step(found))
        at = found.end()
        if at == len(words):
            break
        if words[at] != ".":
            raise ValueError("a dot or nothing can follow %r" % words[:at])
        at += 1
    if found["item"]:
        raise ValueError("an item is no element: name one within it")
    for step in steps[:-1]:
        if step.creator is None and not step.tag & 0x10000 and tags.vr(step.tag) not in ("SQ", "UN"):
            raise ValueError("%s is no sequence" % (keywords.keyword(step.tag) or element.name(step.tag)))
    return Path(words, tuple(steps), anywhere)


def _step(found):
    item = int(found["item"]) if found["item"] not in (None, "*") else 0
    if found["whole"] and not keywords.tag(found["whole"]):
        return Step(_checked(int(found["whole"], 16)), None, item)
    if found["keyword"]:
        tag = keywords.tag(found["keyword"])
        if tag is None:
            raise ValueError("the standard has no keyword %s%s" % (found["keyword"], _near(found["keyword"])))
        return Step(_checked(tag), None, item)
    if found["group"]:
        return Step(_checked(int(found["group"] + found["number"], 16)), None, item)
    group = int(found["odd"], 16)
    if not group & 1:
        raise ValueError("group %04X is not private: private groups are odd" % group)
    return Step(group << 16 | int(found["low"], 16), found["creator"].strip(" "), item)


def _checked(tag):
    group = tag >> 16
    if group < 0x0008 or group == 0xFFFE or group == 0xFFFF or tag & 0xFFFF == 0:
        raise ValueError("%s is no element of a data set" % element.name(tag))
    return tag


def _near(keyword):
    """Return a hint at the keyword that was meant, for the mistakes that people make: capitals."""
    for candidate in (keyword[:1].upper() + keyword[1:], keyword.replace("Id", "ID").replace("Uid", "UID")):
        if candidate != keyword and keywords.tag(candidate) is not None:
            return "; did you mean %s?" % candidate
    return ""


def is_plain(path):
    """Say whether `path` names one element of the data set itself, in no sequence."""
    return len(path.steps) == 1 and not path.anywhere


def place(path):
    """Return the place, as edge.dicom.seek has them, of what is in sequences or is one; None where a tag is enough."""
    if is_plain(path) and tags.vr(path.steps[0].tag) != "SQ":
        return None
    return path.steps, path.anywhere


def wanted(path):
    """Return what has to be looked up (a frozenset) for the values of `path`: tags, or its place."""
    found = place(path)
    return needed(path.steps[0]) if found is None else frozenset((found,))


def name(tag):
    """Return what people call an element: its keyword, or its number where it has none."""
    return keywords.keyword(tag) or element.name(tag)


def needed(step):
    """Return the tags (a frozenset) that an element may have for which `step` stands, and those of its creators."""
    if step.creator is None:
        return frozenset((step.tag,))
    group, low = step.tag & 0xFFFF0000, step.tag & 0xFF
    blocks = range(0x10, 0x100)
    return frozenset([group | block for block in blocks] + [group | block << 8 | low for block in blocks])


def creator_of(octets):
    """Return the name of a private creator from its raw value."""
    return bytes(octets).strip(b"\0 ").decode("ascii", "replace")


def find(step, values):
    """Return the tag for which `step` stands where `values` (tag -> raw octets) are, or None when it stands for none.

    None among the values means one that could not be read.
    """
    if step.creator is None:
        return step.tag
    group, low = step.tag & 0xFFFF0000, step.tag & 0xFF
    for block in range(0x10, 0x100):
        octets = values.get(group | block)
        if octets is not None and creator_of(octets) == step.creator:
            return group | block << 8 | low
    return None
