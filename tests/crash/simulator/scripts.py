"""What is done with a spool while it is recorded; what it promises is marked between the changes.

    ("sent", UID, digest)        somebody begins to send this object: it may be there from now on
    ("stored", UID, digest)      commit returned: the object may be acknowledged
    ("delivered", UID, digest)   its outcome is durable
    ("removing", UID, digest)    its removal was asked for: it may be gone from now on
    ("removed", UID, digest)     the removal was answered: it may never come back
"""

import hashlib
import threading

from edge.spool import jobs
from edge.spool.spool import Limits, Spool
from tests.spool.data import CT, EXPLICIT, MODALITY, Clock, data_set

# Small segments of the journal: a few objects fill one
LIMITS = Limits(reserve_bytes=0, reserve_files=0, segment_bytes=4 << 10, journal_bytes=4 << 10, folder_entries=8)


def state_of(folder):
    """The state directory below the folder that a Recorder has."""
    return str(folder) + "/state"


class Play:
    """A spool on a Recorder, and what is done with it."""

    def __init__(self, recorder, clock=None):
        self.recorder = recorder
        self.clock = clock or Clock()
        self.spool = Spool.open(state_of(recorder.path), LIMITS, self.clock, recorder)
        self.digests = {}  # object number -> (UID, digest)

    def begin(self, uid, pixels=b"\1\2" * 400):
        """Begin an object and write half of it; return what `finish` takes."""
        octets = data_set(uid, pixels)
        known = (uid, hashlib.sha256(octets).hexdigest())
        self.recorder.mark(("sent", *known))
        arrival = self.spool.intake.begin(CT, uid, EXPLICIT, MODALITY)
        arrival.write(octets[: len(octets) // 2])
        return arrival, octets, known

    def finish(self, begun):
        """Write the rest of an object and commit it; return its number."""
        arrival, octets, known = begun
        arrival.write(octets[len(octets) // 2 :])
        stored = arrival.commit(lambda facts: ["PACS"])
        self.recorder.mark(("stored", *known))
        self.digests[stored.object_id] = known
        self.spool.intake.keep_up()
        return stored.object_id

    def store(self, uid, pixels=b"\1\2" * 400):
        """Receive an object; return its number."""
        return self.finish(self.begin(uid, pixels))

    def deliver(self, limit=100):
        """Deliver what waits, and have the outcome be durable."""
        claimed = self.spool.jobs.claim("PACS", self.clock(), limit)
        for job in claimed:
            self.spool.jobs.settle(job, jobs.SENT, self.clock(), 0)
        self.spool.journal.sync()
        for job in claimed:
            if job.object_id in self.digests:
                self.recorder.mark(("delivered", *self.digests[job.object_id]))

    def remove(self, number):
        """Remove an object by hand."""
        self.recorder.mark(("removing", *self.digests[number]))
        self.spool.remove(number, "a person")
        self.recorder.mark(("removed", *self.digests[number]))

    def close(self):
        """Close the spool in order."""
        self.spool.close()


def one_object(recorder):
    """A spool is made, takes an object in, delivers it, removes it, and is closed."""
    play = Play(recorder)
    play.store("1.2.3.1")
    play.deliver()
    play.remove(1)
    play.close()


def two_objects(recorder):
    """Two objects come at once, the second one once more and on another day; one goes, and the spool is closed."""
    play = Play(recorder)
    first, second = play.begin("1.2.3.1"), play.begin("1.2.3.2")
    play.finish(second)
    play.clock.now += 86400
    play.finish(first)
    play.store("1.2.3.2")
    play.deliver(1)
    play.remove(1)
    play.spool.tidy()
    play.deliver()
    play.close()


def many(recorder, dice, prefix):
    """Objects from three senders at once, delivered, removed and kept house for meanwhile, as chance has it."""
    play = Play(recorder)
    sizes = [[2 * dice.randrange(1, 3000) for _ in range(6)] for _ in range(3)]
    steps = [dice.random() for _ in range(30)]

    again = dice.choices((1, 2), (0.8, 0.2), k=6)
    settled = []  # numbers of objects that nobody sends once more

    def send(sender):
        for number, size in enumerate(sizes[sender]):
            for _ in range(again[number]):
                last = play.store("%s.%d.%d" % (prefix, sender, number), bytes([sender, number]) * (size // 2))
            settled.append(last)

    senders = [threading.Thread(target=send, args=(sender,)) for sender in range(3)]
    for sender in senders:
        sender.start()
    for step in steps:
        if step < 0.5:
            play.deliver(4)
        elif step < 0.8 and settled:
            play.remove(settled.pop(int(step * 1000) % len(settled)))
        else:
            play.spool.tidy()
            play.clock.now += 7200
    for sender in senders:
        sender.join()
    play.deliver()
    if dice.random() < 0.5:
        play.close()
