"""Whether a way works is said when it is known, by whoever found out, and since when that is so."""

import pytest

from edge.box import load
from edge.spool import jobs
from edge.verbs import table
from edge.verbs.box import Box
from edge.verbs.verb import ENGINEER, Asker
from edge.ways.known import State, Ways
from edge.ways.lookout import Found
from tests.spool.data import Clock, open_spool, receive
from tests.support.process import free_port

UNTRIED = State(None, None, None)
ANSWERS, SILENT = Found(True, 1.0, None), Found(False, 50.0, "nobody listens there")


def destination(port=104):
    table = '[[destination]]\nname = "PACS"\nae_title = "PACS"\nhost = "127.0.0.1"\nport = %d\n' % port
    return load.parse(table, "edge.toml").config


@pytest.fixture
def clock():
    return Clock(100.0)


@pytest.fixture
def spool(tmp_path, clock):
    made = open_spool(tmp_path / "state", clock)
    yield made
    made.close()


@pytest.fixture
def ways(tmp_path, clock):
    return Ways(str(tmp_path / "watch" / "ways.json"), clock)


PACS = destination().destinations[0]


def deliver(spool, uid="1.2.3"):
    receive(spool, uid)
    (job,) = spool.jobs.claim("PACS", spool.now(), 1)
    spool.jobs.settle(job, jobs.SENT, spool.now(), 0)
    spool.jobs.link_works("PACS", spool.now())


def test_a_way_that_nobody_used_is_not_tried_yet_even_where_somebody_listens(ways, spool):
    assert ways.see(PACS, spool.jobs) == UNTRIED
    assert ways.see(PACS, spool.jobs, ANSWERS) == UNTRIED
    assert ways.see(PACS, spool.jobs, SILENT) == State(False, 50.0, "nobody listens there")
    assert ways.see(PACS, spool.jobs, ANSWERS) == UNTRIED


def test_what_a_test_found_behind_the_connection_counts_until_something_gets_through(ways, spool, clock):
    ways.tested(PACS, spool.jobs, "TLS: no certificate")
    assert ways.see(PACS, spool.jobs, ANSWERS) == State(False, 100.0, "TLS: no certificate")
    clock.now = 200.0
    deliver(spool)
    assert ways.see(PACS, spool.jobs, ANSWERS) == State(True, 200.0, None)


def test_a_way_that_works_is_up_since_it_did_and_again_when_it_answers_again(ways, spool, clock):
    deliver(spool)
    clock.now = 300.0
    deliver(spool, "1.2.4")
    assert ways.see(PACS, spool.jobs, ANSWERS) == State(True, 100.0, None)
    assert not ways.see(PACS, spool.jobs, Found(False, 310.0, "gone")).up
    assert ways.see(PACS, spool.jobs, Found(True, 320.0, None)) == State(True, 320.0, None)


def test_how_long_it_is_down_survives_a_restart(ways, spool, clock, tmp_path):
    spool.jobs.link_failed("PACS", 100.0, "rejected")
    assert ways.see(PACS, spool.jobs) == State(False, 100.0, "rejected")
    clock.now = 500.0
    again = Ways(str(tmp_path / "watch" / "ways.json"), clock)
    fresh = open_spool(tmp_path / "other", clock)
    assert again.see(PACS, fresh.jobs, ANSWERS) == State(False, 100.0, "rejected")
    fresh.jobs.link_failed("PACS", 510.0, "rejected again")
    assert again.see(PACS, fresh.jobs, ANSWERS) == State(False, 100.0, "rejected again")
    fresh.close()


def test_a_destination_that_moves_is_not_tried_yet(ways, spool, clock):
    spool.jobs.link_failed("PACS", 100.0, "rejected")
    assert ways.see(PACS, spool.jobs).up is False
    (moved,) = destination(11112).destinations
    assert ways.see(moved, spool.jobs) == UNTRIED
    clock.now = 130.0
    spool.jobs.link_failed("PACS", 130.0, "rejected here too")
    assert ways.see(moved, spool.jobs) == State(False, 130.0, "rejected here too")


def test_the_verb_test_tells_what_it_found(ways, spool):
    settings = destination(free_port())
    box = Box(settings, spool, None, ways=ways)
    who = Asker("anna", ENGINEER, "web")
    rows = list(table.ask(box, "test", {"destination": "PACS"}, who))
    (failed,) = [row for row in rows if row["ok"] is False]
    (told,) = [row for row in status(box, who)["destinations"]]
    assert (told["up"], told["error"]) == (False, failed["words"])


def status(box, who):
    answer = table.ask(box, "status", {}, who)
    while True:
        try:
            next(answer)
        except StopIteration as end:
            return end.value
