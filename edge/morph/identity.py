"""De-identification on the way out: the Basic Application Level Confidentiality Profile and its options.

What happens to each attribute is the standard's own table (identity_table). Where it leaves a choice, the one that
keeps the object valid is made: a value that may be empty is emptied, one that may not becomes a dummy, and what may
only be left out or replaced is left out where it is a sequence. The profile is for what it lists; beyond that this box
leaves out what it cannot judge: elements the standard does not know, names of persons, dates and a few others that the
table has forgotten, values that are not what their element has by the standard, sequences whose content it cannot read,
whole overlays and curves, pixels within sequences. UIDs that it has forgotten are mapped like those it lists, but for
those that say what something is. Objects that cannot be made safe here are refused with the reason, to be held: pixels
with burned in annotation or of a kind that often has some, overlays within the pixels, structured content,
encapsulated documents.

Source: PS3.15 E.1 to E.3, PS3.3 C.12.1.1.7 (Patient Identity Removed), PS3.16 CID 7050.
"""

import re

from edge.dicom import element, tags, text, uid, values
from edge.dicom import syntax as syntaxes
from edge.dicom.errors import LocalError
from edge.dicom.octets import get_numbers
from edge.morph import draft as drafts
from edge.morph import path as paths
from edge.morph import pseudonym, stream
from edge.morph.identity_table import ACTIONS
from edge.morph.profile import BASIC, OPTIONS

KEEP, CLEAN = "K", "C"
REMOVE, EMPTY, DUMMY, MAP = "X", "Z", "D", "U"

# Basic actions that leave a choice: (for a value, for a sequence)
_CHOICE = {
    "X": (REMOVE, REMOVE), "Z": (EMPTY, EMPTY), "D": (DUMMY, DUMMY), "U": (MAP, MAP), "X/Z": (EMPTY, EMPTY),
    "X/D": (DUMMY, REMOVE), "Z/D": (DUMMY, EMPTY), "X/Z/D": (DUMMY, REMOVE), "X/Z/U*": (MAP, MAP),
}  # fmt: skip

_SOP_CLASS, _SOP_INSTANCE, _PATIENT_NAME, _PATIENT_ID = 0x00080016, 0x00080018, 0x00100010, 0x00100020
_STUDY, _BIRTH = 0x0020000D, 0x00100030
_REMOVED, _METHOD, _CODES, _TEMPORAL = 0x00120062, 0x00120063, 0x00120064, 0x00280303
_BURNED_IN, _BIT_POSITION = 0x00280301, 0x0102
_CHARACTERISTICS = 0x00080300  # of private elements, by the object's own word
_GROUP, _CREATOR, _STATUS, _NONIDENTIFYING = 0x00080301, 0x00080302, 0x00080303, 0x00080304
_DECLARING = (_GROUP, _CREATOR, _STATUS, _NONIDENTIFYING)
_FIRST = 0x00080000  # what comes before is no part of a data set
_PIXELS = 0x7FE0
_CONTENT, _ANNOTATION, _DOCUMENT, _PERSON = 0x0040A730, 0x00700001, 0x00420011, 0x00401101
_MADE = (_REMOVED, _METHOD, _CODES, _TEMPORAL)

# What Table E.1-1 does not list, but names somebody: dates of birth and death in another calendar, a breed's register,
# where a copy of the object or of its series lies
_BEYOND = (0x00100033, 0x00100034, 0x00102295, 0x00080407, 0x00080408, 0x00080409, 0x0008040B, 0x00081190)
_DATES_BEYOND = "X", {"f": KEEP, "m": CLEAN}
_UIDS_BEYOND = "U", {"u": KEEP}
_STUDIES = 0x00081110  # Referenced Study Sequence may be absent in every image, but empty in none

# UIDs that say what something is, and not which one it is
_OF_KINDS = frozenset((
    0x00080016, 0x0008001A, 0x0008001B, 0x00080062, 0x0008010C, 0x0008010D, 0x00080117, 0x00080118, 0x0008040E,
    0x00081150, 0x0008115A, 0x00083002, 0x00089123, 0x00340003, 0x04000010, 0x04000510, 0x30100052, 0x30100053,
))  # fmt: skip

# VR -> all that its values are made of; what is made of something else is no such value, and may be anything
_MADE_OF = {
    "AS": rb"[0-9DWMY \\\0]*", "DA": rb"[0-9.:\- \\\0]*", "DS": rb"[0-9+\-.eE \\\0]*", "DT": rb"[0-9+\-. \\\0]*",
    "IS": rb"[0-9+\- \\\0]*", "TM": rb"[0-9.:\- \\\0]*", "UI": rb"[0-9. \\\0]*",
}  # fmt: skip
_WORDS = ("LO", "LT", "SH", "ST", "UC", "UT", "CS", "AE", "UR", *_MADE_OF)
_NUMBERS = ("AT", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV")

_UNSAFE = {
    _CONTENT: "its structured content cannot be cleaned",
    _ANNOTATION: "its graphic annotation cannot be cleaned",
    _DOCUMENT: "it is a document, which cannot be looked through",
}

# Kinds of pixels that often have annotation burned in, so that one has to say that it has none
_SUSPECT = (
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture and its multi-frame kinds
    "1.2.840.10008.5.1.4.1.1.6",  # Ultrasound, the retired one and today's
    "1.2.840.10008.5.1.4.1.1.3",
    "1.2.840.10008.5.1.4.1.1.77.1",  # visible light: endoscopes, microscopes, cameras
)

# Elements whose words, and those whose numbers, are taken out of descriptions
_NAMING = (
    0x00080080, 0x00080081, 0x00080090, 0x00081010, 0x00081040, 0x00081048, 0x00081050, 0x00081060, 0x00081070,
    _PATIENT_NAME, 0x00101001, 0x00101005, 0x00101040, 0x00101060, 0x00321032, 0x00401001,
)  # fmt: skip
_NUMBERING = (
    0x00080050, _PATIENT_ID, 0x00100030, 0x00101000, 0x00102154, 0x00200010, 0x00380010, 0x00402016, 0x00402017,
)  # fmt: skip
_LOOKED_AT = frozenset(_NAMING + _NUMBERING) | {
    element.SPECIFIC_CHARACTER_SET, _SOP_CLASS, _SOP_INSTANCE, _STUDY, _BURNED_IN,
}  # fmt: skip

_DUMMIES = {
    "AE": "ANONYMIZED", "AS": "000Y", "AT": 0, "CS": "ANONYMIZED", "DA": "19000101", "DS": "0", "DT": "19000101000000",
    "IS": "0", "LO": "ANONYMIZED", "LT": "ANONYMIZED", "PN": "ANONYMIZED", "SH": "ANONYMIZED", "ST": "ANONYMIZED",
    "TM": "000000", "UC": "ANONYMIZED", "UR": "urn:anonymized", "UT": "ANONYMIZED",
}  # fmt: skip
_CODE_ITEM = ((0x00080100, "SH", "ANONYMIZED"), (0x00080102, "SH", "99EDGE"), (0x00080104, "LO", "Anonymized"))


def table():
    """Return {tag, or pattern of one, as text in lower case: (basic action, {letter: KEEP or CLEAN})}."""
    found = {}
    for line in ACTIONS.split("\n"):
        if line:
            tag, basic, *rest = line.split(" ")
            letters = rest[0] if rest else ""
            found[tag] = basic, {letters[at]: letters[at + 1] for at in range(0, len(letters), 2)}
    return found


class Identity:
    """The stage of one profile.Profile; inflater: function that returns an inflate function (see edge.dicom.reader)."""

    def __init__(self, profile, inflater):
        self._profile = profile
        self._inflater = inflater
        self._letters = [OPTIONS[name][0] for name in profile.options]
        self._table = table()
        self._actions = {}
        for tag, (basic, options) in self._table.items():
            if tag.isalnum() and "x" not in tag and tag != "private":
                self._actions[int(tag, 16)] = self._resolved(basic, options)
        of_value, _, plain = self._actions[_STUDIES]
        if of_value == EMPTY:
            self._actions[_STUDIES] = of_value, REMOVE, plain
        self._beyond = {"UI": self._resolved(*_UIDS_BEYOND)}
        for vr in ("DA", "DT", "TM"):
            self._beyond[vr] = self._resolved(*_DATES_BEYOND)

    def _resolved(self, basic, options):
        """Return (action for a value, for a sequence, the basic one of each)."""
        chosen = {options[letter] for letter in self._letters if letter in options}
        action = KEEP if KEEP in chosen else CLEAN if CLEAN in chosen else None
        plain = _CHOICE[basic]
        return (action or plain[0], action or plain[1], plain)

    def prepare(self, draft):
        """Return `draft` de-identified; LocalError says why it cannot be made safe."""
        laid = drafts.laid(draft.syntax)
        found = drafts.values(draft, self._inflater, _LOOKED_AT)
        self._check_pixels(draft.sop_class, found)
        declared = ()
        if "declared-private" in self._profile.options:
            declared = drafts.items(draft, self._inflater, _CHARACTERISTICS, _DECLARING)
        explicit = syntaxes.lookup(laid).explicit
        editor = _Editor(self._profile, self._actions, self._beyond, found, declared, explicit)
        drafts.originals(draft, self._inflater, editor, False, False)
        sop_instance = draft.sop_instance
        if "uids" not in self._profile.options:
            sop_instance = self._profile.key.uid(sop_instance)

        def chunks():
            return drafts.rewritten(draft, self._inflater, editor, appended=(_CODES, editor.codes))

        return draft._replace(chunks=chunks, syntax=laid, sop_instance=sop_instance, nameless=True)

    def _check_pixels(self, sop_class, found):
        said = uid.from_octets(found.get(_BURNED_IN, b"")).upper()
        if said == "YES":
            raise LocalError("its pixels have annotation burned in (Burned In Annotation is YES)")
        suspect = [root for root in _SUSPECT if sop_class == root or sop_class.startswith(root + ".")]
        if suspect and said != "NO" and not self._profile.trusted:
            raise LocalError(
                "%s often has annotation burned into its pixels, and this one does not say that it has none (Burned In"
                " Annotation)" % uid.name(sop_class)
            )


class _Editor:
    """Tells a stream.Rewriter what becomes of each element; the same for the data set and every item."""

    def __init__(self, profile, actions, beyond, found, declared, explicit):
        self._profile = profile
        self._actions = actions
        self._beyond = beyond
        charsets = text.terms(found.get(element.SPECIFIC_CHARACTER_SET, b""))
        patient = values.decode(found.get(_PATIENT_ID, b""), "LO", True, charsets)
        self._patient = patient[0] if patient else ""
        self._days = profile.key.shift_days(_subject(found, self._patient, charsets))
        self._found = found, charsets
        self._wording = None
        self._edits = {}
        self._explicit = explicit
        self._safe = {(step.creator, step.tag) for step in profile.safe} if "safe-private" in profile.options else set()
        self._whole_blocks = set()  # (group, creator) of those of which the object says that they are safe
        if "declared-private" in profile.options:
            self._declared(declared)
        self._safe_groups = {tag >> 16 for _, tag in self._safe} | {group for group, _ in self._whole_blocks}
        options = [OPTIONS[name][1:] for name in OPTIONS if name in profile.options]
        self._methods = (BASIC, *dict.fromkeys(options))
        self.codes = b""  # what is added to De-identification Method Code Sequence
        for code, meaning in self._methods:
            content = (0x00080100, "SH", code), (0x00080102, "SH", "DCM"), (0x00080104, "LO", meaning)
            self.codes += _item(content, explicit)
        self._top = object()
        self._item = object()

    def enter(self, above, tag, creator, item):
        return self._top if above is None else self._item

    def absent(self, state):
        if state is not self._top:
            return ()
        return [(tag, stream.Edit(self._says, False)) for tag in _MADE if tag != _CODES]

    def edit(self, state, tag, creator):
        if tag >> 16 == _PIXELS:
            return None if state is self._top else _LEFT_OUT
        key = tag, creator
        if key not in self._edits:
            if len(self._edits) > 4096:
                self._edits.clear()
            self._edits[key] = self._find(tag, creator)
        return self._edits[key]

    def _find(self, tag, creator):
        if tag in _MADE:
            return stream.Edit(self._says, False)
        if tag & 0x10000:
            return None if self._is_safe(tag, creator) else _LEFT_OUT
        if tag >> 24 == 0x60:
            return stream.Edit(_overlay, False)
        actions = self._actions.get(tag)
        if actions is None:
            vr = tags.kind(tag)[0]
            if tag < _FIRST or tag in _BEYOND or vr in ("UN", "PN") or tags.is_repeating(tag):
                return _LEFT_OUT
            actions = None if tag in _OF_KINDS else self._beyond.get(vr)
        if actions is None:
            return _ONLY_JUDGED
        return stream.Edit(lambda old: self._apply(actions, old), False)

    def _declared(self, items):
        """Take note of the private elements that the object says identify nobody (PS3.3 C.12.1)."""
        for item in items:
            group = get_numbers(item.get(_GROUP, b""), "US", True)
            creator = paths.creator_of(item.get(_CREATOR, b""))
            status = uid.from_octets(item.get(_STATUS, b""))
            if len(group) != 1 or not group[0] & 1 or not creator:
                continue
            if status == "SAFE":
                self._whole_blocks.add((group[0], creator))
            elif status == "MIXED":
                for number in get_numbers(item.get(_NONIDENTIFYING, b""), "US", True):
                    self._safe.add((creator, group[0] << 16 | number & 0xFF))

    def _is_safe(self, tag, creator):
        if 0x10 <= tag & 0xFFFF <= 0xFF:
            return tag >> 16 in self._safe_groups
        if not creator:
            return False
        return (tag >> 16, creator) in self._whole_blocks or (creator, tag & 0xFFFF0000 | tag & 0xFF) in self._safe

    # What becomes of an element

    def _apply(self, actions, old):
        of_value, of_sequence, plain = actions
        if old.form == stream.SEQUENCE:
            return self._apply_to_sequence(of_sequence, old)
        if old.vr == "SQ" or (old.form == stream.LONG and of_value in (MAP, CLEAN)):
            return None  # a sequence under VR UN, or text of such a length: nobody can tell what is in it
        if old.tag in _UNSAFE and of_value == DUMMY and (old.octets is None or old.octets.strip(b"\0 ")):
            raise LocalError(_UNSAFE[old.tag])
        if of_value == CLEAN:
            return self._cleaned(plain[0], old)
        return self._basic(of_value, old)

    def _apply_to_sequence(self, action, old):
        if action == REMOVE:
            return None
        if action == EMPTY:
            return stream.New("SQ", b"")
        if action == DUMMY:
            if old.tag in _UNSAFE:
                raise LocalError(_UNSAFE[old.tag])
            if old.tag == _PERSON:
                return stream.New("SQ", _item(_CODE_ITEM, self._explicit))
        return stream.KEEP  # what is in it has actions of its own

    def _basic(self, action, old):
        if action == KEEP:
            return _judged(old)
        if action == REMOVE:
            return None
        if action == MAP:
            return self._mapped(old)
        if old.tag == _PATIENT_NAME:
            return self._new("PN", self._profile.key.patient(self._patient))
        if old.tag == _PATIENT_ID and old.octets:
            own = values.decode(old.octets, "LO", True, old.charsets)
            return self._new("LO", self._profile.key.patient(own[0] if own else ""))
        if action == EMPTY or (old.octets is not None and not old.octets):
            return stream.New(old.vr, b"")
        if old.vr == "UI":
            return self._mapped(old)
        if old.vr in _DUMMIES:
            return self._new(old.vr, _DUMMIES[old.vr])
        return stream.New(old.vr, bytes(element.WIDTHS.get(old.vr, 2)))

    def _new(self, vr, value, charsets=()):
        return stream.New(vr, values.encode(value, vr, charsets))

    def _mapped(self, old):
        if old.vr != "UI":
            return None
        found = [uid.from_octets(each) for each in (old.octets or b"").split(b"\\")]
        return self._new("UI", [self._profile.key.uid(each) for each in found])

    def _cleaned(self, basic, old):
        """Return what is left of a value without what identifies; as the basic profile has it when nobody can tell."""
        if old.vr in ("DA", "DT", "TM"):
            found = values.decode(old.octets, old.vr)
            moved = [one if old.vr == "TM" or not one else pseudonym.shifted(one, self._days) for one in found]
            return self._basic(basic, old) if None in moved else self._new(old.vr, moved)
        if old.vr not in ("LO", "LT", "SH", "ST", "UC", "UT", "CS"):
            return self._basic(basic, old)
        found = values.decode(old.octets, old.vr, True, old.charsets)
        if self._wording is None:
            self._wording = _wording(*self._found)
        clean = [self._wording.clean(one) for one in found]
        if clean == found:
            return stream.KEEP
        if not any(clean):
            return self._basic(basic, old)
        try:
            return stream.New(old.vr, values.encode(clean, old.vr, old.charsets))
        except LocalError:
            return self._basic(basic, old)

    def _says(self, old):
        """Say what was done: the elements that every de-identified object has."""
        if old.tag == _REMOVED:
            return self._new("CS", "YES")
        if old.tag == _METHOD:
            now = ["PS3.15 E.1 by edge", *[meaning[:64] for _, meaning in self._methods]]
            before = values.decode(old.octets or b"", "LO", True, old.charsets)
            try:
                return self._new("LO", [*before, *[one for one in now if one not in before]], old.charsets)
            except LocalError:
                return self._new("LO", now)  # nobody can read what it says
        if old.tag == _CODES:  # what others have done before stays
            return stream.KEEP if old.form == stream.SEQUENCE else stream.New("SQ", self.codes)
        kept = {"full-dates": "UNMODIFIED", "shifted-dates": "MODIFIED"}
        return self._new("CS", next((kept[name] for name in kept if name in self._profile.options), "REMOVED"))


def _overlay(old):
    """Leave overlays out; one that lies in the bits of the pixels cannot be."""
    if old.tag & 0xFFFF == _BIT_POSITION and old.octets is not None and any(old.octets):
        raise LocalError("it has an overlay within its pixels")
    return None


def _judged(old):
    """Keep what is of the kind that the standard says; leave out anything else, as it may be anything."""
    vrs = tags.kind(old.tag)[0]
    if old.form == stream.SEQUENCE:
        return stream.KEEP
    if old.form == stream.LONG:
        return stream.KEEP if old.vr in vrs.split(" or ") and old.vr != "SQ" else None
    vr = old.vr
    if vr not in vrs.split(" or "):
        if vr in _NUMBERS and vrs in _NUMBERS:
            return stream.KEEP
        if vr not in _WORDS or vrs not in _WORDS:
            return None
        vr = vrs
    if vr == "SQ" or vr in _MADE_OF and not re.fullmatch(_MADE_OF[vr], old.octets):
        return None
    return stream.KEEP


_LEFT_OUT = stream.Edit(lambda old: None, False)
_ONLY_JUDGED = stream.Edit(_judged, False)


def _item(content, explicit):
    """Return the octets of an item of short texts."""
    octets = b""
    for tag, vr, value in content:
        encoded = values.encode(value, vr)
        octets += element.write(tag, vr, len(encoded), explicit) + encoded
    return stream.ITEM_BEGIN + octets + stream.ITEM_END


def _texts(found, wanted, charsets):
    """Return the values of some elements."""
    return [each for tag in wanted for each in values.decode(found.get(tag, b""), tags.vr(tag), True, charsets)]


def _wording(found, charsets):
    from edge.morph import wording  # what it needs is large, and wanted by objects with descriptions alone

    return wording.Wording(_texts(found, _NAMING, charsets), _texts(found, _NUMBERING, charsets))


def _subject(found, patient, charsets):
    """Return by what a patient is told from others: Patient ID, where there is none name and birth, then the study."""
    if patient:
        return patient
    known = _texts(found, (_PATIENT_NAME, _BIRTH), charsets)
    return "\0" + ("\0".join(known) or uid.from_octets(found.get(_STUDY, b"")))
