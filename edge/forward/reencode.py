"""The same data set in another uncompressed transfer syntax, on its way out: streamed, in the memory of a few values.

A deflated stream is inflated, and the rest is done by edge.dicom.rewriter: no element is added, and none is left out
but group lengths. The stored object is not touched.

Source: PS3.5 7.1 (explicit and implicit VR), 7.3 (byte order), 6.2.2 (UN), A.1, A.2, A.5.
"""

from edge.dicom import reader
from edge.dicom import syntax as syntaxes
from edge.dicom.errors import LimitError
from edge.dicom.rewriter import Rewriter
from edge.spool.inflate import inflater

# What a data set in each syntax can be turned into, best first
TARGETS = {
    syntaxes.EXPLICIT_LITTLE: (syntaxes.IMPLICIT_LITTLE,),
    syntaxes.IMPLICIT_LITTLE: (syntaxes.EXPLICIT_LITTLE,),
    syntaxes.EXPLICIT_BIG: (syntaxes.EXPLICIT_LITTLE, syntaxes.IMPLICIT_LITTLE),
    syntaxes.DEFLATED_LITTLE: (syntaxes.EXPLICIT_LITTLE, syntaxes.IMPLICIT_LITTLE),
}

OUTPUT_LIMIT_BYTES = 1 << 33  # of what a deflated data set may become
_INFLATED_BYTES = 65536  # at a time


def reencode(chunks, source, target, output_limit=OUTPUT_LIMIT_BYTES):
    """Yield the data set that `chunks` (an iterator of bytes-like objects) make up, in another transfer syntax.

    source, target: UIDs, the second one of TARGETS of the first. Each part that is yielded is good until the next.
    Raises PeerError when the data set cannot be read, or holds compressed pixels, LimitError when it is nested too deep
    or inflates to more than `output_limit` octets.
    """
    known = syntaxes.lookup(source)
    if known.deflated and target == syntaxes.EXPLICIT_LITTLE:
        return _inflated(chunks, output_limit)
    return _rewritten(chunks, known, syntaxes.lookup(target).explicit, output_limit)


def _inflated(chunks, output_limit):
    """Yield a deflated data set inflated, which is all that explicit little endian asks for."""
    inflate = inflater()
    made = 0
    for chunk in chunks:
        octets = inflate(chunk, _INFLATED_BYTES)
        while octets:
            made += len(octets)
            if made > output_limit:
                raise LimitError("the data set inflates to more than %d octets" % output_limit)
            yield octets
            octets = inflate(b"", _INFLATED_BYTES)
    inflate(None, 0)
    if made & 1:
        yield b"\0"


def _rewritten(chunks, known, explicit, output_limit):
    source = reader.Reader(
        known, inflate=inflater() if known.deflated else None, inflate_limit=output_limit if known.deflated else None
    )
    yield from Rewriter(source, explicit, keeps_fragments=False).rewrite(chunks)
