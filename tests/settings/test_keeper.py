"""The configuration file: changed on trial, and back by itself unless somebody confirms."""

import os

import pytest

from edge.box import load
from edge.settings import keeper

BEFORE = '# the box\n[box]\nae_title = "ONE"\n'
AFTER = BEFORE.replace("ONE", "TWO")


class Box:
    """A running box, as the keeper sees it: it follows, or says why not."""

    def __init__(self):
        self.title = "ONE"
        self.refuses = None
        self.now = 1000.0

    def follow(self, loaded):
        if self.refuses:
            raise OSError(self.refuses)
        self.title = loaded.config.box.ae_title


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "edge.toml"
    found.write_text(BEFORE)
    return found


@pytest.fixture
def box():
    return Box()


@pytest.fixture
def kept(path, box):
    return keeper.Keeper(load.load(str(path)), box.follow, monotonic=lambda: box.now)


def test_a_change_that_is_confirmed_stays(kept, path, box):
    trial = kept.begin(AFTER, "anna", "another title")
    assert (path.read_text(), box.title) == (AFTER, "TWO")
    kept.confirm(trial.id, "otto")
    box.now += 1000
    assert not kept.tick()
    assert (path.read_text(), box.title, kept.trial) == (AFTER, "TWO", None)
    assert keeper.settle(load.load(str(path))).config.box.ae_title == "TWO"


def test_a_change_that_nobody_confirms_goes_back_when_its_time_is_over(kept, path, box):
    kept.begin(AFTER, "anna", "another title", within_s=60)
    box.now += 59
    assert not kept.tick()
    box.now += 1
    assert kept.tick()
    assert (path.read_text(), box.title, kept.trial) == (BEFORE, "ONE", None)
    assert [each.outcome for each in kept.history.versions()] == ["went back", "kept"]


def test_a_box_that_starts_within_a_trial_starts_with_what_was_before(kept, path):
    kept.begin(AFTER, "anna", "another title")
    assert keeper.settle(load.load(str(path))).config.box.ae_title == "ONE"
    assert path.read_text() == BEFORE
    path.write_text(AFTER)  # by hand, after it: no record is left that would undo it
    assert keeper.settle(load.load(str(path))).config.box.ae_title == "TWO"


def test_what_the_box_cannot_run_with_goes_back_at_once_and_says_why(kept, path, box):
    box.refuses = "port 104 is taken"
    with pytest.raises(keeper.Refusal, match="all is as it was: port 104 is taken"):
        kept.begin(AFTER, "anna", "another title")
    assert (path.read_text(), box.title, kept.trial) == (BEFORE, "ONE", None)
    assert keeper.settle(load.load(str(path))).text == BEFORE


def test_a_mistake_is_told_of_and_nothing_is_written(kept, path):
    with pytest.raises(load.ConfigError, match="line 3: .box. ae_title"):
        kept.begin(BEFORE.replace("ONE", "x" * 17), "anna", "another title")
    assert path.read_text() == BEFORE
    assert kept.history.versions() == []
    assert os.listdir(path.parent / "var" / "settings") == ["lock"]
