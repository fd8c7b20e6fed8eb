"""A box between a bad line and a good one, and the weather on the bad one: what test 11 and the bench look at."""

import contextlib
import hashlib
import re
import time
from collections import namedtuple

from edge.demo import phantom
from tests.forward import stock
from tests.support import process
from tests.support.archive import Archive
from tests.support.network import Network
from tests.support.service import Service, destination, route

TERMS = {"rate_bit_per_s": 512_000, "round_trip_ms": 300, "jitter_ms": 60, "loss_percent": 10}
CAP_S = 4
PATIENCE = {"connect_timeout_s": 3, "dimse_timeout_s": 3, "retry_first_s": 1, "retry_cap_s": CAP_S}
PORT = 11112
BAD, GOOD = "bad", "good"

# What the bad line cost. payload, on_wire: octets of the data sets, and of all packets; twice: octets of objects that
# arrived whole once more; tries: of objects, beyond the one that each needs; waits: s, of the backoff; seconds: until
# all had arrived
Cost = namedtuple("Cost", "payload on_wire twice tries waits seconds")


class Place:
    """The box, the archives BAD and GOOD at the ends of their lines, and what was given to the box."""

    def __init__(self, folder):
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self.sent = {}  # UID -> (SHA-256, size)
        self._batches = 0
        self.box = None

    def __enter__(self):
        with self._stack:
            network = self._stack.enter_context(Network())
            self.line = network.line(**TERMS)
            good = network.line(round_trip_ms=5)
            self.archives = {}
            for name, line in ((BAD, self.line), (GOOD, good)):
                with line.far():
                    archive = Archive(address=line.address, port=PORT)
                    self.archives[name] = self._stack.enter_context(archive)
            tables = [
                destination(BAD, PORT, host=self.line.address, **PATIENCE),
                destination(GOOD, PORT, host=good.address, **PATIENCE),
            ]
            self.box = Service(self._folder, tables, [route(BAD, GOOD)], state_dir=self._folder / "state")
            self._stack.callback(self.box.kill)
            self._near = network.near
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exception):
        self._stack.close()

    def _make(self, sizes):
        head = phantom.study("CT", self._batches)
        self._batches += 1
        for number, size in enumerate(sizes):
            made = phantom.ct(head, number + 1, len(sizes), size=size)
            self.sent[made.sop_instance] = hashlib.sha256(made.data_set).hexdigest(), len(made.data_set)
            yield made

    def fill(self, sizes):
        """Put objects of so many pixels a side into the queue, before the box is started."""
        with stock.opened(self.box.state_dir) as spool:
            for made in self._make(sizes):
                stock.put(spool, made, BAD, GOOD)

    def add(self, sizes):
        """Give the running box more objects."""
        folder = self._folder / f"more-{self._batches}"
        folder.mkdir()
        for made in self._make(sizes):
            phantom.save(made, folder)
        for name in (BAD, GOOD):
            self.box.edge("send", name, folder)

    def start(self):
        """Start the box, where the lines begin."""
        self.begun = time.monotonic()
        with self._near():
            self.box.start()

    def arrived(self, name):
        """How many objects have come to an archive, those that came twice once."""
        return len({each.sop_instance for each in list(self.archives[name].received)})

    def await_arrived(self, name, count, limit_s):
        """Wait until so many have."""
        try:
            process.wait_until(lambda: self.arrived(name) >= count, limit_s, f"{count} objects at {name}", 0.05)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.state(name)}\n{self.box.log()[-2000:]}") from None

    def state(self, name):
        """What the box says of a destination."""
        (found,) = [each for each in self.box.status()["destinations"] if each["name"] == name]
        return found

    def await_failure(self, limit_s=15):
        """Wait until the box has noticed that the bad line is down."""
        process.wait_until(lambda: self.state(BAD)["up"] is False, limit_s, "the box to notice", 0.1)

    def await_drained(self, name, limit_s):
        """Wait until the box has everything delivered to an archive."""
        self.await_arrived(name, len(self.sent), limit_s)

        def is_drained():
            return self.state(name)["jobs"]["delivered"] == len(self.sent)

        process.wait_until(is_drained, limit_s, f"{name} to be drained: {self.state(name)}", 0.2)

    def judge(self):
        """Everything arrived at both, as it was sent, and nothing is held."""
        for archive in self.archives.values():
            found = {(each.sop_instance, hashlib.sha256(each.data_set).hexdigest()) for each in archive.received}
            assert found == {(uid, digest) for uid, (digest, _) in self.sent.items()}
        assert not [job for job in self.box.queue() if job["state"] != "delivered"]

    def cost(self):
        """Return the Cost of the bad line, now that everything is there."""
        payload = sum(size for _, size in self.sent.values())
        came = sum(len(each.data_set) for each in self.archives[BAD].received)
        waits = [float(found) for found in re.findall(BAD + r" waits (\d+) s", self.box.log())]
        tries = sum(job["attempts"] - 1 for job in self.box.queue() if job["destination"] == BAD)
        seconds = time.monotonic() - self.begun
        return Cost(payload, self.line.octets_out(), came - payload, tries, waits, seconds)


def words(cost):
    """Say a Cost in a line."""
    return (
        f"{cost.payload / 1e3:.0f} KB in {cost.seconds:.0f} s; on the wire {cost.on_wire / cost.payload:.2f} times "
        f"that, {cost.twice / cost.payload:.3f} arrived twice; {cost.tries} tries spent; "
        f"{len(cost.waits)} waits of {min(cost.waits, default=0):.0f} to {max(cost.waits, default=0):.0f} s"
    )


def storm(place, chance, seconds):
    """Break the bad line in every way, again and again, for so long, while there is always something to send."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if len(place.sent) - place.arrived(BAD) < 20:
            place.add([chance.choice((48, 64, 128, 200)) for _ in range(30)] + [400])
        fault = chance.choice(("none", "reset", "black hole", "cut", "cut by reset", "rate"))
        if fault == "reset":
            place.line.reset()
        elif fault == "black hole":
            place.line.black_hole()
        elif fault.startswith("cut"):
            place.line.cut_after(chance.randrange(20_000, 200_000), fault == "cut by reset")
        elif fault == "rate":
            place.line.change(rate_bit_per_s=chance.choice((64_000, 256_000, 512_000)))
        time.sleep(min(chance.uniform(1, 20), max(0.0, end - time.monotonic())))  # the weather lasts, for nothing
        place.line.mend()
        place.line.change(rate_bit_per_s=TERMS["rate_bit_per_s"])
        time.sleep(min(chance.uniform(0, 10), max(0.0, end - time.monotonic())))
