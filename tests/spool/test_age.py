"""How long jobs have waited, whatever their urgency and study, and in a long queue as fast as in a short one."""

from edge.spool.jobs import LOW, RETRY, SENT, URGENT
from tests.spool.data import data_set, receive


def older(spool, when, limit=100):
    return spool.jobs.older("PACS", when, limit)


def test_nothing_waits_where_nothing_came(spool, clock):
    assert older(spool, clock() + 1) == (0, None)


def test_jobs_that_wait_or_are_put_off_count_and_those_that_are_done_do_not(spool, clock):
    began = clock.now
    for number in range(6):
        uid = "1.2.%d" % number
        receive(spool, uid, data_set(uid, study="1.9.%d" % (number % 2)), priority=(URGENT, LOW)[number % 2])
        clock.now += 100
    assert older(spool, clock.now) == (6, began)
    assert older(spool, began + 250) == (3, began)
    first, second, *rest = sorted(spool.jobs.claim("PACS", clock.now, 10), key=lambda job: job.object_id)
    spool.jobs.settle(first, SENT, clock.now)
    spool.jobs.settle(second, RETRY, clock.now, 0xA700, "A700", "busy")
    spool.jobs.give_back(rest, clock.now)
    assert older(spool, began + 250) == (2, began + 100)
    assert older(spool, began) == (0, None)


def test_no_more_are_counted_than_asked_for(spool, clock):
    for number in range(8):
        receive(spool, "1.2.%d" % number)
    assert older(spool, clock.now + 1, 5)[0] == 5
