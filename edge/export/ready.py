"""What stands in the way of an export, told before it begins: what cannot succeed is refused, what will do waits.

    check       of an order: MediaError for what cannot succeed, words for what whoever asks should know
    hindrance   of an export that is to begin: what it waits for, in words
"""

import os

from edge.export import choose, target
from edge.export.order import BURNER, ISO, USB
from edge.media import layout, span
from edge.media.errors import MediaError, NoDisc
from edge.spool import studies

_FIXED = 2 << 20  # of a volume, beside its objects
_MOST_PARTS = 200_000  # that are shared out to know how many volumes it takes


def check(spool, settings, order):
    """Return a list of words on an order.Order that can be made; MediaError where it cannot, as far as that is known.

    settings: config.Config.
    """
    found = [studies.get(spool.index, number) for number in _numbers(spool.index, order)]
    found = [each for each in found if each is not None]
    notes = _undated_words(spool.index, order)
    if order.kind == BURNER:
        words = _disc(order.place)
        if words:
            notes.append("it waits: " + words)
    elif order.kind == USB and order.formats:
        from edge.media import fat

        _check_room(found, fat.size(order.place), "the stick %s" % order.place)
        notes.append("the whole of %s is formatted: all that is on it is lost" % order.place)
    elif order.kind == USB:
        from edge.media import stick

        mount = stick.check(order.place)
        _check_room(found, _free(mount.folder), "the stick at %s" % mount.folder)
    else:
        _check_parent(spool, found, os.path.dirname(order.place))
    if order.kind in (BURNER, ISO):
        notes += _volumes(found, order)
    return notes + _arriving_words(_arriving(found, settings, spool.now()), settings, order)


def _numbers(index, order):
    """Return the numbers of the studies that are here; of an order that fetches there may be none."""
    if order.fetch_from is None:
        return choose.numbers(index, order)
    return studies.named(index, order.studies)


def _undated_words(index, order):
    """Return words on the studies that no date says anything of, where the order is of dates."""
    if order.since is None and order.until is None:
        return []
    count = studies.undated(index, order.studies, order.patient)
    what = "1 study without a Study Date is" if count == 1 else "%d studies without a Study Date are" % count
    return ["%s not among them: name each by its UID (`edge studies` shows it)" % what] if count else []


def _check_parent(spool, found, parent):
    if not os.path.isdir(parent):
        raise MediaError("there is no folder %s: make it, or choose another" % parent)
    if not os.access(parent, os.W_OK | os.X_OK):
        raise MediaError("the box may not write into %s: see to whom it belongs, or choose another folder" % parent)
    free = _free(parent)
    if os.stat(parent).st_dev == os.stat(spool.path).st_dev:
        free = min(free, max(0, spool.quota.spare()))  # what is left to the spool
    _check_room(found, free, parent)


def _free(folder):
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize


def _octets(found):
    return sum([series.octets for each in found for series in each.series])


def _check_room(found, free, where):
    needed = _octets(found)
    if needed > free:
        words = "it needs at least %d MB, and %s has %d MB for it: free some, choose another place, or export less"
        raise MediaError(words % (-(-needed >> 20), where, free >> 20))


def _volumes(found, order):
    """Return words on how many volumes it takes at least, where that is more than one."""
    if sum([each.objects for each in found]) > _MOST_PARTS or not found:
        return []

    def parts():
        for each in found:
            for series in each.series:
                for _ in range(series.objects):
                    yield span.Part(each.number, series.uid, series.octets // series.objects)

    count = len(span.Plan(parts(), layout.CAPACITIES[order.medium] - _FIXED).volumes)
    if count < 2:
        return []
    what = "discs, one after the other" if order.kind == BURNER else "images"
    more = "; the pictures of its viewer take up to as much again: --no-viewer" if order.viewer else ""
    return ["it takes %d or more %s (%s)%s" % (count, what, order.medium, more)]


def _disc(place):
    """Return in words what disc a burner lacks, or None; MediaError where it is no burner."""
    try:
        target.blank_disc(place)
    except NoDisc as error:
        return str(error)
    return None


# Studies that are still coming in


def _arriving(found, settings, now):
    """Return those studies.Study of which something came within the quiet time."""
    since = now - settings.media.quiet_min * 60
    return [each for each in found if (each.last or 0) > since]


def _arriving_words(found, settings, order):
    if not found:
        return []
    what = "study %s is" % found[0].uid if len(found) == 1 else "%d studies are" % len(found)
    how = "something came within the last %g min (quiet_min of [media])" % settings.media.quiet_min
    if order.wait:
        return ["%s still coming in: %s; it waits until nothing has come for so long" % (what, how)]
    late = "what comes after the export has begun is not on it; --wait has it wait"
    return ["%s still coming in: %s; %s" % (what, how, late)]


def hindrance(spool, settings, order):
    """Return (what an export waits for now in words, for how long yet in s or None), or None where it can begin."""
    if order.wait:
        now = spool.now()
        found = [studies.get(spool.index, number) for number in studies.named(spool.index, *_named(order))]
        coming = _arriving([each for each in found if each is not None], settings, now)
        if coming:
            left_s = max([each.last for each in coming]) + settings.media.quiet_min * 60 - now
            return "until nothing of it has come for %g min" % settings.media.quiet_min, left_s
    if order.kind == BURNER:
        try:
            words = _disc(order.place)
        except MediaError as error:
            words = str(error)
        if words:
            return words, None
    return None


def _named(order):
    return order.studies, order.patient, order.since, order.until
