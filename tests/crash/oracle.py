"""Remembers what was acknowledged, and judges by it what is left after a crash."""

import hashlib
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

from edge.spool.spool import Spool
from tests.crash.driver import LIMITS
from tests.support import tally

PROJECT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 5.0


def dice():
    """A source of chance: the torture's seed decides (see tests.torture), otherwise each run is another one."""
    seed = os.environ.get("EDGE_TORTURE_SEED")
    return random.Random(int(seed) if seed else None)


def rounds(quick):
    """Count rounds: `quick` of them in `make test`, ten times as many in each round of `make torture`."""
    return range(quick * 10 if "EDGE_TORTURE_SEED" in os.environ else quick)


class Oracle:
    """What the drivers of one state directory have said so far."""

    def __init__(self, state):
        self.state = str(state)
        self.stored = {}  # UID -> (SHA-256, size) of every object that was acknowledged
        self.delivered = set()
        self.refused = []  # (UID, reason)
        self._next = 1
        self._told = 0  # how many of `stored` are in the tally

    def drive(self, *options, wrapper=(), objects=1000, senders=1):
        """Start a driver; return its process, with a `reader` thread that listens to it, and `heard`, an Event."""
        command = [*wrapper, sys.executable, "-m", "tests.crash.driver", self.state, "--senders", str(senders)]
        command += ["--first", str(self._next), "--objects", str(objects), "--seed", str(self._next), *options]
        self._next += objects * senders
        process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.ready, process.heard, process.done = threading.Event(), threading.Event(), False
        process.reader = threading.Thread(target=self._listen, args=(process,))
        process.reader.start()
        return process

    def _listen(self, process):
        for line in process.stdout:
            if not line.endswith(b"\n"):
                break
            word, *rest = line.decode().split()
            if word == "stored":
                self.stored[rest[0]] = (rest[1], int(rest[2]))
                process.heard.set()
            elif word == "delivered":
                self.delivered.add(rest[0])
            elif word == "refused":
                self.refused.append(tuple(rest))
            elif word == "ready":
                process.ready.set()
            elif word == "done":
                process.done = True
        process.ready.set()
        process.heard.set()

    def end(self, process, kill=True):
        """End a driver, by SIGKILL unless it is to finish by itself; return what it wrote to standard error."""
        if kill:
            process.kill()
        said = process.stderr.read().decode()
        process.wait(120)
        process.reader.join(10)
        process.stdout.close()
        process.stderr.close()
        return said

    def judge(self, is_full=False):
        """Open the spool as after a crash and hold it against what was acknowledged; return it closed again.

        Each acknowledged object is there once, with the data set that was sent, waiting, sent or delivered; what was
        said to be delivered is not due again; nothing that is stored is torn; nothing is left of what was not finished;
        and nothing is reported. `is_full`: but that there is no room; what was delivered may be gone for it.
        """
        began = time.monotonic()
        spool = Spool.open(self.state, LIMITS)
        took_s = time.monotonic() - began
        try:
            assert took_s < READY_WITHIN_S, "it took %.1f s to be ready" % took_s
            expected = ("space", "index", "house") if is_full else ()
            troubles = [trouble for trouble in spool.health.troubles() if trouble.key not in expected]
            assert troubles == [], "the spool reports what it should have repaired: %s" % troubles
            self._judge_files(spool)
            self._judge_objects(spool, is_full)
            new = len(self.stored) - self._told
            self._told = len(self.stored)
            tally.note(times=1, acknowledged=new, lost=0, partial=0, duplicates=0, recovery_s=took_s)
        except AssertionError:
            tally.note(times=1, **self._count(spool))
            raise
        finally:
            spool.close()
        if not is_full:
            database = sqlite3.connect(self.state + "/index.db")
            database.execute("PRAGMA locking_mode=EXCLUSIVE")  # needs no file beside it, for which there may be no name
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            database.close()
        return spool

    def _count(self, spool):
        """Return how many objects are lost, torn and there twice: of a judgement that found something."""
        objects = spool.objects(limit=10**6)
        uids = {stored.uid for stored in objects}
        torn = sum(1 for stored in objects if spool.files.fault(stored) is not None)
        return {"lost": len(set(self.stored) - uids), "partial": torn, "duplicates": len(objects) - len(uids)}

    def _judge_files(self, spool):
        assert os.listdir(self.state + "/partial") == [], "something was left of what was not finished"
        known = {stored.path for stored in spool.objects(limit=10**6)}
        found = {
            os.path.relpath(os.path.join(folder, name), self.state + "/objects")
            for folder, _, names in os.walk(self.state + "/objects")
            for name in names
        }
        assert found == known, "files and index do not agree: %s" % sorted(found ^ known)

    def _judge_objects(self, spool, is_full):
        seen = {}
        for stored in spool.objects(limit=10**6):
            assert spool.files.fault(stored) is None, "object %d is not what was received" % stored.id
            assert stored.uid not in seen, "%s is there twice" % stored.uid
            assert stored.hold is None, "%s is held: %s" % (stored.uid, stored.why)
            seen[stored.uid] = stored
        gone = self.delivered - seen.keys() if is_full else set()  # removed to make room, as they may be
        lost = [uid for uid in self.stored if uid not in seen and uid not in gone]
        assert not lost, "%d of %d acknowledged objects are lost: %s" % (len(lost), len(self.stored), lost[:5])
        for uid, (digest, size) in self.stored.items():
            if uid in gone:
                continue
            stored = seen[uid]
            with open(spool.path_of(stored), "rb") as file:
                file.seek(stored.offset)
                octets = file.read()
            assert (len(octets), hashlib.sha256(octets).hexdigest()) == (size, digest), "%s has changed" % uid
            (row,) = spool.jobs.of_object(stored.id)
            assert row.state in ("waiting", "sent", "delivered"), "%s is %s" % (uid, row.state)
            if uid in self.delivered:
                assert row.state == "delivered", "%s was delivered, and is due again" % uid
