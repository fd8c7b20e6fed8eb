"""The boot state: no power cut leaves neither the old state nor the new one, and tries count on trial only."""

import itertools
import os

import pytest

from edge.board import bootstate

COPY = bootstate.COPY_BYTES
OLD = bootstate.new(good=("A", "B"))


@pytest.fixture
def place(tmp_path):
    """The path of a boot state that holds OLD."""
    path = tmp_path / "bootstate"
    path.write_bytes(bytes(2 * COPY))
    bootstate.write(OLD, str(path), fresh=True)
    return str(path)


def writes(state, path, monkeypatch):
    """Write `state` and return [(offset, octets), ...]; each was synced before the next."""
    done = []

    def pwrite(fd, octets, offset, real=os.pwrite):
        done.append((offset, octets))
        return real(fd, octets, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", pwrite)
        patch.setattr(os, "fsync", lambda fd, real=os.fsync: (done.append("sync"), real(fd)))
        bootstate.write(state, path)
    assert done[1::2] == ["sync", "sync"]
    return done[::2]


def whole(octets):
    """What the octets of a partition are read as, but for the sequence number."""
    return bootstate._newest(bytes(octets))[0]._replace(sequence=0)


def torn(partition, offset, octets):
    """Every way in which a write of one copy is cut: behind each octet, and any sectors of it without the others."""
    for cut in range(len(octets) + 1):
        yield partition[:offset] + octets[:cut] + partition[offset + cut :]
    sectors = range(0, COPY, 512)
    for written in itertools.product((False, True), repeat=len(sectors)):
        result = bytearray(partition)
        for at, is_written in zip(sectors, written):
            if is_written:
                result[offset + at : offset + at + 512] = octets[at : at + 512]
        yield bytes(result)


@pytest.mark.parametrize("damaged", [None, 0, 1])
def test_a_write_that_is_cut_anywhere_leaves_the_old_state_or_the_new_one(place, monkeypatch, damaged):
    before = bytearray(open(place, "rb").read())
    if damaged is not None:
        before[damaged * COPY + 100] ^= 1
    with open(place, "wb") as file:
        file.write(before)
    want = bootstate.preferred(bootstate.judged(OLD, "B", False), "B")
    old, new = OLD._replace(sequence=0), want._replace(sequence=0)
    partition, seen = bytes(before), set()
    for offset, octets in writes(want, place, monkeypatch):
        for cut in torn(partition, offset, octets):
            found = whole(cut)
            assert found in (old, new)
            seen.add(found)
        partition = partition[:offset] + octets + partition[offset + COPY :]
        assert whole(partition) == new
    assert seen == {old, new}


def test_what_a_cut_write_left_is_written_anew_without_a_moment_of_weakness(place, monkeypatch):
    first = bootstate.preferred(bootstate.judged(OLD, "B", False), "B")
    partition = open(place, "rb").read()
    for offset, octets in writes(first, place, monkeypatch):
        for cut in (1, 700, COPY - 1):
            left = partition[:offset] + octets[:cut] + partition[offset + cut :]
            with open(place, "wb") as file:
                file.write(left)
            was = whole(left)
            again = bootstate.judged(bootstate.read(place), "B", True)
            for at, second in writes(again, place, monkeypatch):
                assert all(whole(each) in (was, again._replace(sequence=0)) for each in torn(left, at, second))
                left = left[:at] + second + left[at + COPY :]
        partition = partition[:offset] + octets + partition[offset + COPY :]


def test_a_state_of_which_nothing_is_whole_is_refused_in_words(place):
    with open(place, "wb") as file:
        file.write(os.urandom(2 * COPY))
    with pytest.raises(bootstate.BootstateError, match="neither copy of the boot state is whole"):
        bootstate.read(place)


def test_a_new_slot_is_on_trial_until_it_is_found_good():
    state = bootstate.preferred(bootstate.judged(OLD, "B", False), "B")
    assert state.on_trial and state.tries == bootstate.TRIES and bootstate.next_slot(state) == "B"
    good = bootstate.judged(state, "B", True)
    assert not good.on_trial and bootstate.next_slot(good) == "B" and bootstate.is_good(good, "A")


def test_a_trial_that_ran_out_leads_back():
    state = bootstate.preferred(bootstate.judged(OLD, "B", False), "B")._replace(tries=0)
    assert bootstate.next_slot(state) == "A"
    back = bootstate.judged(state, "B", False)
    assert (back.first, back.on_trial) == ("A", False)


def test_a_slot_that_was_good_needs_no_trial_when_it_is_preferred_again():
    assert bootstate.preferred(OLD, "B") == OLD._replace(first="B")


def test_the_words_of_rauc_are_understood(place):
    def say(*words):
        return bootstate.command(list(words), place)

    assert say("get-primary") == "A\n"
    assert say("set-state", "B", "bad") == "" and say("get-state", "B") == "bad\n"
    assert say("set-primary", "B") == "" and say("get-primary") == "B\n"
    assert say("set-state", "B", "good") == "" and say("get-state", "B") == "good\n"
    assert say("show").splitlines() == ["next: B", "nothing is on trial", "A: good", "B: good"]
    for wrong in (["get-state", "C"], ["set-state", "A", "fine"], ["format"], []):
        with pytest.raises(bootstate.BootstateError, match="understands get-primary"):
            say(*wrong)
