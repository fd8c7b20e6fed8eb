"""Whatever a stranger sends: an answer, or a refusal in words, in bounded time and memory, and never anything else.

EDGE_FUZZ_SECONDS is the time of each target, without it some thousand mutants will do; EDGE_TORTURE_SEED is the seed.
What broke something once lies in tests/fuzz/found/TARGET, and is tried for ever.
"""

import hashlib
import os
import resource
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.oracle import dice
from tests.fuzz import mutator
from tests.fuzz.targets import TARGETS
from tests.support import tally

SECONDS = float(os.environ.get("EDGE_FUZZ_SECONDS", "0"))
FOUND = Path(__file__).parent / "found"
HANGS_AFTER_S = 20
GROWTH_KB = 96 << 10


class Hang(BaseException):
    """It did not come back."""


@contextmanager
def limited():
    """Interrupt what does not come back."""

    def interrupt(number, frame):
        raise Hang("it did not come back within %d s" % HANGS_AFTER_S)

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(HANGS_AFTER_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def fed(name, octets):
    """Feed a target; AssertionError, with a file to try it again, where it does what it must not do."""
    target = TARGETS[name]
    try:
        with limited():
            target.run(octets)
    except target.refuses as error:
        assert str(error), "it was refused without a word"
    except (Exception, Hang) as error:
        kept = Path(os.environ.get("EDGE_FUZZ_FOUND", "/tmp")) / ("edge-fuzz-" + hashlib.sha1(octets).hexdigest()[:12])
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(octets)
        raise AssertionError("%s: %s: %s; see %s" % (name, type(error).__name__, error, kept)) from error


def corpus(name):
    """The seeds of a target, and what was found by it."""
    found = FOUND / name.replace(" ", "_")
    return TARGETS[name].seeds() + [path.read_bytes() for path in sorted(found.glob("*"))]


@pytest.mark.parametrize("name", TARGETS)
def test_any_octets_are_answered_or_refused_in_words(name):
    chance = dice()
    seed = chance.getrandbits(32)
    chance.seed(seed)
    seeds = corpus(name)
    for octets in seeds:
        fed(name, octets)
        fed(name, b"")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    number, end = 0, time.monotonic() + SECONDS
    while number < TARGETS[name].quick or time.monotonic() < end:
        for octets in mutator.mutants(seeds, TARGETS[name].words, chance, 100):
            fed(name, octets)
            number += 1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print("%s, seed %d: %d seeds, %d mutants, %d KB more" % (name, seed, len(seeds), number, grown))
    tally.note(times=number + len(seeds), memory_mb=grown / 1000)
    assert grown < GROWTH_KB, "%d KB more memory than for the corpus" % grown
