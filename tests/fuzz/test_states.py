"""The state table walked in both roles, by every step there is and by chance: all of it is covered, and printed."""

import os

import pytest

from edge.protocol import states
from tests.crash.oracle import dice
from tests.fuzz import walking
from tests.fuzz.walking import ROLES, TABLE, WAYS, Walker
from tests.support import tally

WALKS = 20000 if "EDGE_TORTURE_SEED" in os.environ else 5000
LONGEST = 25


def at(role, state, seen):
    """Return a Walker that has come to this state."""
    walker = Walker(role, seen)
    for step in WAYS[role][state]:
        walker.step(step)
    assert walker.state == state == walker.engine.state()
    return walker


def walk_everywhere(seen):
    """Take every step in every state of both roles."""
    for role in ROLES:
        for state in WAYS[role]:
            for step in walking.steps():
                is_other_role = step[0] == "own" and step[1] == (
                    states.EVT_ASSOCIATE_REQUEST if role == "acceptor" else states.EVT_TRANSPORT_INDICATION
                )
                if not (is_other_role and state == states.IDLE):
                    at(role, state, seen).step(step)


def test_every_step_of_the_table_is_what_the_standard_draws_in_both_roles():
    seen = {}
    walk_everywhere(seen)
    print(walking.coverage(seen))
    missing = walking.expected() - seen.keys()
    assert not missing, sorted(missing)
    assert {(event, state) for _, event, state in seen} == set(TABLE)


@pytest.mark.parametrize("role", ROLES)
def test_no_walk_leaves_the_table(role):
    chance = dice()
    seed = chance.getrandbits(32)
    chance.seed(seed)
    steps, seen, taken = walking.steps(), {}, 0
    # Most should come far: what ends an association is one step among many
    kind = [8 if step[0] in ("own", "pdu", "halves") else 1 for step in steps]
    for _ in range(WALKS):
        begun = chance.choice([state for state in WAYS[role] if state != states.IDLE])
        walker, path = at(role, begun, seen), list(WAYS[role][begun])
        for _ in range(chance.randrange(LONGEST)):
            if walker.is_over:
                break
            known = [key for key in TABLE if key[1] == walker.state]
            if chance.random() < 0.6 and known:
                event = chance.choice(known)[0]
                fitting = [step for step in steps if step[0] in ("own", "pdu", "halves") and step[1] == event]
                step = chance.choice(fitting) if fitting else chance.choice(steps)
            else:
                step = chance.choices(steps, kind)[0]
            path.append(step)
            try:
                walker.step(step)
            except Exception as error:
                raise AssertionError("seed %d: %s breaks %s" % (seed, error, path)) from error
            taken += 1
    tally.note(times=taken)
    print("%s, seed %d: %d steps, %d of the table" % (role, seed, taken, len(seen)))
    assert len(seen) > 0.8 * len([key for key in walking.expected() if key[0] == role])


# A test of the tests


@pytest.mark.parametrize("key", [(10, 7), (12, 7), (6, 13), (16, 2), (13, 10), (9, 8), (19, 5)])
def test_a_table_with_one_wrong_step_is_found_out(monkeypatch, key):
    monkeypatch.setitem(states.TABLE, key, ("AA-8", 13) if states.TABLE[key][0] != "AA-8" else ("AA-6", key[1]))
    with pytest.raises(AssertionError):
        walk_everywhere({})
