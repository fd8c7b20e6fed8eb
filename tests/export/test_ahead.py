"""Files read ahead of who looks at them: in order, with what went wrong, and no further than is wanted."""

import threading

import pytest

from edge.export.ahead import Ahead


def test_each_object_gets_its_own_answer_in_the_order_of_the_list():
    faults = {number: "object %d has rotted" % number if number % 3 == 0 else None for number in range(500)}
    with Ahead(faults.get, range(500)) as ahead:
        assert [ahead.next() for _ in range(500)] == list(faults.values())


def test_a_file_that_cannot_be_read_for_now_is_its_own_trouble_alone():
    def fault(number):
        if number == 1:
            raise OSError(24, "Too many open files")

    with Ahead(fault, range(3)) as ahead:
        assert ahead.next() is None
        with pytest.raises(OSError, match="Too many open files"):
            ahead.next()
        assert ahead.next() is None


def test_a_list_that_breaks_off_breaks_off_for_who_asks():
    def listing():
        yield 1
        raise ValueError("no line of a list")

    with Ahead(lambda number: None, listing()) as ahead:
        assert ahead.next() is None
        with pytest.raises(ValueError, match="no line of a list"):
            ahead.next()


def test_who_leaves_early_leaves_no_thread_and_no_reading_behind():
    seen = []
    with Ahead(seen.append, iter(range(1_000_000))) as ahead:
        ahead.next()
    assert len(seen) < 1000
    assert not any(each.name == "check" for each in threading.enumerate())
