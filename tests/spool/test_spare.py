"""The spare segment of the journal is made by any thread and taken by one, never both at once."""

import threading
import time

from edge.spool.journal import Journal
from edge.spool.spool import Limits, Spool


def test_lines_survive_while_other_threads_ask_for_a_spare(tmp_path):
    """Segments turn over all the time while four threads look after the spare, as every arriving object does."""
    limits = Limits(segment_bytes=64 << 10, reserve_bytes=0, reserve_files=0, journal_bytes=64 << 20)
    spool = Spool.open(tmp_path / "state", limits)
    journal, over = spool.journal, threading.Event()

    def look_after():
        while not over.is_set():
            if not journal.has_spare:
                journal.prepare()
            time.sleep(0)  # let go of the interpreter, or the line under way waits 5 ms for its turn

    others = [threading.Thread(target=look_after) for _ in range(4)]
    for each in others:
        each.start()
    written = [journal.append("remark", {"n": number, "fill": "x" * 3000}).sequence for number in range(2000)]
    over.set()
    for each in others:
        each.join()
    damages, read = [], []
    for number in range(journal.oldest, journal.last + 1):
        read += [line.sequence for line in journal.lines_of(number, damages) if line.kind == "remark"]
    assert damages == []
    assert read == written
    spool.close()


def test_a_spare_that_is_being_taken_is_not_made_anew(tmp_path, monkeypatch):
    spool = Spool.open(tmp_path / "state", Limits(segment_bytes=64 << 10, reserve_bytes=0, reserve_files=0))
    journal, asked = spool.journal, []
    take = Journal._take_spare

    def take_and_ask(self, name, first_line):
        self.has_spare = False  # as another thread sees it from now on
        asked.append(self.prepare())
        self.has_spare = True
        return take(self, name, first_line)

    monkeypatch.setattr(Journal, "_take_spare", take_and_ask)
    line = journal.append("remark", {"fill": "x" * 60000})
    line = journal.append("remark", {"fill": "y" * 60000})
    assert asked == [True] and line.sequence in [each.sequence for each in journal.lines_of(journal.last, [])]
    spool.close()
