"""Which destinations an object goes to: the configured routes, asked when the object has been received."""

import time
from collections import namedtuple

from edge.dicom import syntax
from edge.morph import match

# One rule. conditions: match.Conditions, all of which have to hold; to: names of destinations; priority: of its jobs, a
# number as spool.jobs has them, None for what the sender said; final: whether no later rule is asked once it applies
Rule = namedtuple("Rule", ("conditions", "to", "priority", "final"))

# What came of one rule. applies: bool; asked: whether it was asked at all, or a final one came first; findings: list of
# match.Finding, one for each of its conditions
Verdict = namedtuple("Verdict", ("rule", "applies", "asked", "findings"))


def scene(facts, now):
    """Return the match.Scene of an intake.Facts at `now`, in seconds since 1970."""
    source = facts.source
    little = syntax.lookup(facts.transfer_syntax).little
    when = time.localtime(now)
    return match.Scene(source.calling, source.called, source.address, facts.sop_class, facts.values, little, when)


class Router:
    """Answers the spool's question where an object goes; rules: list of Rule, in their order; now: function, the time.

    wanted: tags that the rules ask for, which have to be among the values of the facts.
    """

    def __init__(self, rules, now=time.time):
        self._rules = list(rules)
        self._now = now
        self.wanted = frozenset().union(*[match.needed(rule.conditions) for rule in self._rules])

    def __call__(self, facts):
        """Return (name, priority) or the name of each destination for an intake.Facts, each once; or why there is none.

        The reason, a str, says nothing about a patient.
        """
        found = {}
        here = scene(facts, self._now())
        for rule in self._rules:
            if match.holds(rule.conditions, here):
                for name in rule.to:
                    found.setdefault(name, name if rule.priority is None else (name, rule.priority))
                if rule.final:
                    break
        if found:
            return list(found.values())
        if not self._rules:
            return "no route is configured; add a [[route]], or send it by hand"
        return "no route takes objects like this one from %s: `edge route FILE` says why; add a [[route]] for it, or" \
            " send it by hand" % (facts.source.calling or "a caller without an AE title")

    def explain(self, facts):
        """Return a Verdict for each rule, in their order."""
        here = scene(facts, self._now())
        verdicts = []
        is_over = False
        for rule in self._rules:
            findings = [match.judge(condition, here) for condition in rule.conditions]
            applies = not is_over and all([finding.holds for finding in findings])
            verdicts.append(Verdict(rule, applies, not is_over, findings))
            is_over = is_over or (applies and rule.final)
        return verdicts
