"""Conditions that an object fulfils or does not: by who sent it, what it is, any of its elements, and when it came.

A Condition is a line of a rule, made by one of the functions here. `judge` holds it against a Scene and says what was
found, so that a person can be shown why a rule applies. What an element has several values of fulfils a condition when
one of the values does; the opposite conditions hold when none does, so also where the element is absent. An element
that could not be read fulfils nothing: neither that it is there nor that it is not.

In patterns `*` stands for any characters, also none, and `?` for exactly one, as in queries (PS3.4 C.2.2.2.4); there is
nothing else, and capitals count.
"""

import re
from collections import namedtuple

from edge.dicom import seek, tags, text, uid, values
from edge.morph import path as paths

# What conditions are held against. calling, called, address, sop_class: str; values: tag -> raw octets of the data set,
# and place -> what edge.dicom.seek has of it, None for one that could not be read; little: the byte order of numbers in
# the raw octets; when: time.struct_time of this place
Scene = namedtuple("Scene", ("calling", "called", "address", "sop_class", "values", "little", "when"))

# What came of one condition. words: the condition; holds: bool; found: in words, what it was held against; it may be a
# patient's, so that it is for the eyes of an operator and not for the log
Finding = namedtuple("Finding", ("words", "holds", "found"))

# words: for people; tags: frozenset of the tags and places that have to be looked up in the data set; look: function of
# a Scene, the list of values, or None when they could not be read; holds: function of that list
Condition = namedtuple("Condition", ("words", "tags", "look", "holds"))

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MODALITY, BODY_PART, STATION = 0x00080060, 0x00180015, 0x00081010
_CHARSETS = 0x00080005
_SHOWN = 3  # values of an element that are told


def judge(condition, scene):
    """Return the Finding of one Condition."""
    found = condition.look(scene)
    if found is None:
        return Finding(condition.words, False, "could not be read")
    shown = ", ".join([_quoted(value) for value in found[:_SHOWN]]) + (", ..." if len(found) > _SHOWN else "")
    return Finding(condition.words, condition.holds(found), shown or "nothing")


def holds(conditions, scene):
    """Say whether all of `conditions` hold."""
    for condition in conditions:
        found = condition.look(scene)
        if found is None or not condition.holds(found):
            return False
    return True


def needed(conditions):
    """Return the tags (a frozenset) that have to be looked up in a data set for these conditions."""
    return frozenset().union(*[condition.tags for condition in conditions])


def _quoted(value):
    if isinstance(value, bytes):
        return "%d octets" % len(value) if value else "an item"
    return '"%s"' % text.printable(value) if isinstance(value, str) else "%g" % value


def _listed(words):
    return " or ".join(words)


def _condition(subject, verb, tags_, look, holds_):
    return Condition("%s %s" % (subject, verb), frozenset(tags_), look, holds_)


# By who sent it


def like(subject, field, patterns):
    """Return the Condition that a field of the Scene (`calling` or `called`) fits one of `patterns`."""
    fits = _any_of(patterns)
    words = "is " + _listed(['"%s"' % pattern for pattern in patterns])
    return _condition(subject, words, (), lambda scene: [getattr(scene, field)], fits)


def read_network(words):
    """Return the network that an address ("10.0.0.5") or network ("10.0.0.0/24") is; ValueError when it is neither."""
    if not isinstance(words, str):
        raise ValueError
    import ipaddress  # only a configuration with addresses pays for it

    try:
        return ipaddress.ip_network(words, strict=False)
    except ValueError:
        raise ValueError("it is neither an address nor a network") from None


def address(networks):
    """Return the Condition that the peer's address is in one of `networks`, from read_network."""
    import ipaddress

    def inside(found):
        try:
            peer = ipaddress.ip_address(found[0])
        except ValueError:
            return False  # it came by no network
        peer = getattr(peer, "ipv4_mapped", None) or peer
        return any([peer in network for network in networks])

    words = "is in " + _listed([str(network) for network in networks])
    return _condition("address", words, (), lambda scene: [scene.address], inside)


# By what it is


def read_sop_class(words):
    """Return the UID of a SOP Class given by its UID or name; ValueError when it is neither."""
    if not isinstance(words, str):
        raise ValueError
    if uid.is_valid(words):
        return words
    for known in uid.storage_classes():
        name = uid.name(known)
        if words.lower() in (name.lower(), name.lower().removesuffix(" storage")):
            return known
    raise ValueError("no storage SOP Class of the standard has this name")


def sop_class(uids):
    """Return the Condition that the object is of one of the SOP Classes `uids`."""
    words = "is " + _listed([uid.name(each) for each in uids])
    return _condition(
        "SOP Class", words, (), lambda scene: [scene.sop_class], lambda found: found[0] in uids
    )


# By its elements


def equals(path, wanted):
    """Return the Condition that an element has one of the values `wanted`, str or numbers."""
    return _of_element(path, "is " + _listed([_quoted(each) for each in wanted]), _equals(wanted))


def differs(path, unwanted):
    """Return the Condition that an element has none of the values `unwanted`."""
    fits = _equals(unwanted)
    words = "is not " + _listed([_quoted(each) for each in unwanted])
    return _of_element(path, words, lambda found: not fits(found))


def fits(path, patterns):
    """Return the Condition that a value of an element fits one of `patterns`."""
    words = "is like " + _listed(['"%s"' % pattern for pattern in patterns])
    return _of_element(path, words, _any_of(patterns))


def unlike(path, patterns):
    """Return the Condition that no value of an element fits any of `patterns`."""
    any_fits = _any_of(patterns)
    words = "is not like " + _listed(['"%s"' % pattern for pattern in patterns])
    return _of_element(path, words, lambda found: not any_fits(found))


def present(path, wanted=True):
    """Return the Condition that an element has a value, or, with False, that it has none."""
    words = "is present" if wanted else "is absent or empty"
    return _of_element(path, words, lambda found: bool(found) == wanted)


def within(path, lowest=None, highest=None):
    """Return the Condition that a value of an element, read as a number, is from `lowest` to `highest`."""

    def inside(found):
        for value in found:
            number = _number(value)
            if number is not None and (lowest is None or number >= lowest) and (highest is None or number <= highest):
                return True
        return False

    bounds = []
    if lowest is not None:
        bounds.append("at least %g" % lowest)
    if highest is not None:
        bounds.append("at most %g" % highest)
    return _of_element(path, "is " + " and ".join(bounds), inside)


def _of_element(path, verb, holds_):
    return _condition(path.words, verb, paths.wanted(path), lambda scene: look_up(path, scene), holds_)


def look_up(path, scene):
    """Return the values of the elements that a paths.Path stands for, none when absent; None when not readable.

    Of several items each value comes once.
    """
    place = paths.place(path)
    if place is not None:
        return _sought(scene.values.get(place, ()))
    step = path.steps[0]
    if step.creator is not None and None in [scene.values.get(tag, b"") for tag in paths.needed(step)]:
        return None
    tag = paths.find(step, scene.values)
    octets = b"" if tag is None else scene.values.get(tag, b"")
    if octets is None:
        return None
    vr = tags.vr(tag) if tag is not None else "UN"
    if vr == "UN":
        vr = "LO"  # what is private and asked for is text, as far as anybody can tell
    charsets = text.terms(scene.values.get(_CHARSETS) or b"")
    return [value for value in values.decode(octets, vr, scene.little, charsets) if value != ""]


def _sought(found):
    """Return the values of what seek.Seek found, or None."""
    if found is None:
        return None
    read = []
    for vr, octets, little, charsets in found:
        if vr == seek.SEQUENCE:
            read.append(b"")
        else:
            read += values.decode(octets, "LO" if vr == "UN" else vr, little, charsets)
    return [value for value in read if value != ""]


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _equals(wanted):
    texts = frozenset([each for each in wanted if isinstance(each, str)])
    numbers = frozenset([float(each) for each in wanted if not isinstance(each, str)])

    def fits_(found):
        for value in found:
            if value in texts or (numbers and _number(value) in numbers):
                return True
        return False

    return fits_


def is_like(words, pattern):
    """Say whether all of `words` fits `pattern`."""
    return re.fullmatch(_expression(pattern), words, re.DOTALL) is not None


def _any_of(patterns):
    expression = re.compile("|".join([_expression(pattern) for pattern in patterns]), re.DOTALL)
    return lambda found: any([isinstance(value, str) and expression.fullmatch(value) is not None for value in found])


def _expression(pattern):
    pieces = {"*": ".*", "?": "."}
    return "".join([pieces.get(each) or re.escape(each) for each in re.sub(r"\*+", "*", pattern)])


# By when it came


def read_hours(words):
    """Return (first, last) minute of the day of words like "07:00-18:30"; ValueError when they are none."""
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d) *- *([01]?\d|2[0-4]):([0-5]\d)", words) if words else None
    if found is None:
        raise ValueError
    first, last = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if last > 1440 or first == last:
        raise ValueError
    return first, last


def hours(spans):
    """Return the Condition that it is between the times of one of `spans`, from read_hours; one may cross midnight."""

    def inside(found):
        hour, minute = found[0].split(":")
        now = int(hour) * 60 + int(minute)
        for first, last in spans:
            if first <= now < last if first < last else (now >= first or now < last):
                return True
        return False

    words = "is " + _listed(["%02d:%02d-%02d:%02d" % (*divmod(a, 60), *divmod(b, 60)) for a, b in spans])
    return _condition(
        "time", words, (), lambda scene: ["%02d:%02d" % (scene.when.tm_hour, scene.when.tm_min)], inside
    )


def read_weekdays(words):
    """Return the days (a tuple of 0 for Monday to 6) of "sat" or "mon-fri"; ValueError when it is neither."""
    first, _, last = words.lower().partition("-") if isinstance(words, str) else ("", "", "")
    if first.strip() not in WEEKDAYS or (last.strip() or first.strip()) not in WEEKDAYS:
        raise ValueError
    begin, end = WEEKDAYS.index(first.strip()), WEEKDAYS.index(last.strip() or first.strip())
    return tuple([day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1)])


def weekdays(days):
    """Return the Condition that it is one of `days`, 0 for Monday to 6."""
    names = [WEEKDAYS[day] for day in sorted(set(days))]
    return _condition(
        "weekday",
        "is " + _listed(names),
        (),
        lambda scene: [WEEKDAYS[scene.when.tm_wday]],
        lambda found: found[0] in names,
    )
