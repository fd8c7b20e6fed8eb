"""A small program that puts objects into a spool and says what was acknowledged: what the crash tests run and kill.

    python -m tests.crash.driver STATE --senders 4 --first 1000 --objects 50 --deliver

Every line on standard output is written in one piece, after the fact it tells:

    ready                       the spool is open
    stored UID SHA-256 SIZE     commit returned: the object may be acknowledged; of its data set
    delivered UID               settled, and claimed since: the outcome is durable; with --commit: committed to
    refused UID REASON          commit or begin raised, by the name of the error
    done                        all objects were sent
    closed IN-ORDER             the spool was closed, and whether the disk took that
"""

import argparse
import hashlib
import os
import random
import threading
import time

from edge.spool import jobs
from edge.spool.errors import Degraded, NoSpace
from edge.spool.intake import Source
from edge.spool.spool import Limits, Spool
from tests.spool.data import CT, EXPLICIT, data_set

CALLING = Source("CT1", "EDGE", "10.0.0.7")
LIMITS = Limits(reserve_bytes=0, reserve_files=0, segment_bytes=128 << 10, journal_bytes=256 << 10)


def say(*words):
    """Tell something, in one write."""
    os.write(1, (" ".join(str(word) for word in words) + "\n").encode())


def send(spool, number, dice, longest, again):
    """Put one object in, in pieces; some of them a second time."""
    uid = "1.2.3.%d" % number
    octets = data_set(uid, pixels=dice.randbytes(2 * dice.randrange(1, longest // 2)), study="1.9.%d" % (number // 10))
    for _ in range(2 if dice.random() < again else 1):
        try:
            arrival = spool.intake.begin(CT, uid, EXPLICIT, CALLING)
            try:
                half = len(octets) // 2
                arrival.write(octets[:half])
                arrival.write(octets[half:])
                arrival.commit(lambda facts: ["PACS"])
            finally:
                arrival.abandon()
        except (NoSpace, Degraded) as error:
            say("refused", uid, type(error).__name__)
        else:
            say("stored", uid, hashlib.sha256(octets).hexdigest(), len(octets))
        spool.intake.keep_up()


def commit(spool):
    """Ask for the commitment of what was sent, have all of it committed to, and say so when that is durable."""
    known = spool.commitments
    try:
        due = known.due("PACS", 0, time.time(), 0, 3)
        if due:
            found = known.transaction(known.ask("PACS", due, time.time()))
            known.answer(found, set(found.instances), {}, time.time())
            for uid in found.instances:
                say("delivered", uid)
    except (NoSpace, Degraded):
        pass  # nobody was told


def deliver(spool, stop, commits):
    """Deliver what waits, and say so when it is durable, until told to stop and nothing is left."""
    told = []
    while True:
        try:
            claimed = spool.jobs.claim("PACS", time.time(), 5)
        except (NoSpace, Degraded):
            if stop.wait(0.05):
                break
            continue
        for uid in told:
            say("delivered", uid)
        told = [] if commits else [job.uid for job in claimed]
        for job in claimed:
            spool.jobs.settle(job, jobs.UNCOMMITTED if commits else jobs.SENT, time.time(), 0)
        if commits:
            commit(spool)
        if not claimed:
            if stop.is_set():
                break
            spool.jobs.wait("PACS", time.time(), 0.2)


def main():
    """Run as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state")
    parser.add_argument("--senders", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--objects", type=int, default=10)
    parser.add_argument("--longest", type=int, default=60000)
    parser.add_argument("--again", type=float, default=0.1)
    parser.add_argument("--deliver", action="store_true")
    parser.add_argument("--commit", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    spool = Spool.open(asked.state, LIMITS)
    say("ready")
    stop = threading.Event()

    def work(sender):
        dice = random.Random(asked.seed * 1000 + sender)
        for at in range(asked.objects):
            send(spool, asked.first + at * asked.senders + sender, dice, asked.longest, asked.again)

    senders = [threading.Thread(target=work, args=(sender,)) for sender in range(asked.senders)]
    worker = threading.Thread(target=deliver, args=(spool, stop, asked.commit))
    for thread in senders + ([worker] if asked.deliver else []):
        thread.start()
    for thread in senders:
        thread.join()
    say("done")
    stop.set()
    if asked.deliver:
        worker.join()
    say("closed", spool.close())


if __name__ == "__main__":
    main()
