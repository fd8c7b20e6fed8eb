"""Figures as a person reads them: octets, durations, instants, counts."""

import time

from edge.web.markup import el

_UNITS = ("B", "kB", "MB", "GB", "TB")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def octets(number):
    """Return a number of octets with a unit, as disks and links are sold: "1.4 GB"."""
    if number is None:
        return "unknown"
    value, unit = float(number), 0
    while abs(value) >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return ("%d" if unit == 0 or value >= 99.5 else "%.1f") % value + "\u00a0" + _UNITS[unit]


def rate(octets_per_s):
    """Return a rate: "3.2 MB/s"; nothing is "nothing moves"."""
    return "nothing moves" if not octets_per_s else octets(octets_per_s) + "/s"


def span(seconds):
    """Return a duration in its two largest units: "3 h 12 min"."""
    seconds = max(0, int(seconds))
    if seconds < _MINUTE:
        return "%d s" % seconds
    if seconds < _HOUR:
        return "%d min" % (seconds // _MINUTE)
    if seconds < _DAY:
        hours, rest = divmod(seconds, _HOUR)
        return "%d h %d min" % (hours, rest // _MINUTE) if rest >= _MINUTE else "%d h" % hours
    days, rest = divmod(seconds, _DAY)
    if days >= 90:
        return "%d days" % days
    return "%d d %d h" % (days, rest // _HOUR) if rest >= _HOUR and days < 10 else count(days, "day")


def instant(at):
    """Return a time in full, as this box's clock has it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def when(at, now=None, never="never"):
    """Return a time as Markup: how long ago or ahead, with the time in full behind it.

    It says minutes, not seconds, so that a page that is looked at does not flicker.
    """
    if not at:
        return never
    gone = (time.time() if now is None else now) - at
    if gone >= _MINUTE:
        words = span(gone) + " ago"
    elif gone >= 0:
        words = "just now"
    elif gone > -_MINUTE:
        words = "in a moment"
    else:
        words = "in " + span(-gone)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(at))
    return el("time", words, datetime=stamp, title=instant(at))


def count(number, noun, nouns=None):
    """Return a number with its noun: "1 object", "12,300 objects"."""
    if number == 1:
        return "1 " + noun
    return "%s %s" % (figure(number), nouns or noun + "s")


def figure(number):
    """Return a whole number with its thousands apart."""
    return "{:,}".format(number)
