"""A thousand boxes and one archive that comes back: the box's own queue and schedules, and a clock that costs no time.

    python -m tests.link.fleet [--boxes N] [--seed N]

Each box is a destination of one real spool: what it has to send, when it may try, and how long it waits after a failure
is asked of edge.spool.jobs and edge.spool.retry, as the worker asks. Only the archive is made up: it is away for a
while, then it takes `associations` at a time, refuses whoever comes beyond these, and needs `service_s` for an object.
"""

import argparse
import heapq
import random
import tempfile
from collections import Counter, namedtuple

from edge.forward import worker
from edge.spool import jobs
from tests.forward import stock

FIRST_S, CAP_S, ATTEMPTS = 5, 600, 12  # as a destination has them that says nothing else
BATCH = 128
OUTAGES_S = (60, 600, 3600, 86400)

# How the archive is. outage_s: away from the first second on; associations: at a time; service_s: for one object
Archive = namedtuple("Archive", "outage_s associations service_s", defaults=(32, 1.0))
# What came of it. peak: most boxes that asked within one second, once it was back; open: most associations at a time;
# refusals: of associations, after it was back; tries: before; seconds: from its return until all queues were empty
Outcome = namedtuple("Outcome", "peak open refusals tries seconds")


class Fleet:
    """`boxes` queues in one spool, in a folder; run once."""

    def __init__(self, folder, boxes, objects=2, seed=1, jitter=None):
        self._folder = folder
        self._names = [f"box-{number}" for number in range(boxes)]
        self._objects = objects
        self._dice = random.Random(seed)
        schedules = worker.schedules(FIRST_S, CAP_S, ATTEMPTS)
        if jitter is not None:
            schedules = [each._replace(jitter=jitter) for each in schedules]
        self._object_schedule, self._link_schedule = schedules

    def run(self, archive):
        """Let every box find the archive gone in the same second; return the Outcome once all have drained."""
        with stock.opened(self._folder) as spool:
            for made in stock.slices(self._objects, size=16):
                stock.put(spool, made, *self._names)
            return self._simulate(jobs.Jobs(spool.journal, spool.index, self._dice.random), archive)

    def _simulate(self, queue, archive):
        began = 1_000_000.0
        back = began + archive.outage_s
        coming = [(began + self._dice.random(), number, name, None) for number, name in enumerate(self._names)]
        heapq.heapify(coming)
        asked, is_open, most_open, refusals, tries, last = Counter(), 0, 0, 0, 0, back
        while coming:
            now, number, name, batch = heapq.heappop(coming)
            if batch is not None:
                for job in batch:
                    queue.settle(job, jobs.SENT, now, 0, schedule=self._object_schedule)
                is_open -= 1
                last = now
            batch = queue.claim(name, now, BATCH, self._object_schedule)
            if not batch:
                continue
            if now >= back:
                asked[int(now)] += 1
            if now >= back and is_open < archive.associations:
                queue.link_works(name, now)
                is_open += 1
                most_open = max(most_open, is_open)
                heapq.heappush(coming, (now + len(batch) * archive.service_s, number, name, batch))
                continue
            refusals += now >= back
            tries += now < back
            queue.give_back(batch, now)
            why = "local limit exceeded" if now >= back else "no connection"
            link = queue.link_failed(name, now, why, self._link_schedule)
            heapq.heappush(coming, (link.until, number, name, None))
        left = [name for name, states in queue.counts().items() if states["delivered"][0] != self._objects]
        if left:
            raise RuntimeError(f"{len(left)} boxes never drained")
        return Outcome(max(asked.values()), most_open, refusals, tries, last - back)


def main():
    """Print a table of outages, with the jitter and without."""
    parser = argparse.ArgumentParser(prog="python -m tests.link.fleet", description=__doc__.partition("\n")[0])
    parser.add_argument("--boxes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print("outage s  jitter  most asking in a second  associations  refusals  tries while away  drained after s")
    for outage_s in OUTAGES_S:
        for jitter in (None, 0.0):
            with tempfile.TemporaryDirectory() as folder:
                came = Fleet(folder, asked.boxes, seed=asked.seed, jitter=jitter).run(Archive(outage_s))
            shown = "as is" if jitter is None else "none"
            print(
                f"{outage_s:8}  {shown:>6}  {came.peak:23}  {came.open:12}  {came.refusals:8}  {came.tries:16}  "
                f"{came.seconds:15.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
