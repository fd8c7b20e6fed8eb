"""By what a de-identified export is made so: the same engine and key as a destination's."""

from edge.media.errors import MediaError
from edge.ways import stages


def stages_of(settings, order):
    """Return the stages by which an order.Order is de-identified, if it is; MediaError where nothing says how."""
    if not order.deidentify:
        return ()
    name = settings.media.deidentify_as
    found = [each for each in settings.identities if name is None or name in each.to]
    if not found:
        raise MediaError("no [[deidentify]] says how and with which key: add one for a destination")
    if len(found) > 1:
        raise MediaError("there are %d [[deidentify]]: say with deidentify_as of [media] which counts" % len(found))
    return (stages.identity(found[0]),)
