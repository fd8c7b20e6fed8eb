"""Print a data set as lines for people: tag, VR, length, keyword, value, indented by how deep it is nested.

    (0008,0060) CS      2  Modality                          MR
    (0008,1140) SQ  undef  ReferencedImageSequence
      item 1
        (0008,1150) UI     26  ReferencedSOPClassUID         1.2.840.10008.5.1.4.1.1.4 (MR Image Storage)

Text is decoded by the character set that holds where it stands, numbers by VR; long values are cut, and of one that
is longer than a line could show only the beginning is ever looked at: a file of any size takes the memory of a small
one. What could do something to a terminal is escaped. What was tolerated in reading is told at the end.
"""

from edge.dicom import element, keywords, text, uid, values
from edge.dicom import reader as events
from edge.dicom import syntax as syntaxes
from edge.dicom.errors import DicomError
from edge.dicom.part10 import HeadReader

_LOOKED_AT = 1024  # octets of a value, at most
_KEYWORD_COLUMNS = 34
_CREATORS = 64  # private creators remembered in each data set or item
_NUMBERS_ONLY = tuple([vr for vr in element.WIDTHS if vr != "AT"])


def lines(chunks, inflate=None, inflate_limit=1 << 40, value_columns=72):
    """Yield the lines of a whole file.

    chunks: iterable of the file's octets from its beginning, in pieces of any size. inflate: an inflate function (see
    `reader`) for the case that it is deflated. value_columns: how wide a value may be. Raises a DicomError when the
    file cannot be read further, after the lines of what could be.
    """
    chunks = iter(chunks)
    head = HeadReader()
    taken = bytearray()
    try:
        for chunk in chunks:
            taken.extend(chunk)
            if head.feed(chunk):
                break
        else:
            head.finish()
    except DicomError:
        if head.meta_offset is not None:
            try:
                yield from _meta(bytes(taken[head.meta_offset :]), head, value_columns)
            except DicomError:
                pass  # the head's own error says more
        raise
    found = head.transfer_syntax
    yield "# %s, data set at offset %d" % (found.name, head.data_set_offset)
    yield from _meta(bytes(taken[head.meta_offset : head.data_set_offset]), head, value_columns)
    yield "#"
    start = 0 if found.deflated else head.data_set_offset
    reader = events.Reader(found, _LOOKED_AT, inflate=inflate, inflate_limit=inflate_limit, start=start)
    error = None
    try:
        yield from data_set(_joined(bytes(taken[head.data_set_offset :]), chunks), reader, value_columns)
    except DicomError as found_out:
        error = found_out
    for notice in head.notices + reader.notices:
        yield "# note: %s (at offset %d)" % notice
    if error is not None:
        raise error


def _meta(octets, head, value_columns):
    explicit = events.Reader(syntaxes.lookup(syntaxes.EXPLICIT_LITTLE), _LOOKED_AT, start=head.meta_offset)
    return data_set([octets], explicit, value_columns)


def data_set(chunks, reader, value_columns=72):
    """Yield the lines of the data set that `chunks` make up, read by `reader`, a reader.Reader."""
    printer = _Printer(reader, value_columns)
    for chunk in chunks:
        reader.feed(chunk)
        for event in reader.events():
            line = printer.line(event)
            if line is not None:
                yield line
    reader.finish()


def _joined(first, others):
    yield first
    yield from others


class _Printer:
    """Turns events into lines, and remembers what their meaning depends on."""

    def __init__(self, reader, value_columns):
        self._reader = reader
        self._columns = value_columns
        self._indent = ""
        self._scopes = [((), {})]  # of the data set and each item open: its character sets, its private creators
        self._counts = []  # items so far, of each sequence open
        self._long = None  # the announcement of a long value, until enough of it was seen
        self._seen = bytearray()

    def line(self, event):
        """Return the line for `event`, or None when it takes none."""
        return _LINES[type(event)](self, event)

    def _element(self, event):
        tag, vr, octets, _ = event
        if tag == element.SPECIFIC_CHARACTER_SET:
            self._scopes[-1] = text.terms(octets), self._scopes[-1][1]
        elif tag & 0x10000 and 0x10 <= tag & 0xFFFF <= 0xFF and len(self._scopes[-1][1]) < _CREATORS:
            self._scopes[-1][1][tag] = text.decode(octets, self._scopes[-1][0]).strip("\0 ")
        return (self._head(tag, vr, len(octets)) + self._value(vr, octets, False)).rstrip()

    def _value_began(self, event):
        self._long = event
        return None

    def _chunk(self, event):
        if self._long is None:
            return None
        self._seen.extend(event.view[: _LOOKED_AT - len(self._seen)])
        if len(self._seen) < _LOOKED_AT:
            return None
        tag, vr, length, _ = self._long
        line = self._head(tag, vr, length) + self._value(vr, bytes(self._seen), True)
        self._long = None
        self._seen = bytearray()
        return line

    def _sequence_began(self, event):
        line = self._head(event.tag, event.vr, event.length)
        self._indent += "  "
        self._counts.append(0)
        return line.rstrip()

    def _item_began(self, event):
        self._counts[-1] += 1
        line = "%sitem %d" % (self._indent, self._counts[-1])
        self._indent += "  "
        self._scopes.append((self._scopes[-1][0], {}))
        return line

    def _item_ended(self, event):
        self._indent = self._indent[:-2]
        self._scopes.pop()

    def _sequence_ended(self, event):
        self._indent = self._indent[:-2]
        self._counts.pop()

    def _fragments_began(self, event):
        line = self._head(event.tag, event.vr, element.UNDEFINED) + "in fragments"
        self._indent += "  "
        self._counts.append(-1)
        return line

    def _fragment_began(self, event):
        self._counts[-1] += 1
        count = self._counts[-1]
        return "%s%s of %d octets" % (self._indent, "fragment %d" % count if count else "offset table", event.length)

    def _nothing(self, event):
        return None

    def _head(self, tag, vr, length):
        shown = "undef" if length == element.UNDEFINED else str(length)
        start = "%s%s %s %6s  %s" % (self._indent, element.name(tag), vr, shown, self._name(tag))
        return start + " " * max(1, len(self._indent) + 24 + _KEYWORD_COLUMNS - len(start))

    def _name(self, tag):
        if not tag & 0x10000:
            return keywords.keyword(tag) or ("GroupLength" if tag & 0xFFFF == 0 else "?")
        if tag & 0xFFFF <= 0xFF:
            return "PrivateCreator"
        creator = self._scopes[-1][1].get(tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8)
        return "[%s]" % text.printable(creator) if creator else "?"

    def _value(self, vr, octets, is_cut):
        """Return what to show of a value whose beginning `octets` are."""
        if vr in _NUMBERS_ONLY:
            shown = "\\".join([_number(one, vr) for one in values.decode(octets[:256], vr, self._reader.little)])
            is_cut = is_cut or len(octets) > 256
        elif vr == "AT":
            shown = "\\".join([element.name(tag) for tag in values.decode(octets, vr, self._reader.little)])
        elif values.is_text(vr):
            shown = text.printable(text.decode(octets, self._scopes[-1][0], vr == "PN").rstrip("\0 "))
            if vr == "UI" and uid.name(shown) != shown:
                shown += " (%s)" % uid.name(shown)
        elif _is_plain_text(octets):
            shown = '"%s"' % text.decode(octets).rstrip("\0 ")
        else:
            shown = " ".join(["%02X" % octet for octet in octets[:64]])
            is_cut = is_cut or len(octets) > 64
        if len(shown) > self._columns or is_cut:
            shown = shown[: self._columns - 3] + "..."
        return shown


_LINES = {
    events.Element: _Printer._element,
    events.ValueBegan: _Printer._value_began,
    events.ValueEnded: _Printer._nothing,
    events.Chunk: _Printer._chunk,
    events.SequenceBegan: _Printer._sequence_began,
    events.SequenceEnded: _Printer._sequence_ended,
    events.ItemBegan: _Printer._item_began,
    events.ItemEnded: _Printer._item_ended,
    events.FragmentsBegan: _Printer._fragments_began,
    events.FragmentsEnded: _Printer._sequence_ended,
    events.FragmentBegan: _Printer._fragment_began,
    events.FragmentEnded: _Printer._nothing,
}


def _number(number, vr):
    if vr in ("FL", "OF"):
        return "%.7g" % number
    return "%.15g" % number if vr in ("FD", "OD") else str(number)


def _is_plain_text(octets):
    """Say whether octets of no known meaning are text all the same: printable ASCII, then perhaps padding."""
    octets = octets.rstrip(b"\0 ")
    if len(octets) < 2:
        return False
    for octet in octets:
        if not 0x20 <= octet <= 0x7E:
            return False
    return True
