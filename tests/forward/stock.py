"""A spool with objects in it that wait for destinations, and workers that bring them there."""

from contextlib import contextmanager

from edge.demo import phantom
from edge.forward import worker
from edge.forward.dicom import DicomTarget
from edge.net import outbound
from edge.spool.intake import Source
from edge.spool.jobs import NORMAL
from edge.spool.spool import Spool
from tests.support.process import wait_until

FIRST_S, CAP_S, TRIES = 0.05, 0.2, 4  # of the retries: short enough for a test

TERMS = outbound.Terms(2000, 2000, 131072)


@contextmanager
def opened(folder):
    """A Spool in `folder`, closed at the end."""
    spool = Spool.open(str(folder))
    try:
        yield spool
    finally:
        spool.close()


def put(spool, made, *names, calling="CT1", priority=NORMAL):
    """Take a phantom in for the destinations called `names`; return its number."""
    arrival = spool.intake.begin(
        made.sop_class, made.sop_instance, made.transfer_syntax, Source(calling, "EDGE", "127.0.0.1"), priority=priority
    )
    arrival.write(made.data_set)
    return arrival.commit(lambda facts: list(names)).object_id


def slices(count, seed=1, size=32, **options):
    """`count` small CT phantoms of one study."""
    head = phantom.study("CT", seed)
    return [phantom.ct(head, number + 1, count, size=size, **options) for number in range(count)]


def put_long(spool, octets, *names):
    """Take in a CT whose pixels are so many octets long that no phantom is; return the UID it has."""
    made = phantom.ct(phantom.study("CT", 9), size=32)
    head = made.data_set[: made.pixels.start - 4] + octets.to_bytes(4, "little")
    arrival = spool.intake.begin(
        made.sop_class, made.sop_instance, made.transfer_syntax, Source("CT1", "EDGE", "127.0.0.1")
    )
    arrival.write(head)
    for at in range(0, octets, 1 << 20):
        arrival.write((at >> 20).to_bytes(2, "little") * (min(1 << 20, octets - at) // 2))
    arrival.commit(lambda facts: list(names))
    return made.sop_instance


@contextmanager
def working(spool, name, *targets, first_s=FIRST_S, cap_s=CAP_S, tries=TRIES, **manner):
    """A Worker for the destination `name` while the block lasts, with as many associations as targets."""
    running = worker.Worker(spool, name, targets, *worker.schedules(first_s, cap_s, tries), **manner)
    running.start()
    try:
        yield running
    finally:
        running.stop()
        running.join(5)


def to(port, called="ARCHIVE", terms=TERMS, compress=None):
    """A DicomTarget on this machine."""
    return DicomTarget("127.0.0.1", port, called, "EDGE", terms, compress)


def count(spool, name, state):
    """How many jobs of a destination are in a state."""
    return spool.jobs.counts().get(name, {}).get(state, (0, 0))[0]


def await_count(spool, name, state, wanted, limit_s=20):
    """Wait until so many jobs of a destination are in a state."""
    try:
        wait_until(lambda: count(spool, name, state) >= wanted, limit_s, f"{wanted} jobs {state}")
    except TimeoutError:
        raise TimeoutError(f"{spool.jobs.counts()}, {spool.jobs.link(name)}, {jobs(spool, name)[:3]}") from None


def jobs(spool, name):
    """The JobRows of a destination."""
    return spool.jobs.listing(None, name)[0]


def job_of(spool, name, number):
    """The JobRow of one object."""
    return next(row for row in spool.jobs.of_object(number) if row.destination == name)
