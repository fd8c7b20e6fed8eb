"""Room on the disk: refuse what is new while it is short, remove what every destination has, the oldest first.

What was not delivered is never removed to make room, nor what is held: then the box stops receiving, with the status
that makes a modality keep its copy, and goes on by itself when there is room again.
"""

from _thread import allocate_lock

from edge.spool import errors
from edge.spool.disk import FOLDER
from edge.spool.ledger import ALL, DONE

_AT_ONCE = 64
_PAGES = 4  # of objects that were delivered too lately: those behind them are younger still
_SLACK_BYTES = 64 << 20  # how much more than the reserve is made free when anything has to be removed
_SLACK_PART = 50  # or this part of the file system, when that is less
_BEHIND = 20000  # how many lines the index may be behind the journal


class Quota:
    """Says whether there is room, and makes some."""

    def __init__(self, spool):
        """`spool`: the Spool whose room this is; its records, folders and turns are made already."""
        self._disk = spool.disk
        self._state_fd = spool.state_fd
        self._objects_fd = spool.objects_fd
        self._journal = spool.journal
        self._index = spool.index
        self._shelf = spool.shelf
        self._turns = spool.turns
        self._health = spool.health
        self._limits = spool.limits
        self._now = spool.now
        self._sweeping = allocate_lock()
        self._burying = allocate_lock()

    def free(self):
        """Return (octets, file names) that are free; the names None where the file system does not count them."""
        space = self._disk.fstatvfs(self._state_fd)
        return space.f_bavail * space.f_frsize, space.f_favail if space.f_files else None

    def admit(self):
        """Return when one more object may be begun; NoSpace when it may not, after what may go was removed."""
        refusal = self._refusal()
        if refusal is not None and self.sweep():
            refusal = self._refusal()
        if refusal is not None:
            self._health.report("space", refusal)
            raise errors.NoSpace(refusal)
        self._health.clear("space")

    def check(self):
        """Raise NoSpace when the reserve was reached while an object is being written."""
        octets, names = self.free()
        if octets < self._limits.reserve_bytes:
            if not self.sweep() or self.free()[0] < self._limits.reserve_bytes:
                raise errors.NoSpace(self._words(octets))

    def has_room(self):
        """Say whether a new object would be admitted now, without removing anything."""
        return self._refusal() is None or self._index.total(DONE)[0] > 0

    def _words(self, octets):
        return "%d MB are free on the disk, and the reserve is %d MB: nothing new is received until there is room" % (
            octets >> 20,
            self._limits.reserve_bytes >> 20,
        )

    def _refusal(self):
        """Return in words why no object may be begun, or None."""
        limits = self._limits
        octets, names = self.free()
        if octets < limits.reserve_bytes:
            return self._words(octets)
        if names is not None and names < limits.reserve_files:
            return "the disk has room for %d more files only: nothing new is received until some are gone" % names
        if limits.quota_bytes and self._index.total(ALL)[1] >= limits.quota_bytes:
            return "the objects take the %d MB that quota_bytes allows" % (limits.quota_bytes >> 20)
        if not self._journal.has_spare and not self._journal.prepare():
            return "there is no room to continue the journal"
        if self._index.pending > _BEHIND:
            return "the index cannot be written; look at the free space and the health of the disk"
        return None

    def wanted(self):
        """Return how many octets should be made free: 0 while there is room enough."""
        limits = self._limits
        space = self._disk.fstatvfs(self._state_fd)
        free, whole = space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize
        slack = min(_SLACK_BYTES, whole // _SLACK_PART)
        wanted = 0
        if free < limits.reserve_bytes + slack // 2:
            wanted = limits.reserve_bytes + slack - free
        if limits.quota_bytes:
            over = self._index.total(ALL)[1] - (limits.quota_bytes - limits.quota_bytes // _SLACK_PART)
            wanted = max(wanted, over)
        if space.f_files and space.f_favail < 2 * limits.reserve_files:
            wanted = max(wanted, 1)
        return wanted

    def sweep(self):
        """Remove the oldest delivered objects until there is room again, a few at a time; return how many went."""
        if not self._sweeping.acquire(blocking=False):
            return 0
        try:
            wanted, removed = self.wanted(), 0
            while wanted > 0:
                octets, count = self._remove_some(wanted)
                if not count:
                    break
                wanted -= octets
                removed += count
            return removed
        finally:
            self._sweeping.release()

    def _remove_some(self, wanted):
        """Remove up to _AT_ONCE of the oldest done objects, or as many as give `wanted` octets."""
        now, keep_s = self._now(), self._limits.keep_delivered_s
        entered, numbers, octets, after = [], [], 0, 0
        try:
            for _ in range(_PAGES):
                page = self._index.done(after, _AT_ONCE)
                for number, uid, size, delivered in page:
                    after = number
                    if octets >= wanted:
                        break
                    if 0 <= now - delivered < keep_s or uid in entered or not self._turns.try_enter(uid):
                        continue
                    entered.append(uid)
                    numbers.append(number)
                    octets += size
                if numbers or len(page) < _AT_ONCE:
                    break
            if numbers:
                self.remove(numbers, "space", now)
        finally:
            for uid in entered:
                self._turns.leave(uid)
        return octets, len(numbers)

    def remove(self, numbers, cause, now, who=""):
        """Remove objects: first the journal says so, then their files go. The caller has their UIDs' turns."""
        self._journal.append("removed", {"ids": numbers, "cause": cause, "at": now, "who": who})
        self.bury()

    def bury(self):
        """Remove the files of objects that the journal says are removed, so that no power cut brings them back.

        One at a time: a path is free for a new file as soon as it is buried, so nobody may hold an older list of them.
        """
        with self._burying:
            paths = self._index.doomed()
            folders = {path.rpartition("/")[0] for path in paths}
            for path in paths:
                try:
                    self._disk.unlink(path, dir_fd=self._objects_fd)
                except FileNotFoundError:
                    pass
            try:
                for folder in folders:
                    self._sync(folder)
            except OSError:
                return  # their paths are kept, and looked after when the spool is opened again
            self._index.buried(paths)
        for folder in folders:
            self._shelf.discard(folder)

    def _sync(self, folder):
        try:
            fd = self._disk.open(folder, FOLDER, dir_fd=self._objects_fd)
        except FileNotFoundError:
            return
        try:
            self._disk.fsync(fd)
        finally:
            self._disk.close(fd)
