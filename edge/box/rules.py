"""What the rules of the configuration come to: the conditions of routes and changes, and the changes, as morph's."""

from edge.box import rule_keys
from edge.morph import match, path
from edge.toml.kinds import toml

_MODALITY = path.read("Modality")
_BODY_PART = path.read("BodyPartExamined")
_STATION = path.read("StationName")

_MAKE = {
    # field of rule_keys.CONDITIONS: function of its value, the match.Conditions for it
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
    """Return the match.Conditions of a rule, a named tuple that has the fields of rule_keys.CONDITIONS."""
    found = []
    for key in rule_keys.CONDITIONS:
        value = getattr(rule, key.field)
        if value:
            found += _MAKE[key.field](value)
    return tuple(found)


class Unfit(Exception):
    """A change that could never be right. key: of its table; str() says what was expected and found."""

    def __init__(self, key, words):
        super().__init__(words)
        self.key = key


def change(rule):
    """Return the change.Rule of a config.Change; raises Unfit."""
    from edge.morph import change as changes  # only a box that changes something pays for it

    value = _value_of(rule)
    if rule.pattern is not None and rule.do != "replace":
        raise Unfit("pattern", 'it is for do = "replace", found do = %s' % toml(rule.do))
    try:
        return changes.rule(rule.tag, rule.do, value, rule.vr, conditions(rule), rule.record)
    except ValueError as unfit:
        raise Unfit("value" if rule.value is not None else "tag", str(unfit)) from None


def _value_of(rule):
    """Return what the action of a config.Change takes."""
    if rule.do == "delete":
        if rule.value is not None:
            raise Unfit("value", "delete takes none, found %s" % toml(rule.value))
        return None
    if rule.value is None:
        raise Unfit("do", "%s needs a value; it is missing" % rule.do)
    if rule.do in ("set", "default"):
        return rule.value
    if len(rule.value) != 1 or not isinstance(rule.value[0], str):
        raise Unfit("value", "%s takes one text, found %s" % (rule.do, toml(rule.value)))
    text = rule.value[0]
    if rule.do == "copy":
        try:
            return path.read(text)
        except ValueError as unfit:
            raise Unfit("value", "expected %s, found %s: %s" % (path.EXPECTED, toml(text), unfit)) from None
    if rule.do == "replace":
        if rule.pattern is None:
            raise Unfit("do", "replace needs a pattern; it is missing")
        return rule.pattern, text
    return text


def character_set(modality):
    """Return the change.Rule that names the character set of a config.Modality in what goes out; raises Unfit."""
    from edge.morph import change as changes

    try:
        element = path.read("SpecificCharacterSet")
        return changes.rule(element, changes.DEFAULT, modality.character_set, None, device(modality))
    except ValueError as unfit:
        raise Unfit("character_set", str(unfit)) from None


def device(modality):
    """Return the match.Conditions by which a device is known to be one of a config.Modality."""
    found = []
    for field in ("calling", "address"):
        if getattr(modality, field):
            found += _MAKE[field](getattr(modality, field))
    return tuple(found)
