"""What a STOW-RS server answers of each instance: the Store Instances Response Module, in JSON or in XML.

Source: PS3.18 10.5.3 and Annex I.2; PS3.18 F.2 (JSON), PS3.19 A.1 (Native DICOM Model, the XML).
"""

import json
from collections import namedtuple

_FAILED, _STORED = "00081198", "00081199"
_INSTANCE, _REASON, _WARNING = "00081155", "00081197", "00081196"
_DEPTH = 16

# stored: {SOP Instance UID: Warning Reason or None}; failed: {SOP Instance UID: Failure Reason or None}
Receipt = namedtuple("Receipt", ("stored", "failed"))


def read(body):
    """Return the Receipt in the octets of an answer's body; None where there is none that can be read."""
    octets = body.lstrip(b"\xef\xbb\xbf\r\n\t ")
    try:
        if octets[:1] in (b"{", b"["):
            found = _from_json(octets)
        elif octets[:1] == b"<":
            found = _from_xml(octets)
        else:
            return None
    except (ValueError, RecursionError):
        return None
    if found is None or not (found.stored or found.failed):
        return None
    return found


def _from_json(octets):
    found = json.loads(octets)
    if isinstance(found, list):
        found = found[0] if len(found) == 1 else None
    if not isinstance(found, dict):
        return None
    stored = [(_value(item, _INSTANCE), _number(_value(item, _WARNING))) for item in _items(found, _STORED)]
    failed = [(_value(item, _INSTANCE), _number(_value(item, _REASON))) for item in _items(found, _FAILED)]
    return _receipt(stored, failed)


def _receipt(stored, failed):
    return Receipt(
        {uid: code for uid, code in stored if isinstance(uid, str)},
        {uid: code for uid, code in failed if isinstance(uid, str)},
    )


def _values(item, tag):
    element = item.get(tag)
    found = element.get("Value") if isinstance(element, dict) else None
    return found if isinstance(found, list) else []


def _items(item, tag):
    return [each for each in _values(item, tag) if isinstance(each, dict)]


def _value(item, tag):
    found = _values(item, tag)
    if not found:
        return None
    return found[0].rstrip(" \0") if isinstance(found[0], str) else found[0]


def _number(value):
    """Return a reason as an int from 0 to FFFF; None where it is none."""
    try:
        code = int(value)
    except (TypeError, ValueError):
        return None
    return code if 0 <= code <= 0xFFFF else None


class _Elements:
    """Collects, while XML is read, what stands in the items of the two sequences."""

    def __init__(self):
        self.found = {_STORED: [], _FAILED: []}
        self._path = []  # tags of the DicomAttributes that are open
        self._words = None

    def start(self, name, attributes):
        """An element begins."""
        name = name.rpartition(":")[2]
        if name == "DicomAttribute":
            self._path.append(attributes.get("tag", "").upper())
            if len(self._path) > _DEPTH:
                raise ValueError("it is nested too deep")
        elif name == "Item" and len(self._path) == 1 and self._path[0] in self.found:
            self.found[self._path[0]].append({})
        elif name == "Value":
            self._words = ""

    def words(self, words):
        """Text comes."""
        if self._words is not None and len(self._words) < 256:
            self._words += words

    def end(self, name):
        """An element ends."""
        name = name.rpartition(":")[2]
        if name == "DicomAttribute":
            self._path.pop()
        elif name == "Value":
            if len(self._path) == 2 and self.found.get(self._path[0]):
                self.found[self._path[0]][-1].setdefault(self._path[1], self._words.strip(" \0\r\n\t"))
            self._words = None


def _from_xml(octets):
    from xml.parsers import expat

    elements = _Elements()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = elements.start, elements.end
    parser.CharacterDataHandler = elements.words
    parser.StartDoctypeDeclHandler = _no_document_type
    try:
        parser.Parse(octets, True)
    except expat.ExpatError as error:
        raise ValueError("it is no XML") from error
    stored = [(item.get(_INSTANCE), _number(item.get(_WARNING))) for item in elements.found[_STORED]]
    failed = [(item.get(_INSTANCE), _number(item.get(_REASON))) for item in elements.found[_FAILED]]
    return _receipt(stored, failed)


def _no_document_type(*declared):
    """Whoever declares entities means to have them multiply."""
    raise ValueError("it declares a document type")
