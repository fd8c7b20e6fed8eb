"""Whatever a disk keeps of what was not synced: nothing that was acknowledged is lost, nothing torn is shown.

The spool works on a disk that is recorded; the record is cut between any two changes, and everything that POSIX allows
a file system to show after that is built, opened by the spool, and judged (see tests.crash.simulator). This is the
spool's order of things, in its weakest environment; the blocks below a real ext4, and SQLite's inside, are not it.
"""

import os

import pytest

from edge.spool.recovery import Recovered, Recovery
from edge.spool.spool import Spool
from tests.crash.oracle import dice
from tests.crash.simulator import judge, mutations, recording, scripts, sweep
from tests.support import tally

IS_LONG = "EDGE_TORTURE_SEED" in os.environ


def recorded(folder, script, *more):
    """Play a script on a recorded disk; return the Recorder."""
    folder.mkdir()
    recorder = recording.Recorder(folder)
    with recording.indexes_told():
        script(recorder, *more)
    return recorder


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """{script: its Recorder} of the scripts that are cut everywhere."""
    folder = tmp_path_factory.mktemp("recorded")
    return {each.__name__: recorded(folder / each.__name__, each) for each in (scripts.one_object, scripts.two_objects)}


@pytest.mark.parametrize("script", ["one_object", "two_objects"])
def test_nothing_acknowledged_is_lost_wherever_the_power_is_cut(records, memory_path, script):
    swept = sweep.Sweep(records[script], memory_path / "tree")
    swept.everywhere(thin=not IS_LONG or script != "one_object")
    print("%s: %d points, %d trees, %d of them different" % (script, *swept.tally))
    tally.note(times=swept.tally.judged, lost=0, partial=0, duplicates=0)
    assert swept.tally.points == len(records[script].changes) + 1
    assert swept.tally.judged > 5 * swept.tally.points


def test_nothing_acknowledged_is_lost_by_chance_through_several_crashes(memory_path):
    chance = dice()
    seed = chance.getrandbits(32)
    chance.seed(seed)
    rounds, cuts = (10, 400) if IS_LONG else (2, 30)
    judged = 0
    for number in range(rounds):
        folder, marks = memory_path / ("disk%d" % number), []
        for generation in range(3):
            try:
                if generation == 0:
                    recorder = recorded(folder, scripts.many, chance, "1.2.%d" % generation)
                else:
                    recorder = recording.Recorder(folder)
                    with recording.indexes_told():
                        scripts.many(recorder, chance, "1.2.%d" % generation)
                swept = sweep.Sweep(recorder, memory_path / "tree", marks)
                marks = swept.by_chance(chance, cuts)
            except judge.Broken as error:
                raise AssertionError("seed %d, round %d, crash %d: %s" % (seed, number, generation, error)) from error
            judged += swept.tally.judged
            folder = (memory_path / "tree").rename(memory_path / ("disk%d.%d" % (number, generation)))
    tally.note(times=judged, lost=0, partial=0, duplicates=0)
    print("by chance, seed %d: %d trees" % (seed, judged))
    assert judged > rounds * cuts


# Tests of the tests: what a worse spool would have left has to be found


@pytest.mark.parametrize("mutation", mutations.MUTATIONS)
def test_a_worse_spool_is_found_out_when(records, memory_path, monkeypatch, mutation):
    recorder = records["one_object"]
    changed = mutations.MUTATIONS[mutation](recorder.changes, recorder.paths)
    assert changed != recorder.changes
    monkeypatch.setattr(recorder, "changes", changed)
    with pytest.raises(judge.Broken):
        sweep.Sweep(recorder, memory_path / "tree").everywhere()


def test_a_recovery_that_leaves_torn_names_is_found_out(records, memory_path, monkeypatch):
    monkeypatch.setattr(Recovery, "look_through", lambda self, *_: Recovered(0, 0, 0))
    with pytest.raises(judge.Broken, match="files and index do not agree"):
        sweep.Sweep(records["one_object"], memory_path / "tree").everywhere()


def test_a_recovery_that_leaves_partial_files_is_found_out(records, memory_path, monkeypatch):
    original = Spool._open_folders

    def lazy(spool):
        unlink, spool.disk.unlink = spool.disk.unlink, lambda *_, **__: None
        original(spool)
        spool.disk.unlink = unlink

    monkeypatch.setattr(Spool, "_open_folders", lazy)
    with pytest.raises(judge.Broken, match="something is left of what was not finished"):
        sweep.Sweep(records["one_object"], memory_path / "tree").everywhere()
