"""What is to be read in an object and not looked at: a report's content tree as text, a document that lies in it whole.

A report is kept as a tree with limits, whatever its maker wrote; a document passes through in pieces.

Source: PS3.3 A.45 (encapsulated documents), C.17.3 (SR document content); PS3.16 for the words of codes.
"""

import os
from collections import namedtuple

from edge.dicom import element, reader, text
from edge.dicom.errors import DicomError, LimitError, PeerError
from edge.spool.inflate import inflater

PDF = "application/pdf"
_PDF_BEGINS = b"%PDF-"
_DOCUMENT, _OCTETS, _MIME = 0x00420011, 0x00420015, 0x00420012
_CONTENT, _NAME, _VALUE_TYPE = 0x0040A730, 0x0040A043, 0x0040A040
_CODE, _CODE_VALUE, _MEANING = 0x0040A168, 0x00080100, 0x00080104
_MEASURED, _NUMBER, _UNITS = 0x0040A300, 0x0040A30A, 0x004008EA
_VALUES = (0x0040A120, 0x0040A121, 0x0040A122, 0x0040A123, 0x0040A124, 0x0040A160)
_PERSON = 0x0040A123
_TEXT_OCTETS = 1 << 16  # of one value
_MOST_ITEMS, _MOST_OCTETS = 2000, 1 << 18  # of a report; more is there in DICOM
_DEPTH = 64
_INFLATE_LIMIT = 1 << 30
_REFERENCES = {
    "IMAGE": "an image", "WAVEFORM": "a waveform", "COMPOSITE": "another object", "SCOORD": "a place in an image",
    "SCOORD3D": "a place in space", "TCOORD": "a time in a recording",
}  # fmt: skip

# An item of a report. name, said: str, what it is called and what it says; items: list of those below it
Item = namedtuple("Item", "name said items")
# A report. top: Item; is_whole: whether all of it is there
Report = namedtuple("Report", "top is_whole")


def is_report(sop_class):
    """Say whether a SOP class has a content tree that is to be read."""
    return sop_class.startswith("1.2.840.10008.5.1.4.1.1.88.")


def is_document(sop_class):
    """Say whether objects of a SOP class have a document in them."""
    return sop_class.startswith("1.2.840.10008.5.1.4.1.1.104.")


def _events(opened):
    known = opened.syntax
    inflate = inflater() if known.deflated else None
    source = reader.Reader(known, _TEXT_OCTETS, inflate=inflate, inflate_limit=_INFLATE_LIMIT, start=opened.offset)
    for chunk in opened.chunks():
        source.feed(chunk)
        yield from source.events()
    source.finish()


def extract(opened, path):
    """Write the document of a source.FileSource to a new file; return its octets. DicomError says why there is no PDF.

    A file that is not a PDF, whatever the object calls it, is not written: nothing on a volume is to run.
    """
    mime, length, found = "", None, None
    with open(path, "xb") as file:
        try:
            within = False
            for event in _events(opened):
                kind = type(event)
                if kind is reader.ValueBegan and event.tag == _DOCUMENT:
                    within, found = True, 0
                elif kind is reader.Chunk and within:
                    found += _piece(file, event.view, found)
                elif kind is reader.ValueEnded:
                    within = False
                elif kind is reader.Element:
                    if event.tag == _DOCUMENT:
                        found = _piece(file, event.value, 0)
                    elif event.tag == _MIME:
                        mime = bytes(event.value).decode("ascii", "replace").strip("\0 ")
                    elif event.tag == _OCTETS and len(event.value) == 4:
                        length = int.from_bytes(bytes(event.value), "little" if opened.syntax.little else "big")
            if not found or mime and mime.lower() != PDF:
                raise PeerError("the document in it is %s" % (mime or "empty"))
            if length is not None and found - 1 <= length < found:  # one octet is added where they are odd
                file.truncate(length)
                found = length
        except (DicomError, OSError):
            os.unlink(path)
            raise
    return found


def _piece(file, octets, at):
    if not at and bytes(octets[: len(_PDF_BEGINS)]) != _PDF_BEGINS:
        raise PeerError("the document in it does not begin as a PDF does")
    file.write(octets)
    return len(octets)


class _Node:
    """An item of the content tree that is open."""

    def __init__(self):
        self.name = self.kind = ""
        self.said = []
        self.units = ""
        self.items = []

    def item(self):
        """Return the Item."""
        said = self.said or [_REFERENCES[each] for each in (self.kind,) if each in _REFERENCES]
        words = ", ".join(said) + (" " + self.units if self.said and self.units else "")
        return Item(self.name, words, self.items)


def report(opened):
    """Return the Report in a source.FileSource, cut where it is longer than anybody reads on a page. DicomError."""
    tree = _Tree()
    try:
        for event in _events(opened):
            tree.take(event)
    except LimitError:
        tree.is_whole = False
    return Report(tree.nodes[0].item(), tree.is_whole)


class _Tree:
    """Takes the events of a report."""

    def __init__(self):
        self.nodes = [_Node()]
        self.is_whole = True
        self._path = []  # tags of the open sequences
        self._charsets = ()
        self._items = self._octets = 0

    def take(self, event):
        """Look at an event. LimitError where there is more than is kept."""
        kind = type(event)
        if kind is reader.SequenceBegan:
            self._path.append(event.tag)
        elif kind is reader.SequenceEnded:
            self._path.pop()
        elif kind is reader.ItemBegan and self._path == [_CONTENT] * len(self.nodes):
            self._items += 1
            if self._items > _MOST_ITEMS or len(self.nodes) > _DEPTH:
                self._end()
            self.nodes.append(_Node())
        elif kind is reader.ItemEnded and self._path and self._path == [_CONTENT] * (len(self.nodes) - 1):
            done = self.nodes.pop().item()
            self.nodes[-1].items.append(done)
        elif kind is reader.Element:
            self._note(event)
        elif kind is reader.ValueBegan and event.tag in _VALUES:
            self.is_whole = False

    def _end(self):
        while len(self.nodes) > 1:
            done = self.nodes.pop().item()
            self.nodes[-1].items.append(done)
        raise LimitError("the report is longer than a page takes")

    def _note(self, event):
        depth = len(self.nodes) - 1
        if self._path[:depth] != [_CONTENT] * depth:
            return
        node, inner, tag = self.nodes[-1], tuple(self._path[depth:]), event.tag
        if not inner and tag == element.SPECIFIC_CHARACTER_SET:
            self._charsets = text.terms(event.value)
        elif not inner and tag == _VALUE_TYPE:
            node.kind = self._text(event)
        elif not inner and tag in _VALUES:
            node.said.append(self._text(event))
        elif inner == (_NAME,) and tag == _MEANING:
            node.name = self._text(event)
        elif inner == (_CODE,) and tag == _MEANING or inner == (_MEASURED,) and tag == _NUMBER:
            node.said.append(self._text(event))
        elif inner == (_MEASURED, _UNITS) and tag == _CODE_VALUE:
            node.units = self._text(event)

    def _text(self, event):
        self._octets += len(event.value)
        if self._octets > _MOST_OCTETS:
            self._end()
        words = text.decode(event.value, self._charsets, event.tag == _PERSON).strip("\0 ")
        if event.tag == _PERSON:
            from edge.media import sight

            return sight.person(words)
        return words
