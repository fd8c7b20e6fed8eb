"""Which presentation contexts to offer for some objects, and by which one each goes: pure functions (PS3.8 7.1.1.13).

Each SOP Class and each transfer syntax its objects are stored in gets a context of its own, so that the peer's choice
cannot force a conversion on objects it could have taken as they are. Beside them each SOP Class gets one context with
the uncompressed syntaxes that its objects could be re-encoded into, for a peer that takes them in no other way.
"""

from collections import namedtuple

from edge.forward import reencode
from edge.protocol import contexts

# What an association is opened for. wanted: list of (SOP Class, tuple of transfer syntaxes), a context each, at most
# contexts.MAXIMUM; pairs: set of (SOP Class, transfer syntax), which objects it serves
Offer = namedtuple("Offer", ("wanted", "pairs"))


def plan(pairs, before=()):
    """Return the Offer for `pairs`, a list of (SOP Class, transfer syntax): for as many of the first as there is room.

    `before`: pairs that were of use on an association before; they are offered again in the room that is left.
    """
    syntaxes = {}
    count = 0
    for sop_class, syntax in pairs:
        added = _added(syntaxes.get(sop_class, ()), syntax)
        if count + added > contexts.MAXIMUM:
            break
        count += _add(syntaxes, sop_class, syntax, added)
    for sop_class, syntax in before:
        added = _added(syntaxes.get(sop_class, ()), syntax)
        if count + added <= contexts.MAXIMUM:
            count += _add(syntaxes, sop_class, syntax, added)
    wanted = []
    for sop_class, own in syntaxes.items():
        wanted += [(sop_class, (syntax,)) for syntax in own]
        other = fallback(own)
        if other:
            wanted.append((sop_class, other))
    return Offer(wanted, {(sop_class, syntax) for sop_class, own in syntaxes.items() for syntax in own})


def _added(own, syntax):
    """Return how many contexts more it takes to serve `syntax` beside those in `own`, of the same SOP Class."""
    if syntax in own:
        return 0
    return 1 + bool(fallback((*own, syntax))) - bool(fallback(own))


def _add(syntaxes, sop_class, syntax, added):
    own = syntaxes.setdefault(sop_class, [])
    if syntax not in own:
        own.append(syntax)
    return added


def fallback(own):
    """Return the transfer syntaxes that objects stored in `own` could be re-encoded into, those in `own` left out."""
    found = []
    for syntax in own:
        for other in reencode.TARGETS.get(syntax, ()):
            if other not in own and other not in found:
                found.append(other)
    return tuple(found)


def choose(context_for, sop_class, syntax):
    """Return (context ID, transfer syntax) by which an object goes, its own syntax first; None when there is no way.

    context_for: function of (SOP Class, transfer syntax), the ID of an accepted context or None.
    """
    for way in (syntax,) + reencode.TARGETS.get(syntax, ()):
        context_id = context_for(sop_class, way)
        if context_id is not None:
            return context_id, way
    return None
