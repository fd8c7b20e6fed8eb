"""A queue of twenty thousand objects costs no more to use than one of a thousand: SQLite's steps are counted."""

import re

import pytest

from edge.box import load
from edge.spool import jobs, studies
from edge.spool.ledger import Ledger
from edge.spool.spool import Limits
from edge.verbs import table
from edge.verbs.box import Box
from edge.verbs.verb import VIEWER, Asker
from tests.spool import data
from tests.spool.data import after_crash, open_spool, receive

FEW, MANY = 1000, 20_000
NOBODY = Asker("", VIEWER, "test")
SETTINGS = load.parse('[[destination]]\nname = "PACS"\nae_title = "PACS"\nhost = "192.0.2.1"\n', "edge.toml").config
LIMITS = Limits(reserve_bytes=0)


def stocked(path, count):
    """A spool of `count` objects for PACS: delivered, waiting, deferred, held by themselves, held as a whole.

    All but the first are the first one's line in the journal with other names; the index is not told, it reads them.
    """
    spool = open_spool(path, limits=LIMITS)
    receive(spool, "1.2.3")
    (line,) = spool.journal.latest(1, ("object",))
    for number in range(2, count + 1):
        uid = "2.25.1%d" % (number * 7919 % 100_003)
        record = dict(line.record, id=number, uid=uid, path="x/%s.dcm" % uid)
        record["study"] = ["1.9.%d" % (number // 50), *line.record["study"][1:]]
        record["study"][3] = "A%d" % (number // 50)
        if number % 5 == 0:
            record["hold"] = [jobs.UNROUTED, "no route takes it"]
            record["jobs"] = []
        spool.journal.append("object", record, durable=False)
        outcome = {1: "delivered", 2: "deferred", 3: "held"}.get(number % 5)
        if outcome is not None:
            settled = {"id": number, "to": "PACS", "at": spool.now() + number, "tries": 1, "state": outcome}
            if outcome == "deferred":
                settled["due"] = spool.now() + 300 + number / 10**6
            spool.journal.append("job", settled, durable=False)
    spool.intake.last_id = count
    spool.index.drain()
    return spool


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    spools = [stocked(tmp_path_factory.mktemp("many") / "state", count) for count in (FEW, MANY)]
    yield spools
    for spool in spools:
        spool.close()


class Watch:
    """Counts the steps that SQLite's machine takes, and keeps the statements that it is given."""

    def __init__(self, spool):
        self._connection = spool.index._ledger._connection
        self.steps = 0
        self.statements = set()

    def __enter__(self):
        self._connection.set_progress_handler(self._step, 1)
        self._connection.set_trace_callback(self.statements.add)
        return self

    def _step(self):
        self.steps += 1

    def __exit__(self, *exception):
        self._connection.set_progress_handler(None, 0)
        self._connection.set_trace_callback(None)


def claim(spool):
    claimed = spool.jobs.claim("PACS", spool.now(), 16)
    assert len(claimed) == 16
    spool.jobs.give_back(claimed, spool.now())


def settle(spool):
    for outcome in (jobs.SENT, jobs.RETRY, jobs.REFUSED):
        for job in spool.jobs.claim("PACS", spool.now(), 8):
            spool.jobs.settle(job, outcome, spool.now(), 0xA700, "full", "the archive is full")
    spool.index.drain()


def listing(state):
    def first_pages(spool):
        rows, after = spool.jobs.listing(state, "PACS", None, 50)
        assert len(rows) == 50
        assert len(spool.jobs.listing(state, None, after, 50)[0]) == 50

    return first_pages


def come(spool):
    for number in range(8):
        receive(spool, "3.1.%d.%d" % (spool.intake.last_id, number))
    spool.index.drain()


def first_of(verb):
    def ask(spool):
        rows = table.ask(Box(SETTINGS, spool), verb, {}, NOBODY)
        for _ in range(100):
            next(rows)
        rows.close()

    return ask


def status(spool):
    for _ in table.ask(Box(SETTINGS, spool, list), "status", {}, NOBODY):
        pass


USES = {
    "claim": claim,
    "settle": settle,
    "list all": listing(None),
    "list what is open": listing(jobs.OPEN),
    "list what waits": listing("waiting"),
    "list what is held": listing("held"),
    "list what was delivered": listing("delivered"),
    "edge queue": first_of("queue"),
    "edge objects": first_of("objects"),
    "edge status": status,
    "counts": lambda spool: spool.jobs.counts(),
    "holds": lambda spool: spool.index.holds(),
    "keep house": lambda spool: spool.tidy(),
    "make room": lambda spool: spool.quota.room() and spool.index.done((0, 0), 64),
    "find what is not there": lambda spool: [spool.index.find("9.%d" % number) for number in range(30)],
    "come": come,
    "list studies": lambda spool: studies.listing(spool.index, limit=10),
    "list the next studies": lambda spool: studies.listing(spool.index, after=400, limit=5),
    "find a study by accession number": lambda spool: studies.listing(spool.index, WANTED, limit=10),
    "look at a study": lambda spool: studies.objects(spool.index, studies.get(spool.index, 100).number),
}
WANTED = studies.Wanted(accession="a3")
SCAN = re.compile(r"\bSCAN (?!CONSTANT ROW)(?P<table>\w+)(?! USING (COVERING )?INDEX)")


@pytest.mark.parametrize("use", USES)
def test_using_a_long_queue_takes_no_more_steps_than_using_a_short_one(two, use):
    steps = []
    for spool in two:
        USES[use](spool)  # what is done once, such as preparing statements, is not counted
        with Watch(spool) as watch:
            USES[use](spool)
        steps.append(watch.steps)
    few, many = steps
    assert many <= 1.1 * few + 100


@pytest.mark.parametrize("use", USES)
def test_no_question_to_a_long_queue_is_answered_by_going_through_a_table(two, use):
    spool = two[1]
    with Watch(spool) as watch:
        USES[use](spool)
    asked = [sql for sql in watch.statements if sql.split(None, 1)[0] in ("SELECT", "UPDATE", "DELETE")]
    for sql in asked:
        for row in spool.index._ledger.execute("EXPLAIN QUERY PLAN " + sql).fetchall():
            found = SCAN.search(row[3])
            assert found is None or found["table"] in ("place", "tallies", "destinations", "folders", "doomed"), sql
            assert "TEMP B-TREE" not in row[3], sql


def test_a_watch_sees_that_going_through_a_table_takes_more_steps(two):
    steps = []
    for spool in two:
        with Watch(spool) as watch:
            spool.index._ask("SELECT sum(size) FROM objects")
        steps.append(watch.steps)
    assert steps[1] > 10 * steps[0]


def lines_applied(monkeypatch, opens):
    """How many lines the index takes from the journal while `opens()` opens a spool; and that spool."""
    applied = []
    apply = Ledger.apply
    monkeypatch.setattr(Ledger, "apply", lambda ledger, lines: (applied.extend(lines), apply(ledger, lines)))
    spool = opens()
    monkeypatch.undo()
    return len(applied), spool


def test_after_a_stop_in_order_nothing_is_replayed_and_after_a_crash_only_what_was_not_applied(tmp_path, monkeypatch):
    spool = stocked(tmp_path / "state", 3000)
    spool.close()
    number, spool = lines_applied(monkeypatch, lambda: open_spool(spool.path, limits=LIMITS))
    assert number <= 2
    for number in range(10):
        receive(spool, "4.1.%d" % number)
    number, spool = lines_applied(monkeypatch, lambda: after_crash(spool))
    assert 0 < number <= 20
    assert spool.index.total()[0] == 3010
    spool.close()


def test_lines_made_for_a_long_queue_are_read_like_those_of_the_intake(tmp_path):
    spool = stocked(tmp_path / "state", 200)
    before = data.picture(spool)
    spool.index.rebuild()
    assert data.picture(spool) == before
    spool.close()
