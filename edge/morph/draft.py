"""An object on its way out: its data set, and what else a change has to know; and the reading of it.

A stage is what changes objects for a destination: it has `prepare(draft)`, which reads through the data set as far as
it must to know that the result will be good, raises a DicomError in words when it will not be, and returns the changed
draft. Nothing was sent by then. Stages follow one another; the chunks of one are the next one's.
"""

from collections import namedtuple

from edge.dicom import element, reader, skim
from edge.dicom import syntax as syntaxes
from edge.dicom.errors import LocalError
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
    for chunk in draft.chunks():
        source.feed(chunk)
        yield from writer.parts()
    source.finish()
    yield writer.finish()


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


def values(draft, inflater, tags):
    """Return the raw values (tag -> octets) of those elements of the data set itself that are in `tags`."""
    if not tags:
        return {}
    known = syntaxes.lookup(draft.syntax)
    looking = skim.Skim(known, frozenset(tags), max(tags), inflater() if known.deflated else None)
    for chunk in draft.chunks():
        if looking.feed(chunk):
            break
    else:
        looking.finish()
    return looking.values
