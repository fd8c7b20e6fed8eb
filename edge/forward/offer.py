"""Which presentation contexts to offer for some objects, and by which one each goes: pure functions (PS3.8 7.1.1.13).

Each SOP Class and each transfer syntax its objects are stored in gets a context of its own, so that the peer's choice
cannot force a conversion on objects it could have taken as they are. Beside them each SOP Class gets one context with
the uncompressed syntaxes that its objects could be re-encoded into, for a peer that takes them in no other way.
"""

from edge.forward import reencode
from edge.protocol import contexts


def plan(objects, present=()):
    """Return (wanted, served): the contexts to offer, and for how many of `objects`, from the first on, they suffice.

    objects: each with the attributes sop_class and syntax, UIDs; wanted: list of (SOP Class, tuple of transfer
    syntaxes), at most contexts.MAXIMUM, beginning with those for the first objects; `present`: list of (SOP Class, transfer
    syntax) that were of use before: they are offered again where there is room.
    """
    syntaxes = {}
    count = served = 0
    for each in objects:
        added = _added(syntaxes, each.sop_class, each.syntax)
        if count + added > contexts.MAXIMUM:
            break
        if added:
            syntaxes.setdefault(each.sop_class, []).append(each.syntax)
            count += added
        served += 1
    for sop_class, syntax in present:
        added = _added(syntaxes, sop_class, syntax)
        if added and count + added <= contexts.MAXIMUM:
            syntaxes.setdefault(sop_class, []).append(syntax)
            count += added
    wanted = []
    for sop_class, own in syntaxes.items():
        wanted += [(sop_class, (syntax,)) for syntax in own]
        other = fallback(own)
        if other:
            wanted.append((sop_class, other))
    return wanted, served


def _added(syntaxes, sop_class, syntax):
    """Return how many contexts more it takes to serve this pair as well."""
    own = syntaxes.get(sop_class, [])
    if syntax in own:
        return 0
    return 1 + bool(fallback(own + [syntax])) - bool(fallback(own))


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
