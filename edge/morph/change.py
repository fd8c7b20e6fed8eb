"""Changes on the way out, as the configuration asks for them: set, delete, copy, replace, prefix, suffix.

A Rule is one change of one place; those of the same place apply in their order. Rules are edits of a data set that
streams through (see `stream`): twice, so that a result that would be illegal is known before anything is sent, and so
that what was changed can be put into Original Attributes Sequence (0400,0561), which stands before much of it. The
stored object is not touched.

Source: PS3.3 C.12.1.1.9 (Original Attributes), PS3.5 6.2 (VRs).
"""

import re
import time
from collections import namedtuple

from edge.dicom import element, tags, values
from edge.dicom import syntax as syntaxes
from edge.dicom.errors import LimitError, LocalError
from edge.morph import check, match, stream
from edge.morph import draft as drafts
from edge.morph import path as paths

# path: paths.Path; action: SET, ...; value: list of str or numbers for SET, paths.Path for COPY, (compiled expression,
# replacement) for REPLACE, str for PREFIX and SUFFIX, None for DELETE; vr: of a private element that is made, or None;
# where: match.Conditions that the object has to fulfil; record: whether it goes to Original Attributes Sequence
Rule = namedtuple("Rule", ("path", "action", "value", "vr", "where", "record"))

SET, DELETE, COPY, REPLACE, PREFIX, SUFFIX = "set", "delete", "copy", "replace", "prefix", "suffix"
# set where the element is absent or empty, and only there
DEFAULT = "default"

ORIGINAL_ATTRIBUTES = 0x04000561
_MODIFIED, _WHEN, _SYSTEM, _SOURCE, _REASON = 0x04000550, 0x04000562, 0x04000563, 0x04000564, 0x04000565
_CHARSETS = element.SPECIFIC_CHARACTER_SET

# What no rule may change, and why
_FIXED = {
    0x00080005: "its text would be read in another character set than it is written in",
    0x00080016: "the object would not be what it says",
    0x00080018: "every object would get the same one",
    0x00020010: "it is no element of the data set",
    0x00280002: "it describes the pixels", 0x00280004: "it describes the pixels",
    0x00280006: "it describes the pixels", 0x00280008: "it describes the pixels",
    0x00280010: "it describes the pixels", 0x00280011: "it describes the pixels",
    0x00280100: "it describes the pixels", 0x00280101: "it describes the pixels",
    0x00280102: "it describes the pixels", 0x00280103: "it describes the pixels",
    0x7FE00008: "it is the pixels", 0x7FE00009: "it is the pixels", 0x7FE00010: "it is the pixels",
    ORIGINAL_ATTRIBUTES: "it says what was changed",
}  # fmt: skip

_MAKING = (SET, COPY, DEFAULT)


def rule(path, action, value=None, vr=None, where=(), record=True):
    """Return a Rule; ValueError, in words, when it could never be right.

    path: paths.Path; value: for SET and DEFAULT one str or number or a list of them, for COPY a paths.Path,
    for REPLACE (regular expression, replacement) as Python has them, for PREFIX and SUFFIX a str.
    """
    step = path.steps[-1]
    declares = step == (_CHARSETS, None, 0) and action == DEFAULT and paths.is_plain(path)
    if step.creator is None and step.tag in _FIXED and not declares:
        raise ValueError("%s is not to be changed: %s" % (paths.name(step.tag), _FIXED[step.tag]))
    if step.creator is None and step.tag & 0x10000 and 0x10 <= step.tag & 0xFFFF <= 0xFF:
        raise ValueError("%s names a private creator; name an element by it" % element.name(step.tag))
    known = tags.vr(step.tag) if step.creator is None else "UN"
    if known != "UN" and vr is not None and vr != known:
        raise ValueError("%s has the VR %s" % (paths.name(step.tag), known))
    if vr is not None and (vr not in element.CODES or vr in ("SQ", "UN")):
        raise ValueError("%s is no VR whose values can be written" % vr)
    if action in (SET, DEFAULT):
        value = list(value) if isinstance(value, (list, tuple)) else [value]
        _check_constant(step, vr or known, value)
    elif action == COPY:
        given = "LO" if value.steps[-1].creator is not None else tags.kind(value.steps[-1].tag)[0]
        if given[:2] in ("SQ", "OB", "OW", "UN"):
            raise ValueError("%s has the VR %s, which cannot be copied" % (value.words, given))
    elif action == REPLACE:
        value = _expression(*value)
    if path.anywhere and action in _MAKING and action != SET:
        raise ValueError("%s cannot be done wherever an element stands, as it would be made in every item" % action)
    # To say in which character set text is written changes no text; kept as an old value, none would be in its place
    return Rule(path, action, value, vr, tuple(where), record and not declares)


def _check_constant(step, vr, value):
    """Raise ValueError when `value` could not be of a `vr`, whatever the data set is."""
    if vr == "SQ":
        if value:
            raise ValueError("a sequence can only be set to nothing, []")
        return
    if vr == "UN":
        if step.creator is None and not step.tag & 0x10000:
            raise ValueError("the standard does not know %s" % element.name(step.tag))
        vr = "LO"
    tag = step.tag if step.creator is None else step.tag | 0x1000
    try:
        check.legal(tag, vr, [each for each in value if each != ""])
        if vr not in check.TEXTS:
            values.encode(value, "SL" if vr == "US" and len(tags.kind(tag)[0]) > 2 else vr)
    except LocalError as error:
        raise ValueError(error.message) from None


def _expression(pattern, replacement):
    try:
        compiled = re.compile(pattern)
        compiled.sub(replacement, "")
        template = re.sub(r"\\\\", "", replacement)
        for number in re.findall(r"\\(\d+)", template):
            if int(number) > compiled.groups:
                raise ValueError("the expression has no group %s" % number)
    except re.error as error:
        raise ValueError("no regular expression: %s" % error) from None
    return compiled, replacement


class Changes:
    """The stage of some Rules.

    system: str, what the box calls itself in Original Attributes Sequence; inflater: function that returns an inflate
    function (see edge.dicom.reader). The time of a change is when the object came to the box: what is sent again, after
    a crash or to another destination, has the same octets, and no receiver takes it for another object.
    """

    def __init__(self, rules, system, inflater):
        self._rules = list(rules)
        self._system = system
        self._inflater = inflater
        wanted = match.needed([condition for each in self._rules for condition in each.where])
        for each in self._rules:
            if each.action == COPY:
                wanted |= paths.wanted(each.value)
        self._wanted = wanted | {_CHARSETS} if wanted else wanted
        self._through = any([_is_late(each) for each in self._rules])

    def prepare(self, draft):
        """Return `draft` as it is when changed; a DicomError says why it cannot be."""
        laid = drafts.laid(draft.syntax)
        found = drafts.values(draft, self._inflater, self._wanted)
        little = syntaxes.lookup(draft.syntax).little
        when = time.localtime(draft.received)
        scene = match.Scene(draft.calling, draft.called, draft.address, draft.sop_class, found, little, when)
        rules = [each for each in self._rules if match.holds(each.where, scene)]
        if not rules:
            return draft
        editor = _Editor(rules, scene)
        record = not draft.nameless and any([each.record for each in rules])
        try:
            originals = drafts.originals(draft, self._inflater, editor, record, self._through)
        except LimitError as error:
            raise LimitError(error.message + "; set record = false in the [[change]], or leave it as it is") from None
        appended = None
        if originals:
            stamp = time.strftime("%Y%m%d%H%M%S%z", when)
            appended = ORIGINAL_ATTRIBUTES, self._item(originals, draft, stamp, syntaxes.lookup(laid).explicit)

        def chunks():
            return drafts.rewritten(draft, self._inflater, editor, appended=appended)

        return draft._replace(chunks=chunks, syntax=laid)

    def _item(self, originals, draft, stamp, explicit):
        """Return an item of Original Attributes Sequence."""
        modified = b"".join([octets for _, octets in sorted(originals.items())])
        source = "".join([each if " " < each <= "~" and each != "\\" else "_" for each in draft.calling])
        parts = [
            stream.ITEM_BEGIN,
            element.write(_MODIFIED, "SQ", element.UNDEFINED, explicit),
            stream.ITEM_BEGIN, modified, stream.ITEM_END,
            stream.SEQUENCE_END,
        ]  # fmt: skip
        for tag, vr, value in (
            (_WHEN, "DT", stamp),
            (_SYSTEM, "LO", self._system),
            (_SOURCE, "LO", source),
            (_REASON, "CS", "COERCE"),
        ):
            octets = values.encode(value, vr)
            parts += [element.write(tag, vr, len(octets), explicit), octets]
        return b"".join(parts + [stream.ITEM_END])


def _is_late(each):
    return each.path.anywhere or each.path.steps[0].tag > element.PIXEL_DATA


class _State:
    """What rules have to do with the data set or an item."""

    __slots__ = ("edits", "absent", "below")

    def __init__(self, live, editor):
        found = {}
        self.below = []
        for each, place in live:
            steps = each.path.steps
            if place == len(steps) - 1:
                step = steps[place]
                found.setdefault((step.tag, step.creator), []).append(each)
            else:
                self.below.append((each, place))
        self.edits = {}
        self.absent = []
        for (tag, creator), rules in found.items():
            edit = self.edits[tag, creator] = editor.edit_of(rules)
            if any([each.action in _MAKING and not each.path.anywhere for each in rules]):
                self.absent.append((tag if creator is None else (tag >> 16, creator, tag & 0xFF), edit))


class _Editor:
    """Tells a stream.Rewriter what some Rules change; scene: match.Scene with the values that are copied."""

    def __init__(self, rules, scene):
        self._rules = rules
        self._scene = scene
        self._anywhere = [(each, 0) for each in rules if each.path.anywhere]
        self._made = {}  # the same live rules have the same state, item after item

    def enter(self, above, tag, creator, item):
        if above is None:
            live = [(each, 0) for each in self._rules]
        else:
            live = list(self._anywhere)
            for each, place in above.below:
                step = each.path.steps[place]
                if _stands_for(step, tag, creator) and step.item in (0, item):
                    live.append((each, place + 1))
        if not live:
            return None
        key = tuple([(id(each), place) for each, place in live])
        if key not in self._made:
            self._made[key] = _State(live, self)
        return self._made[key]

    def edit(self, state, tag, creator):
        found = state.edits.get((tag, None))
        if found is None and creator:
            found = state.edits.get((tag & 0xFFFF0000 | tag & 0xFF, creator))
        return found

    def absent(self, state):
        return state.absent

    def edit_of(self, rules):
        """Return the edit that applies `rules`, all of one place, in their order."""
        return stream.Edit(lambda old: _apply(rules, old, self._scene), any([each.record for each in rules]))


def _stands_for(step, tag, creator):
    if step.creator is None:
        return step.tag == tag
    return creator == step.creator and step.tag == tag & 0xFFFF0000 | tag & 0xFF


def _apply(rules, old, scene):
    """Return what becomes of an element: stream.KEEP, None or a stream.New."""
    tag, vr = old.tag, old.vr
    if vr == "UN":
        vr = next((each.vr for each in rules if each.vr is not None), "LO" if tag & 0x10000 else vr)
    if old.form in (stream.SEQUENCE, stream.LONG):
        return _apply_to_whole(rules, old, vr)
    before = None if old.form == stream.ABSENT else values.decode(old.octets, vr, True, old.charsets)
    now = before
    for each in rules:
        now = _STEPS[each.action](now, each, vr, scene, tag)
    if now == before:
        return stream.KEEP
    if now is None:
        return None
    return _new(tag, vr, now, old.charsets)


def _apply_to_whole(rules, old, vr):
    """Return what becomes of a sequence, or of a value that is too long to be looked at: all or nothing."""
    result = stream.KEEP
    for each in rules:
        if each.action == DELETE:
            result = None
        elif each.action == SET:
            fits = vr if vr != "SQ" or not each.value else each.vr or tags.vr(old.tag)
            result = _new(old.tag, "LO" if fits == "UN" else fits, each.value, old.charsets)
        elif each.action != DEFAULT:
            what = "a sequence" if old.form == stream.SEQUENCE else "longer than %d octets" % stream.VALUE_BYTES
            raise LimitError("%s is %s: it can only be set or deleted" % (paths.name(old.tag), what))
    return result


def _new(tag, vr, now, charsets):
    """Return the stream.New of values; LocalError when the element cannot have them."""
    if vr == "SQ" and not now:
        return stream.New("SQ", b"")
    if vr in check.TEXTS:
        now = [each if isinstance(each, str) else _written(each) for each in now]
    check.legal(tag, vr, [each for each in now if each != ""])
    try:
        octets = values.encode(now, vr, charsets)
    except LocalError as error:
        raise LocalError("%s cannot be written: %s" % (paths.name(tag), error.message)) from None
    return stream.New(vr, octets)


def _written(number):
    return "%d" % number if isinstance(number, int) else ("%.10g" % number)


def _text_only(now, each, vr, tag):
    if vr not in check.TEXTS:
        raise LocalError("%s has the VR %s, which is no text: %s cannot be done" % (paths.name(tag), vr, each.action))


def _set(now, each, vr, scene, tag):
    return list(each.value)


def _set_default(now, each, vr, scene, tag):
    return now if now else list(each.value)


def _delete(now, each, vr, scene, tag):
    return None


def _copy(now, each, vr, scene, tag):
    found = match.look_up(each.value, scene)
    if not found:
        return now
    return [_written(one) if vr in check.TEXTS and not isinstance(one, str) else one for one in found]


def _replace(now, each, vr, scene, tag):
    if now:
        _text_only(now, each, vr, tag)
        expression, replacement = each.value
        now = [expression.sub(replacement, one) for one in now]
    return now


def _prefix(now, each, vr, scene, tag):
    if now:
        _text_only(now, each, vr, tag)
        now = [each.value + one if one else one for one in now]
    return now


def _suffix(now, each, vr, scene, tag):
    if now:
        _text_only(now, each, vr, tag)
        now = [one + each.value if one else one for one in now]
    return now


_STEPS = {
    SET: _set, DEFAULT: _set_default, DELETE: _delete, COPY: _copy, REPLACE: _replace, PREFIX: _prefix, SUFFIX: _suffix,
}  # fmt: skip
