"""The journal: what is durable when, what many threads share, and what is left after the disk has refused."""

import os
import threading

import pytest

from edge.spool import errors, journal
from edge.spool.health import Health
from edge.spool.journal import Journal
from edge.spool.lines import Survey
from tests.spool.data import EIO, ENOSPC, Clock, FailingDisk, RecordingDisk
from tests.support import process

SEGMENT = 128 << 10


class Book:
    """A journal in a folder, with what it handed on."""

    def __init__(self, path, disk=None):
        self.disk = disk or FailingDisk()
        self.path = str(path)
        self.accepted = []
        self.health = Health(Clock())
        self.disk.close(self.disk.open_folder(self.path))
        self.survey = Survey(self.disk, self.path)
        self.journal = Journal(
            self.disk, self.path, self.survey, "spool", Clock(), self.accepted.extend, self.health, SEGMENT
        )

    def append(self, number, durable=True, **more):
        return self.journal.append("note", dict(more, n=number), durable)

    def numbers(self):
        """What the lines accepted so far say, in order."""
        return [line.record["n"] for line in self.accepted if line.kind == "note"]

    def reread(self):
        """(numbers, damages) as somebody finds them who opens the journal now, without having closed it."""
        survey = Survey(self.disk, self.path)
        numbers = [line.record["n"] for line in survey.lines() if line.kind == "note"]
        return numbers, survey.damages


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path / "journal")


def test_lines_are_read_back_in_order(book):
    for number in range(100):
        book.append(number)
    assert book.reread() == (list(range(100)), [])
    assert book.numbers() == list(range(100))


def test_a_durable_line_is_synced_before_append_returns(tmp_path):
    book = Book(tmp_path / "journal", RecordingDisk())
    del book.disk.calls[:]
    book.append(1)
    assert book.disk.calls == [("pwrite", "0000000001.log"), ("fdatasync", "0000000001.log")]


def test_a_line_nobody_waits_for_is_written_and_not_synced(tmp_path):
    book = Book(tmp_path / "journal", RecordingDisk())
    del book.disk.calls[:]
    book.append(1, durable=False)
    assert book.disk.calls == [("pwrite", "0000000001.log")]
    assert book.journal.synced_sequence < book.journal.sequence
    book.journal.sync()
    assert book.disk.calls[1:] == [("fdatasync", "0000000001.log")]
    assert book.journal.synced_sequence == book.journal.sequence


def test_the_names_of_a_folder_are_synced_before_the_line_that_relies_on_them(tmp_path):
    disk = RecordingDisk()
    book = Book(tmp_path / "journal", disk)
    folder = Folder(disk.open(str(tmp_path), os.O_RDONLY))
    del disk.calls[:]
    book.journal.append("note", {"n": 1}, folder=folder)
    assert [name for name, *_ in disk.calls] == ["fsync", "pwrite", "fdatasync"]


def test_appending_changes_neither_size_nor_blocks_of_the_segment(book, tmp_path):
    path = tmp_path / "journal" / "0000000001.log"
    before = path.stat()
    for number in range(50):
        book.append(number)
    assert (path.stat().st_size, path.stat().st_blocks) == (before.st_size, before.st_blocks)


def test_threads_that_commit_at_the_same_time_share_syncs(tmp_path):
    book = Book(tmp_path / "journal")
    syncs, first_is_in, others_queue = [], threading.Event(), threading.Event()
    fdatasync = book.disk.fdatasync

    def slow(fd):
        syncs.append(fd)
        if len(syncs) == 1:
            first_is_in.set()
            others_queue.wait(10)
        fdatasync(fd)

    book.disk.fdatasync = slow
    threads = [threading.Thread(target=book.append, args=(number,)) for number in range(9)]
    threads[0].start()
    assert first_is_in.wait(10)
    for thread in threads[1:]:
        thread.start()
    wait_until(lambda: len(book.journal._queue) == 8)
    others_queue.set()
    for thread in threads:
        thread.join(10)
    assert len(syncs) == 2
    assert sorted(book.reread()[0]) == list(range(9))


def test_many_threads_lose_nothing_and_keep_one_order(book):
    def write(base):
        for number in range(200):
            book.append(base + number, durable=number % 3 != 0)

    threads = [threading.Thread(target=write, args=(base * 1000,)) for base in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    book.journal.sync()
    numbers, damages = book.reread()
    assert damages == []
    assert len(numbers) == 1200
    assert numbers == book.numbers()
    for base in range(6):
        assert [number for number in numbers if number // 1000 == base] == list(range(base * 1000, base * 1000 + 200))


def test_a_full_segment_is_followed_by_another(book):
    for number in range(30):
        book.append(number, padding="x" * 20000)
    assert book.journal.last > 3
    assert book.reread() == (list(range(30)), [])


def test_lines_of_one_batch_may_fall_into_two_segments(book):
    for number in range(12):
        book.append(number, durable=False, padding="x" * 30000)
    book.journal.sync()
    assert book.reread() == (list(range(12)), [])


def test_a_journal_that_was_closed_goes_on_in_its_segment(book, tmp_path):
    book.append(1)
    book.journal.close()
    book.journal.let_go()
    again = Book(tmp_path / "journal")
    assert again.survey.clean
    again.append(2)
    assert again.journal.last == 1
    assert again.reread() == ([1, 2], [])


def test_a_journal_that_was_not_closed_goes_on_after_what_it_has(book, tmp_path):
    book.append(1)
    book.append(2, durable=False)
    again = Book(tmp_path / "journal")
    assert not again.survey.clean
    again.append(3)
    assert again.reread() == ([1, 2, 3], [])


def test_what_a_killed_process_has_not_synced_is_synced_before_anything_relies_on_it(book, tmp_path):
    book.append(1, durable=False)
    again = Book(tmp_path / "journal", RecordingDisk())
    assert ("fsync", "0000000001.log") in again.disk.calls


def test_a_journal_can_be_opened_on_a_full_disk(book, tmp_path):
    book.append(1)
    again = Book(tmp_path / "journal", NoNewBlocks())
    again.append(2, durable=False)
    again.append(3)
    assert again.journal.has_spare
    assert again.reread() == ([1, 2, 3], [])


def test_a_journal_whose_last_segment_cannot_be_written_goes_on_in_another(book, tmp_path):
    book.append(1)
    disk = FailingDisk()
    disk.failing = {"fsync": EIO}
    disk.where = lambda fd: os.readlink("/proc/self/fd/%d" % fd).endswith("0000000001.log")
    again = Book(tmp_path / "journal", disk)
    again.append(2)
    assert again.journal.last == 2
    assert again.reread() == ([1, 2], [])


@pytest.mark.parametrize("spare", [b"", bytes(1000), bytes(SEGMENT - 1) + b"x"])
def test_a_spare_segment_that_a_crash_left_half_made_is_made_anew(book, tmp_path, spare):
    (tmp_path / "journal" / "spare").write_bytes(spare)
    again = Book(tmp_path / "journal")
    assert again.journal.has_spare
    assert (tmp_path / "journal" / "spare").read_bytes() == bytes(SEGMENT)


def test_what_a_crash_tore_is_void_and_written_over(book, tmp_path):
    book.append(1)
    torn = book.append(2, durable=False)
    with open(tmp_path / "journal" / "0000000001.log", "r+b") as file:
        file.seek(torn.end - 5)
        file.write(bytes(5))
    again = Book(tmp_path / "journal")
    again.append(3)
    assert again.reread() == ([1, 3], [])


# The disk refuses


def test_a_failed_sync_refuses_the_line_and_nobody_ever_reads_it(book, tmp_path):
    book.append(1)
    book.disk.failing = {"fdatasync": EIO}
    with pytest.raises(errors.Degraded):
        book.append(2)
    book.disk.failing = {}
    book.append(3)
    assert book.numbers() == [1, 3]
    assert book.reread() == ([1, 3], [])
    assert book.health.degraded


def test_after_a_failed_sync_the_segment_is_never_trusted_again(book):
    book.append(1)
    fails = [EIO]
    fdatasync = book.disk.fdatasync

    def once(fd):
        if fails:
            raise OSError(fails.pop(), "injected")
        fdatasync(fd)

    book.disk.fdatasync = once
    with pytest.raises(errors.Degraded):
        book.append(2)
    book.append(3)
    assert book.journal.last == 2
    assert book.reread() == ([1, 3], [])


def test_outcomes_outlive_a_failed_sync(book):
    book.append(1)
    book.append(2, durable=False)
    book.disk.failing = {"fdatasync": EIO}
    book.append(3, durable=False)
    with pytest.raises(errors.Degraded):
        book.append(4)
    book.append(5, durable=False)
    with pytest.raises(errors.Degraded):
        book.journal.sync()
    book.disk.failing = {}
    book.journal.sync()
    assert book.reread() == ([1, 2, 3, 5], [])
    assert book.numbers() == [1, 2, 3, 5]


def test_an_outcome_is_never_refused_and_written_when_the_disk_takes_it_again(book):
    book.disk.failing = {"pwrite": EIO}
    for number in range(5):
        book.append(number, durable=False)
    assert book.numbers() == list(range(5))
    book.disk.failing = {}
    book.append(5)
    assert book.reread() == (list(range(6)), [])


def test_a_line_is_not_synced_before_it_is_written(book):
    book.disk.failing = {"pwrite": EIO}
    line = book.append(1, durable=False)
    assert line.sequence > book.journal.synced_sequence
    with pytest.raises(errors.Degraded):
        book.journal.sync()


def test_a_full_disk_is_no_space_and_not_a_broken_one(book):
    for _ in range(3):  # use up the segment and the spare
        book.append(0, padding="x" * 50000)
    book.disk.failing = {"pwrite": ENOSPC}
    book.disk.where = lambda fd, octets, offset: os.readlink("/proc/self/fd/%d" % fd).endswith("spare")
    refused = 0
    for number in range(1, 10):
        try:
            book.append(number, padding="x" * 50000)
        except errors.NoSpace:
            refused += 1
    assert refused
    assert [trouble.key for trouble in book.health.troubles()] == ["space"]
    book.disk.failing = {}
    book.append(10)
    assert not book.health.degraded
    assert book.reread()[0] == book.numbers()


def test_a_spare_segment_takes_outcomes_while_the_disk_is_full(book):
    book.disk.failing = {"open": ENOSPC}
    book.disk.where = lambda path, flags, *more, **named: flags & os.O_CREAT
    for number in range(4):
        book.append(number, padding="x" * 50000)
    assert book.journal.last == 2
    assert book.reread() == (list(range(4)), [])


def test_a_folder_that_cannot_be_synced_refuses_its_lines_only(tmp_path):
    book = Book(tmp_path / "journal")
    good, bad = (Folder(os.open(tmp_path, os.O_RDONLY)) for _ in range(2))
    book.disk.failing = {"fsync": EIO}
    book.disk.where = lambda fd: fd == bad.fd
    with pytest.raises(errors.Degraded):
        book.journal.append("note", {"n": 1}, folder=bad)
    book.journal.append("note", {"n": 2}, folder=good)
    assert not bad.trusted
    assert good.trusted
    assert book.reread() == ([2], [])


# Old segments, damage


def test_retired_segments_are_gone_and_not_missed(book, tmp_path):
    for number in range(20):
        book.append(number, padding="x" * 30000)
    last = book.journal.last
    book.journal.retire(last - 2)
    numbers, damages = book.reread()
    assert damages == []
    assert 0 < len(numbers) < 20
    assert numbers == list(range(20))[-len(numbers) :]
    book.journal.close()
    book.journal.let_go()
    assert Book(tmp_path / "journal").survey.damages == []


def test_a_segment_that_begins_while_others_are_retired_knows_of_it(book, tmp_path):
    for number in range(10):
        book.append(number, padding="x" * 30000)
    append = book.journal.append

    def busy(kind, record, *more, **named):
        line = append(kind, record, *more, **named)
        last = book.journal.last
        while book.journal.last == last:
            append("note", {"n": 0, "padding": "x" * 30000})
        return line

    book.journal.append = busy
    book.journal.retire(1)
    assert book.reread()[1] == []


def test_a_segment_whose_removal_was_cut_short_is_removed_when_the_journal_is_opened(book, tmp_path):
    for number in range(10):
        book.append(number, padding="x" * 30000)
    kept = (tmp_path / "journal" / "0000000001.log").read_bytes()
    book.journal.retire(1)
    (tmp_path / "journal" / "0000000001.log").write_bytes(kept)
    again = Book(tmp_path / "journal")
    assert again.survey.damages == []
    assert not (tmp_path / "journal" / "0000000001.log").exists()


def test_retired_segments_whose_removal_only_half_survived_are_not_missed(book, tmp_path):
    for number in range(20):
        book.append(number, padding="x" * 30000)
    kept = (tmp_path / "journal" / "0000000001.log").read_bytes()
    book.journal.retire(3)
    (tmp_path / "journal" / "0000000001.log").write_bytes(kept)
    assert book.reread()[1] == []


@pytest.mark.parametrize("missing", [1, 2])
def test_a_missing_segment_is_told(book, tmp_path, missing):
    for number in range(10):
        book.append(number, padding="x" * 40000)
    (tmp_path / "journal" / ("%010d.log" % missing)).unlink()
    assert book.reread()[1] == ["segment %d of the journal is missing" % missing]


def test_damage_in_an_old_segment_is_told_and_the_rest_is_read(book, tmp_path):
    for number in range(8):
        book.append(number, padding="x" * 40000)
    with open(tmp_path / "journal" / "0000000001.log", "r+b") as file:
        file.seek(60000)
        file.write(b"rotten")
    numbers, damages = book.reread()
    assert numbers == [0, 2, 3, 4, 5, 6, 7]
    assert len(damages) == 1
    assert "segment 1" in damages[0]


def test_a_journal_of_a_newer_edge_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "FORMAT", 99)
    Book(tmp_path / "journal")
    with pytest.raises(errors.Incompatible):
        Survey(FailingDisk(), str(tmp_path / "journal"))


def test_the_latest_lines_come_newest_first(book):
    for number in range(20):
        book.append(number, padding="x" * 30000)
    assert [line.record["n"] for line in book.journal.latest(6, ("note",))] == [19, 18, 17, 16, 15, 14]


class NoNewBlocks(FailingDisk):
    """A disk on which nothing can be made, only what is there be written over."""

    def __init__(self):
        super().__init__()
        self.failing = {"open": ENOSPC, "mkdir": ENOSPC}
        self.where = lambda path, flags, *more, **named: flags & os.O_CREAT


class Folder:
    """A folder as the journal knows it."""

    def __init__(self, fd):
        self.fd = fd
        self.trusted = True

    def distrust(self):
        self.trusted = False


def wait_until(condition):
    """Wait for a condition, ten seconds at most."""
    process.wait_until(condition, 10, "the others to queue")
