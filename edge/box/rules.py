"""What the conditions of a rule in the configuration come to, as conditions of morph."""

from edge.box import config
from edge.morph import match, path

_MODALITY = path.read("Modality")
_BODY_PART = path.read("BodyPartExamined")
_STATION = path.read("StationName")

_MAKE = {
    # field of config.CONDITIONS: function of its value, the match.Conditions for it
    "calling": lambda patterns: [match.like("calling AE title", "calling", patterns)],
    "called": lambda patterns: [match.like("called AE title", "called", patterns)],
    "address": lambda networks: [match.address(networks)],
    "sop_class": lambda uids: [match.sop_class(uids)],
    "modality": lambda patterns: [match.fits(_MODALITY, patterns)],
    "body_part": lambda patterns: [match.fits(_BODY_PART, patterns)],
    "station": lambda patterns: [match.fits(_STATION, patterns)],
    "where": lambda tables: [each for table in tables for each in _tests(dict(table))],
    "hours": lambda spans: [match.hours(spans)],
    "weekdays": lambda days: [match.weekdays([day for group in days for day in group])],
}


def _tests(table):
    """Return the match.Conditions of one table of `where`."""
    element = table["tag"]
    made = []
    for name, make in (
        ("is", match.equals),
        ("is_not", match.differs),
        ("like", match.fits),
        ("unlike", match.unlike),
        ("present", match.present),
    ):
        if name in table:
            made.append(make(element, table[name]))
    if "at_least" in table or "at_most" in table:
        made.append(match.within(element, table.get("at_least"), table.get("at_most")))
    return made


def conditions(rule):
    """Return the match.Conditions of a rule, a named tuple that has the fields of config.CONDITIONS."""
    found = []
    for key in config.CONDITIONS:
        value = getattr(rule, key.field)
        if value:
            found += _MAKE[key.field](value)
    return tuple(found)

