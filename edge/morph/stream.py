"""A data set rewritten on its way out: read event by event, edited element by element, never held.

An editor says which elements are to be changed; this room does what it says at any depth, in the memory of a few
values, and hands the rest on as edge.dicom.rewriter writes it.

An editor has:

    enter(above, tag, creator, item) -> its state for the data set (all None) or an item, None when it has no business
        there; above: its state around the sequence `tag`, of the private `creator` or None; item: counted from 1
    edit(state, tag, creator) -> an edit for an element, or None
    absent(state) -> list of (tag or (group, creator, low), edit), what is made where it is absent; low: the last two
        digits of a private element

and an Edit has a function of an Old that returns KEEP, None to leave the element out, or a New.

What was changed can be recorded: then `originals` has the elements of the data set itself as they were, encoded like
the output, a sequence as a whole when something within it was changed, an absent element as an empty one.
"""

from collections import namedtuple

from edge.dicom import element, reader, rewriter, tags, text
from edge.dicom import syntax as syntaxes
from edge.dicom.errors import DicomError, LimitError, LocalError, PeerError
from edge.dicom.rewriter import ITEM_BEGIN, ITEM_END, SEQUENCE_END
from edge.morph import path as paths

# form: ABSENT, VALUE, LONG (longer than anybody looks at) or SEQUENCE; octets: the value, little endian, None but for
# VALUE; vr: of the element or, where it is absent, of the dictionary; charsets: defined terms that hold where it stands
Old = namedtuple("Old", ("form", "tag", "vr", "octets", "charsets"))
# vr: str; octets: the value, little endian, even; for SQ whole items as they are to be written
New = namedtuple("New", ("vr", "octets"))

# of: function of an Old; record: whether what it changes is recorded
Edit = namedtuple("Edit", ("of", "record"))

ABSENT, VALUE, LONG, SEQUENCE = "absent", "value", "long", "sequence"
KEEP = object()

VALUE_BYTES = 65536  # the longest value that is looked at
ORIGINAL_BYTES = 1 << 20  # of all that is recorded of one data set

_TOO_LONG = "%s is too long to be kept in Original Attributes Sequence as it was"

_WRAPPED_LIMIT = 8


def encoded(tag, new, explicit):
    """Return a whole element for a New."""
    if new.vr == "SQ":
        return element.write(tag, "SQ", element.UNDEFINED, explicit) + new.octets + SEQUENCE_END
    return element.write_any(tag, new.vr, len(new.octets), explicit) + new.octets


class _Level:
    """The data set or an item that is open."""

    __slots__ = ("state", "charsets", "waiting", "private", "names", "blocks", "made", "item", "sequence")

    def __init__(self, state, charsets):
        self.state = state
        self.charsets = charsets
        self.waiting = []  # (tag, edit) of what is made if it does not come, ascending
        self.private = []  # ((group, creator, low), edit) of the same, as long as its block is not known
        self.names = {}  # (group, block) -> creator
        self.blocks = {}  # (group, creator) -> block
        self.made = set()  # tags of what was made, as they must not come any more
        self.sequence = None  # (tag, creator) of the sequence that is open in this level
        self.item = 0  # the number of its item


class Rewriter(rewriter.Rewriter):
    """Writes what `source`, a reader.Reader of value_limit VALUE_BYTES, reads, with what `editor` changes.

    explicit: whether the output has VRs. appended: octets of an item that is put at the end of a sequence of the data
    set, and its tag, or None. record: whether `originals` are collected, a dict of tag -> octets; LimitError when they
    come to more than ORIGINAL_BYTES.
    """

    def __init__(self, source, explicit, editor, appended=None, record=False):
        super().__init__(source, explicit)
        self._editor = editor
        self._appended = appended
        self._levels = []
        self._skipping = 0  # sequences that are open within one that is left out, itself among them
        self._wrapped = 0  # sequences under VR UN that are open
        self._touched = False  # whether something was changed within the sequence of the data set that is open
        self._capture = None  # that sequence as it came, until it is too long
        self._record = record
        self.originals = {}
        self.last = -1  # tag of the last element of the data set itself that came
        self._recorded = 0
        self._enter(None, ())

    # Output

    def finish(self):
        """Return what was not yielded yet, the data set having ended."""
        if len(self._levels) == 1:
            self._leave()
        return super().finish()

    def _write(self, octets):
        """Write what came, unless it stands in what is left out; it belongs to what a sequence was in any case."""
        if self._capture is not None:
            self._capture += octets
            if len(self._capture) > ORIGINAL_BYTES:
                self._capture = None
        if not self._skipping:
            self._out += octets

    # Levels

    def _enter(self, above, charsets):
        if above is None:
            level = _Level(self._editor.enter(None, None, None, None), charsets)
        else:
            tag, creator = above.sequence
            state = None
            if above.state is not None and not self._skipping:
                state = self._editor.enter(above.state, tag, creator, above.item)
            level = _Level(state, charsets)
        if level.state is not None:
            for key, edit in self._editor.absent(level.state):
                (level.waiting if isinstance(key, int) else level.private).append((key, edit))
            level.waiting.sort(key=lambda each: each[0])
        if above is None and self._appended is not None:
            level.waiting.append((self._appended[0], Edit(self._new_sequence, False)))
            level.waiting.sort(key=lambda each: each[0])
        self._levels.append(level)

    def _new_sequence(self, old):
        return New("SQ", self._appended[1]) if old.form == ABSENT else KEEP

    def _leave(self):
        """Make what did not come, at the end of a level."""
        self._make_before(self._levels[-1], 1 << 32)
        self._levels.pop()

    def _make_before(self, level, tag):
        """Make what is waiting for a place before `tag`."""
        if level.private:
            self._place_private(level, tag)
        while level.waiting and level.waiting[0][0] < tag:
            place, edit = level.waiting.pop(0)
            self._make(level, place, edit)
        if level.waiting and level.waiting[0][0] == tag:
            level.waiting.pop(0)
        elif tag in level.made:
            raise PeerError("%s comes after elements that should follow it: it cannot be changed" % paths.name(tag))

    def _make(self, level, tag, edit):
        new = edit.of(Old(ABSENT, tag, tags.vr(tag), None, level.charsets))
        if new is KEEP or new is None:
            return
        level.made.add(tag)
        self._changed(tag, element.write_any(tag, new.vr, 0, self._explicit), edit)
        if tag == element.SPECIFIC_CHARACTER_SET:
            level.charsets = text.terms(new.octets)
        self._out += encoded(tag, new, self._explicit)

    def _place_private(self, level, tag):
        """Give what waits for its creator a tag, as soon as all creators of its group have come."""
        left = []
        for key, edit in level.private:
            group, creator, low = key
            if tag <= group << 16 | 0xFF:
                left.append((key, edit))
                continue
            block = level.blocks.get((group, creator))
            if block is None:
                block = self._new_block(level, group, creator, low, edit)
                if block is None:
                    continue
            level.waiting.append((group << 16 | block << 8 | low, edit))
        level.private = left
        level.waiting.sort(key=lambda each: each[0])

    def _new_block(self, level, group, creator, low, edit):
        """Reserve a block for a private creator that is not there, if the edit makes something; return it or None."""
        new = edit.of(Old(ABSENT, group << 16 | 0x1000 | low, "UN", None, level.charsets))
        if new is KEEP or new is None:
            return None
        taken = [block for known, block in level.names if known == group]
        block = max(taken, default=0x0F) + 1
        if block > 0xFF:
            raise LocalError("group %04X has no room for the private creator %s" % (group, creator))
        octets = creator.encode("ascii")
        octets += b" " * (len(octets) & 1)
        level.waiting.append((group << 16 | block, Edit(lambda old: New("LO", octets), False)))
        level.names[group, block] = creator
        level.blocks[group, creator] = block
        return block

    # What is changed

    def _edit_for(self, level, tag):
        """Return the edit for an element that comes at `level`, or None, having made what goes before it."""
        if len(self._levels) == 1:
            self.last = tag
        if level.waiting or level.private or level.made:
            self._make_before(level, tag)
        if level.state is None:
            return None
        return self._editor.edit(level.state, tag, self._creator(level, tag))

    def _creator(self, level, tag):
        if not tag & 0x10000 or tag & 0xFFFF < 0x1000:
            return None
        return level.names.get((tag >> 16, tag >> 8 & 0xFF), "")

    def _note(self, tag, octets):
        """Keep an element of the data set itself as it was."""
        if self._record:
            self._recorded += len(octets)
            if self._recorded > ORIGINAL_BYTES:
                raise LimitError(_TOO_LONG % paths.name(tag))
            self.originals[tag] = octets
            if self._creator(self._levels[0], tag):
                block = tag >> 8 & 0xFF
                value = self._levels[0].names[tag >> 16, block].encode("ascii", "replace")
                value += b" " * (len(value) & 1)
                creator = tag & 0xFFFF0000 | block
                self.originals.setdefault(creator, element.write_any(creator, "LO", len(value), self._explicit) + value)

    def _changed(self, tag, octets, edit):
        """Note that an element was changed by `edit`; octets: what it was."""
        if not edit.record:
            return
        if len(self._levels) == 1:
            self._note(tag, octets)
        else:
            self._touched = True

    # Events

    def _element(self, event):
        tag, vr, value, _ = event
        if tag & 0xFFFF == 0:
            return
        if len(value) & 1 or not self._source.little:
            value = self._even(vr, value)
        level = self._levels[-1]
        if vr == "UN" and value and level.state is not None and not self._skipping and tags.vr(tag) == "SQ":
            if self._unwrap(tag, value):
                return
        octets = element.write_any(tag, vr, len(value), self._explicit) + value
        if self._skipping:
            self._write(octets)
            return
        if tag == element.SPECIFIC_CHARACTER_SET:
            level.charsets = text.terms(value)
        elif _is_creator(tag):
            name = paths.creator_of(value)
            level.names[tag >> 16, tag & 0xFF] = name
            level.blocks.setdefault((tag >> 16, name), tag & 0xFF)
        edit = self._edit_for(level, tag)
        if edit is not None:
            known = tags.vr(tag) if vr == "UN" else vr
            new = edit.of(Old(VALUE, tag, known, value, level.charsets))
            if new is not KEEP:
                self._changed(tag, octets, edit)
                self._replace(tag, octets, new)
                return
        self._write(octets)

    def _unwrap(self, tag, value):
        """Read a sequence that came under the VR UN (PS3.5 6.2.2), and say whether it is one; it goes on as what it is.

        Some software writes sequences so that it does not know, although the standard does.
        """
        octets = element.write(tag, "SQ", len(value), False) + value
        try:
            for _ in _implicit(octets):
                pass
        except DicomError:
            return False
        if self._wrapped >= _WRAPPED_LIMIT:
            raise LimitError("sequences under the VR UN are nested deeper than %d" % _WRAPPED_LIMIT)
        outer = self._source
        self._wrapped += 1
        steps = self._steps()
        for self._source, event in _implicit(octets):
            view = steps[type(event)](event)
            if view is not None:
                self._out += view
        self._wrapped -= 1
        self._source = outer
        return True

    def _replace(self, tag, octets, new):
        """Write `new`, a New or None, instead of what came as `octets`."""
        if self._capture is not None:
            self._capture += octets
        if new is not None:
            self._out += encoded(tag, new, self._explicit)
            if tag == element.SPECIFIC_CHARACTER_SET:
                self._levels[-1].charsets = text.terms(new.octets)

    def _value_began(self, event):
        if event.tag & 0xFFFF:
            if not self._skipping and self._is_replaced(event):
                self._dropping = True
                self._capture = None
                return
            if event.length > ORIGINAL_BYTES:
                self._capture = None
        super()._value_began(event)

    def _is_replaced(self, event):
        """Say whether a long value is left out, having written what comes in its place."""
        tag, vr, _, _ = event
        level = self._levels[-1]
        edit = self._edit_for(level, tag)
        known = tags.vr(tag) if vr == "UN" else vr
        new = KEEP if edit is None else edit.of(Old(LONG, tag, known, None, level.charsets))
        if new is KEEP:
            if known == "SQ" and level.state is not None:
                if self._editor.enter(level.state, tag, self._creator(level, tag), 1) is not None:
                    raise LimitError("%s is a sequence under the VR UN, too long to look into" % paths.name(tag))
            return False
        if self._record and edit.record:
            raise LimitError(_TOO_LONG % paths.name(tag))
        if new is not None:
            self._out += encoded(tag, new, self._explicit)
        return True

    def _chunk(self, event):
        octets = super()._chunk(event)
        if octets is not None and self._capture is not None:
            self._capture += octets
        return None if self._skipping else octets

    def _sequence_began(self, event):
        tag = event.tag
        level = self._levels[-1]
        octets = element.write(tag, "SQ", element.UNDEFINED, self._explicit)
        if len(self._levels) == 1 and not self._skipping:
            self._touched = False
            self._capture = bytearray() if self._record and level.state is not None else None
        if self._skipping:
            self._skipping += 1
            self._write(octets)
            return
        edit = self._edit_for(level, tag)
        new = KEEP if edit is None else edit.of(Old(SEQUENCE, tag, "SQ", None, level.charsets))
        if new is not KEEP:
            self._touched = self._touched or edit.record
            if new is not None:
                self._out += encoded(tag, new, self._explicit)
            self._skipping = 1
        self._write(octets)
        level.item = 0
        level.sequence = tag, self._creator(level, tag)

    def _sequence_ended(self, event):
        if self._appended is not None and event.tag == self._appended[0] and len(self._levels) == 1:
            if not self._skipping:
                self._out += self._appended[1]
        self._write(SEQUENCE_END)
        if self._skipping:
            self._skipping -= 1
        if len(self._levels) == 1 and not self._skipping:
            if self._touched and self._record:
                if self._capture is None:
                    raise LimitError(_TOO_LONG % paths.name(event.tag))
                self._note(event.tag, bytes(self._capture))
            self._capture = None
            self._touched = False

    def _item_began(self, event):
        self._write(ITEM_BEGIN)
        if self._skipping:
            return
        above = self._levels[-1]
        above.item += 1
        self._enter(above, above.charsets)

    def _item_ended(self, event):
        if not self._skipping:
            self._leave()
        self._write(ITEM_END)

    def _fragments_began(self, event):
        level = self._levels[-1]
        edit = None if self._skipping else self._edit_for(level, event.tag)
        if edit is not None and edit.of(Old(LONG, event.tag, event.vr, None, level.charsets)) is not KEEP:
            raise LocalError("compressed pixels cannot be changed or left out")
        super()._fragments_began(event)


def _implicit(octets):
    """Yield (reader, event) of a whole data set in implicit VR little endian."""
    source = reader.Reader(syntaxes.lookup(syntaxes.IMPLICIT_LITTLE), VALUE_BYTES)
    source.feed(octets)
    for event in source.events():
        yield source, event
    source.finish()


def _is_creator(tag):
    return tag & 0x10000 and 0x10 <= tag & 0xFFFF <= 0xFF
