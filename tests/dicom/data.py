"""What the tests of edge/dicom share: making small data sets, reading them, and catching errors."""

from edge.dicom import element, reader, syntax
from tests.support.inflate import inflater

IMPLICIT = syntax.lookup(syntax.IMPLICIT_LITTLE)
EXPLICIT = syntax.lookup(syntax.EXPLICIT_LITTLE)
BIG = syntax.lookup(syntax.EXPLICIT_BIG)
DEFLATED = syntax.lookup(syntax.DEFLATED_LITTLE)

# A data set of explicit VR little endian, deflated and padded to even length: Modality CT, Patient ID 4711, Rows 2
DEFLATED_OCTETS = bytes.fromhex("e3604860700e6662700e11605060f0f1676130313734d460106008058a3231000000")


def octets(text):
    """Return the octets that hexadecimal digits say, blanks between them ignored."""
    return bytes.fromhex(text.replace(" ", "").replace("\n", ""))


def one(tag, vr, value, explicit=True):
    """Return an element of little endian with the octets `value` as they are, odd or not."""
    return element.write(tag, vr, len(value), explicit) + value


def item(content, undefined=False):
    """Return an item of defined or undefined length."""
    if undefined:
        return element.write(element.ITEM, "", element.UNDEFINED) + content + end(element.ITEM_END)
    return element.write(element.ITEM, "", len(content)) + content


def sequence(tag, items, undefined=False, explicit=True):
    """Return a sequence of defined or undefined length; `items` are octets."""
    content = b"".join(items)
    if undefined:
        return element.write(tag, "SQ", element.UNDEFINED, explicit) + content + end(element.SEQUENCE_END)
    return element.write(tag, "SQ", len(content), explicit) + content


def end(tag):
    """Return a delimiter."""
    return element.write(tag, "", 0)


def big(little_octets):
    """Return an explicit little endian data set of plain text elements in big endian: heads swapped, values kept."""
    out = b""
    at = 0
    while at < len(little_octets):
        tag, vr, length, size = element.read(little_octets, at, len(little_octets) - at, True, True)
        head = bytes([tag >> 24, tag >> 16 & 0xFF, tag >> 8 & 0xFF, tag & 0xFF])
        if vr:
            head += vr.encode() + (b"\0\0" if size == 12 else b"")
        count = 4 if size == 12 or not vr else 2
        out += head + length.to_bytes(count, "big") + little_octets[at + size : at + size + length]
        at += size + length
    return out


def read(data_set, transfer_syntax, step=0, **limits):
    """Read a whole data set in chunks of `step` octets (0: one); return its events, long values joined, and notices."""
    if transfer_syntax.deflated:
        limits["inflate"] = inflater()
        limits.setdefault("inflate_limit", 100000)
    source = reader.Reader(transfer_syntax, **limits)
    found = []
    view = memoryview(data_set)
    step = step or max(1, len(data_set))
    for at in range(0, len(data_set), step):
        source.feed(view[at : at + step])
        for event in source.events():
            if isinstance(event, reader.Chunk):
                if not isinstance(found[-1], bytearray):
                    found.append(bytearray())
                found[-1].extend(event.view)
            else:
                found.append(event)
    source.finish()
    return [bytes(each) if isinstance(each, bytearray) else each for each in found], source.notices


def error_of(function, *arguments, **named):
    """Call `function`, which has to raise an exception; return it."""
    try:
        function(*arguments, **named)
    except Exception as error:
        return error
    return None
