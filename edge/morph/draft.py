"""An object on its way out: its data set, and what else a change has to know; and the reading of it.

A stage is what changes objects for a destination: it has `prepare(draft)`, which reads through the data set as far as
it must to know that the result will be good, raises a DicomError in words when it will not be, and returns the changed
draft. Nothing was sent by then. Stages follow one another; the chunks of one are the next one's.
"""

from collections import namedtuple

from edge.dicom import element, reader, seek, skim
from edge.dicom import syntax as syntaxes
from edge.dicom.errors import LocalError
from edge.dicom.octets import swapped
from edge.morph import stream

# chunks: function that returns an iterator over the data set from its beginning, in pieces that are good until the
# next; syntax: UID of the transfer syntax they are in; sop_class, sop_instance: UIDs; calling, called, address: str, of
# the association by which the object came to the box, "" where that is not known; received: when that was, in seconds
# since 1970; nameless: whether nothing may be put into it that says from whom and when it came
Draft = namedtuple(
    "Draft",
    ("chunks", "syntax", "sop_class", "sop_instance", "calling", "called", "address", "received", "nameless"),
    defaults=(False,),
)

_ITEMS = 4096  # of a sequence that is looked at as a whole
OUTPUT_LIMIT_BYTES = 1 << 33  # of what a deflated data set may become


def laid(syntax):
    """Return the transfer syntax (a UID) in which data sets of `syntax` are written once they are changed.

    It is the same but for what is big endian or deflated, which becomes Explicit VR Little Endian.
    """
    if syntax in (syntaxes.EXPLICIT_BIG, syntaxes.DEFLATED_LITTLE):
        return syntaxes.EXPLICIT_LITTLE
    if syntaxes.lookup(syntax).deflated:
        raise LocalError("an object in %s cannot be changed" % syntaxes.lookup(syntax).name)
    return syntax


def opened(draft, inflater, value_limit=stream.VALUE_BYTES):
    """Return a reader.Reader for the data set of `draft`; inflater: function that returns an inflate function."""
    known = syntaxes.lookup(draft.syntax)
    if not known.deflated:
        return reader.Reader(known, value_limit)
    return reader.Reader(known, value_limit, inflate=inflater(), inflate_limit=OUTPUT_LIMIT_BYTES)


def rewritten(draft, inflater, editor, **options):
    """Yield the data set of `draft` as `editor` changes it; options: as stream.Rewriter takes them."""
    source = opened(draft, inflater)
    writer = stream.Rewriter(source, syntaxes.lookup(laid(draft.syntax)).explicit, editor, **options)
    yield from writer.rewrite(draft.chunks())


def originals(draft, inflater, editor, record, through):
    """Run the changes without sending what comes out; return what was changed, as stream.Rewriter has it.

    through: whether all of the data set has to be looked at, or only what stands before the pixels.
    """
    source = opened(draft, inflater)
    writer = stream.Rewriter(source, syntaxes.lookup(laid(draft.syntax)).explicit, editor, record=record)
    for chunk in draft.chunks():
        source.feed(chunk)
        for part in writer.parts():
            pass
        if not through and writer.last >= element.PIXEL_DATA:
            break
    else:
        source.finish()
    writer.finish()
    return writer.originals


def values(draft, inflater, wanted):
    """Return the raw values (tag -> octets) of those elements of the data set itself whose tags are in `wanted`.

    Places among them are looked for wherever they are, and are in what is returned as seek.Seek has them.
    """
    if not wanted:
        return {}
    places = [each for each in wanted if seek.is_place(each)]
    found = _sought(draft, inflater, places) if places else {}
    tags = [each for each in wanted if not seek.is_place(each)]
    return found | _skimmed(draft, inflater, tags) if tags else found


def _sought(draft, inflater, places):
    known = syntaxes.lookup(draft.syntax)
    inflate = inflater() if known.deflated else None
    looking = seek.Seek(known, places, stream.VALUE_BYTES, inflate, OUTPUT_LIMIT_BYTES)
    for chunk in draft.chunks():
        if looking.feed(chunk):
            break
    looking.finish()
    return looking.values


def _skimmed(draft, inflater, tags):
    known = syntaxes.lookup(draft.syntax)
    looking = skim.Skim(known, frozenset(tags), max(tags), inflater() if known.deflated else None)
    for chunk in draft.chunks():
        if looking.feed(chunk):
            break
    else:
        looking.finish()
    return looking.values


def items(draft, inflater, sequence, tags):
    """Return for each item of a sequence of the data set itself the raw values (tag -> octets) of those of `tags`.

    Numbers among them are in little endian. What is not whole, or too much to be looked at, is as if it was not there.
    """
    source = opened(draft, inflater)
    found = []
    depth = 0
    inside = False
    for chunk in draft.chunks():
        source.feed(chunk)
        for event in source.events():
            kind = type(event)
            if kind is reader.SequenceBegan:
                depth += 1
                inside = inside or depth == 1 and event.tag == sequence
            elif kind is reader.SequenceEnded:
                depth -= 1
                inside = inside and depth > 0
            elif inside and depth == 1 and kind is reader.ItemBegan and len(found) < _ITEMS:
                found.append({})
            elif inside and depth == 1 and kind is reader.Element and event.tag in tags:
                width = 1 if source.little else element.WIDTHS.get(event.vr, 1)
                found[-1][event.tag] = swapped(event.value, width)
            elif depth == 0 and kind in (reader.Element, reader.ValueBegan) and event.tag > sequence:
                return found
    return found
