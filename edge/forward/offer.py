"""Which presentation contexts to offer for some objects, and by which one each goes: pure functions (PS3.8 7.1.1.13).

Each SOP Class and each transfer syntax its objects are stored in gets a context of its own, so that the peer's choice
cannot force a conversion on objects it could have taken as they are. Beside them each SOP Class gets one context with
the uncompressed syntaxes that its objects could be re-encoded or decompressed into, for a peer that takes them in no
other way; and, where a destination is to be sent to compressed, one with that syntax, before all others.

The order in which an object goes: compressed as the destination is to have it, unless it was lossy before; as it was
received; uncompressed.
"""

import functools
from collections import namedtuple

from edge.dicom import syntax as syntaxes
from edge.forward import reencode
from edge.pixels import registry
from edge.protocol import contexts

# What an association is opened for. wanted: list of (SOP Class, tuple of transfer syntaxes), a context each, at most
# contexts.MAXIMUM; pairs: set of (SOP Class, transfer syntax), which objects it serves
Offer = namedtuple("Offer", ("wanted", "pairs"))


def plan(pairs, before=(), compress=None):
    """Return the Offer for `pairs`, a list of (SOP Class, transfer syntax): for as many of the first as there is room.

    `before`: pairs that were of use on an association before; they are offered again in the room that is left.
    compress: the transfer syntax that objects are to be sent in where that is possible, or None.
    """
    stored = {}
    count = 0
    for sop_class, syntax in pairs:
        added = _added(stored.get(sop_class, ()), syntax, compress)
        if count + added > contexts.MAXIMUM:
            break
        count += _add(stored, sop_class, syntax, added)
    for sop_class, syntax in before:
        added = _added(stored.get(sop_class, ()), syntax, compress)
        if count + added <= contexts.MAXIMUM:
            count += _add(stored, sop_class, syntax, added)
    wanted = []
    for sop_class, own in stored.items():
        wanted += [(sop_class, proposed) for proposed in _proposed(own, compress)]
    return Offer(wanted, {(sop_class, syntax) for sop_class, own in stored.items() for syntax in own})


def _proposed(own, compress):
    """Return the transfer syntaxes of each context for objects of one SOP Class that are stored in `own`."""
    found = [(syntax,) for syntax in own]
    if compress not in own and any([compress in ways(syntax, compress) for syntax in own]):
        found.insert(0, (compress,))
    other = fallback(own)
    if other:
        found.append(other)
    return found


def _added(own, syntax, compress):
    """Return how many contexts more it takes to serve `syntax` beside those in `own`, of the same SOP Class."""
    if syntax in own:
        return 0
    return len(_proposed((*own, syntax), compress)) - len(_proposed(own, compress))


def _add(stored, sop_class, syntax, added):
    own = stored.setdefault(sop_class, [])
    if syntax not in own:
        own.append(syntax)
    return added


def uncompressed(syntax):
    """Return the uncompressed transfer syntaxes that objects stored in `syntax` can be turned into, best first."""
    if syntax in reencode.TARGETS:
        return reencode.TARGETS[syntax]
    if syntaxes.lookup(syntax).encapsulated and registry.decodes(syntax):
        return syntaxes.EXPLICIT_LITTLE, syntaxes.IMPLICIT_LITTLE
    return ()


def fallback(own):
    """Return the transfer syntaxes that objects stored in `own` could be turned into, those in `own` left out."""
    found = []
    for syntax in own:
        for other in uncompressed(syntax):
            if other not in own and other not in found:
                found.append(other)
    return tuple(found)


@functools.cache
def ways(syntax, compress=None):
    """Return all transfer syntaxes in which an object stored in `syntax` may go, best first."""
    found = [syntax, *uncompressed(syntax)]
    codec = registry.of(syntax)
    if compress is not None and compress != syntax and codec is not None:
        if codec.lossless and registry.decodes(syntax) and registry.encodes(compress):
            found = [compress] + [each for each in found if each != compress]
    return tuple(found)


def choices(context_for, sop_class, syntax, compress=None):
    """Yield (context ID, transfer syntax) of every way an object may go there, best first.

    context_for: function of (SOP Class, transfer syntax), the ID of an accepted context or None.
    """
    for way in ways(syntax, compress):
        context_id = context_for(sop_class, way)
        if context_id is not None:
            yield context_id, way
