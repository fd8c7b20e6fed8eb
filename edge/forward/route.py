"""Which destinations an object goes to: the configured routes, asked when the object has been received."""

from collections import namedtuple

# One rule. calling: AE titles that it is for, empty for everyone; to: names of destinations
Rule = namedtuple("Rule", ("calling", "to"))


class Router:
    """Answers the spool's question where an object goes; `rules` is a list of Rule, all that fit apply."""

    def __init__(self, rules):
        self._rules = [Rule(frozenset(calling), tuple(to)) for calling, to in rules]

    def __call__(self, facts):
        """Return the names of the destinations for an intake.Facts, each once; where there is none, why, as a str."""
        names = []
        for rule in self._rules:
            if not rule.calling or facts.source.calling in rule.calling:
                names += [name for name in rule.to if name not in names]
        if names:
            return names
        if not self._rules:
            return "no route is configured; add a [[route]], or send it by hand"
        return "no route takes objects from %s; add a [[route]] for it, or send it by hand" % (
            facts.source.calling or "a caller without an AE title"
        )
