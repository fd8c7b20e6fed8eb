"""One way to every verb: arguments and roles are checked before anything is done, and what was done is written down."""

import pytest

from edge.verbs.verb import ENGINEER, OPERATOR, ROLES, VIEWER, Argument, Asker, Forbidden, Misused, Refused, Verb, ask


class Trail:
    def __init__(self):
        self.lines = []

    def write(self, who, verb, request, summary, failure):
        self.lines.append((str(who), verb, request, summary, failure))


class Box:
    def __init__(self):
        self.audit = Trail()
        self.events = None


def turn(box, request, who):
    if request["way"] == "away":
        raise Refused("it does not go that way")
    yield {"turned": request["way"]}
    return {"turns": request.get("times", 1)}


VERBS = {
    "turn": Verb(
        "turn",
        "turn the box",
        turn,
        OPERATOR,
        (
            Argument("way", "text", "Which way.", True),
            Argument("times", "number", "How often."),
            Argument("password", "secret", "A word."),
            Argument("speed", "choice", "How fast.", False, ("slow", "fast")),
        ),
        changes=True,
    )
}
OTTO = Asker("otto", OPERATOR, "web", "10.0.0.7")


def outcome(box, request, who=OTTO, name="turn"):
    rows, summary = [], None
    asked = ask(VERBS, box, name, request, who)
    while True:
        try:
            rows.append(next(asked))
        except StopIteration as end:
            summary = end.value
            return rows, summary


def test_rows_and_summary_come_back_and_the_change_is_written_down_without_its_secrets():
    box = Box()
    assert outcome(box, {"way": "left", "times": 2, "password": "hush"}) == ([{"turned": "left"}], {"turns": 2})
    shown = {"way": "left", "times": 2, "password": "(secret)"}
    assert box.audit.lines == [("otto (web at 10.0.0.7)", "turn", shown, {"turns": 2}, None)]


def test_what_was_refused_is_written_down_too():
    box = Box()
    with pytest.raises(Refused, match="does not go that way"):
        outcome(box, {"way": "away"})
    assert box.audit.lines[0][3:] == (None, "it does not go that way")


def test_who_may_not_is_told_the_role_that_may():
    box = Box()
    with pytest.raises(Forbidden, match="turn is for the role operator; you are viewer"):
        outcome(box, {"way": "left"}, Asker("vera", VIEWER, "web"))
    assert box.audit.lines == []


def test_every_role_may_do_what_those_before_it_may():
    assert ROLES == (VIEWER, OPERATOR, ENGINEER)
    assert [Asker("", role, "web").may(OPERATOR) for role in ROLES] == [False, True, True]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({}, "turn needs way: Which way"),
        ({"way": None}, "turn needs way"),
        ({"way": 3}, "way of turn: expected text"),
        ({"way": "left", "times": "2"}, "times of turn: expected a whole number"),
        ({"way": "left", "times": True}, "times of turn: expected a whole number"),
        ({"way": "left", "speed": "warp"}, "speed of turn: expected one of slow, fast"),
        ({"way": "left", "where": "up"}, "turn has no argument where; it takes: way, times, password, speed"),
        ({"way": "left", "file": 3}, "turn has no argument file"),
    ],
)
def test_what_a_verb_does_not_take_is_refused_in_words(request_, words):
    with pytest.raises(Misused, match=words):
        outcome(Box(), request_)


@pytest.mark.parametrize("name", ["spin", None, 3, ["turn"]])
def test_a_verb_that_is_not_there_is_refused_with_those_that_are(name):
    with pytest.raises(Misused, match="there are: turn"):
        outcome(Box(), {}, name=name)
