"""Devices that nothing was heard of for too long: a cable, a title, a device that is out of order."""

from edge.forward.window import Window
from edge.morph import match
from edge.spool.health import Trouble

_STEP_S = 300  # how finely working hours are counted
_LONGEST_S = 92 * 86400  # that are looked back


def troubles(settings, seen, began, now):
    """Yield the Trouble of each [[modality]] of a config.Config that is silent for longer than it should be.

    seen: {(calling AE title, address): when it was last heard of}; began: since when the box runs; s since 1970.
    """
    for number, each in enumerate(settings.modalities):
        if each.silent_h is None:
            continue
        last = max([at for who, at in seen.items() if _is_of(each, *who)], default=began)
        window = Window(each.hours, each.weekdays)
        if worked_s(window, last, now, each.silent_h * 3600) >= each.silent_h * 3600:
            name = (each.calling or tuple(map(str, each.address)) or ("[[modality]] %d" % (number + 1),))[0]
            words = "nothing was heard of %s for %d h%s: see whether it is on, its cable, and the last associations"
            hours = " of its working time" if each.hours or each.weekdays else ""
            yield Trouble("silent " + name, last, words % (name, each.silent_h, hours))


def _is_of(modality, calling, address):
    from ipaddress import ip_address  # only a box that waits for a device pays for it

    if modality.calling and not any([match.is_like(calling, each) for each in modality.calling]):
        return False
    if not modality.address:
        return True
    try:
        return any([ip_address(address) in each for each in modality.address])
    except ValueError:
        return False


def worked_s(window, since, now, enough_s):
    """Return for how long a Window was open from `since` to `now`, counted back until that is enough."""
    if window.is_always():
        return max(0.0, now - since)
    worked, at = 0.0, now
    since = max(since, now - _LONGEST_S)
    while at > since and worked < enough_s:
        step = min(_STEP_S, at - since)
        if window.is_open(at - step / 2):
            worked += step
        at -= step
    return worked
