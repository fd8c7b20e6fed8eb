"""A queue of 200,000 objects on one box: what it costs to claim, settle and list, to start, and to sit there."""

import os
import shutil
import time

from edge.dicom import syntax
from edge.spool import jobs
from edge.spool.intake import Source
from edge.spool.spool import Limits, Spool
from tests.bench import material, measure
from tests.bench.table import Row
from tests.spool import data
from tests.support import dcmtk, process
from tests.support.service import Service, destination, route

FEW, MANY = 1000, 200_000
NAME = "archive"
OF_A_STUDY = 200
CLAIMED = 480  # in one round
AT_ONCE = 16
PAGE, PAGES = 100, 8
RATIO = 1 / 1.5
START_LIMIT_S = 3
_SOURCE = Source("CT1", "EDGE", "10.0.0.7")


def filled(path, count):
    """Open a Spool in `path` whose intake has taken in `count` small objects that wait for one destination."""
    spool = Spool.open(str(path), Limits(reserve_bytes=0))
    pattern = material.new_uid()
    octets = data.data_set(pattern, study=pattern)
    for number in range(count):
        if number % OF_A_STUDY == 0:
            study = material.new_uid()
        instance = material.new_uid()
        arrival = spool.intake.begin(data.CT, instance, syntax.EXPLICIT_LITTLE, _SOURCE)
        arrival.write(octets.replace(pattern.encode(), instance.encode(), 1).replace(pattern.encode(), study.encode()))
        arrival.commit(lambda facts: [NAME])
        spool.intake.keep_up()
    return spool


def worked(spool):
    """Do what a worker and a person do; return how many jobs were claimed, settled and listed in a second of CPU time.

    Nothing here waits for anybody, so that is all the time there is, whatever else this machine does meanwhile.
    """
    begun = time.thread_time()
    after = None
    for _ in range(PAGES):
        rows, after = spool.jobs.listing("waiting", NAME, after, PAGE)
        _check(len(rows), PAGE)
    listed = time.thread_time() - begun
    claiming = settling = 0.0
    for _ in range(CLAIMED // AT_ONCE):
        begun = time.thread_time()
        claimed = spool.jobs.claim(NAME, spool.now(), AT_ONCE)
        between = time.thread_time()
        _check(len(claimed), AT_ONCE)
        for job in claimed:
            spool.jobs.settle(job, jobs.SENT, spool.now(), 0)
        claiming += between - begun
        settling += time.thread_time() - between
    begun = time.thread_time()
    spool.journal.sync()
    spool.index.drain()
    settling += time.thread_time() - begun
    return CLAIMED / claiming, CLAIMED / settling, PAGE * PAGES / listed


def _check(found, wanted):
    if found != wanted:
        raise RuntimeError(f"the queue gave {found} jobs instead of {wanted}")


def scale(bench):
    """Work with a queue of 200,000 objects: operations against those of a queue of 1,000, start, memory."""
    many = MANY // bench.share
    folder = bench.fresh(bench.memory)
    spool = filled(folder / "state", many)

    def small():
        path = bench.fresh(bench.memory)
        few = filled(path, FEW)
        rates = worked(few)
        few.close()
        shutil.rmtree(path)
        return rates

    theirs, ours = measure.interleave(bench.rounds, small, lambda: worked(spool))
    left = many - bench.rounds * CLAIMED
    spool.close()
    rows = [
        Row("scale", f"{what} in a queue of {many:,}", "jobs/CPU s", f"of {FEW:,}", few, of_many, RATIO, True, "")
        for what, few, of_many in zip(("claim", "settle", "list"), theirs, ours)
    ]
    return rows + _starts(bench, folder, many, left)


def _starts(bench, folder, many, left):
    """Start a box on the queue, after a stop in order and after kill -9 in the midst of receiving; and look at it."""
    small, _ = bench.series("small")
    box = Service(folder, [destination(NAME, process.free_port())], [route(NAME)])
    seconds = {"in order": [], "kill -9": []}
    for _ in range(bench.rounds):
        seconds["in order"].append(_start_seconds(box))
        sender = dcmtk.start_sender(dcmtk.STORESCU, box.port, [small])
        process.wait_until(lambda: os.listdir(box.state_dir / "partial"), 30, "an object on its way", 0.001)
        box.kill()
        sender.communicate()
        seconds["kill -9"].append(_start_seconds(box))
        idle = measure.settled_memory(box.pid)
        waiting = box.status()["destinations"][0]["jobs"]["waiting"]
        if waiting < left:
            raise RuntimeError(f"{waiting} objects wait after the starts, {left} should")
        box.stop()
    shutil.rmtree(folder)
    rows = [
        Row("scale", f"from start to ready, {many:,} objects, after {how}", "s", "", None, min(each), START_LIMIT_S,
            False, "")
        for how, each in seconds.items()
    ]  # fmt: skip
    what, note = f"memory, idle with {many:,} objects", f"{idle.anonymous_bytes / 1e6:.1f} MB of it anonymous"
    rows.append(Row("scale", what, "MB", "", None, idle.rss_bytes / 1e6, None, False, note))
    return rows


def _start_seconds(box):
    begun = time.perf_counter()
    box.start()
    return time.perf_counter() - begun
