"""Room on the disk: refuse what is new while it is short, remove what every destination has, the oldest first.

What was not delivered is never removed to make room, nor what is held: then the box stops receiving, with the status
that makes a modality keep its copy, and goes on by itself when there is room again.

The theory. One number says how full the box is: what the objects take, as a part of all that they may take. They may
take what they have and what else is free on the disk, but for the reserve, and no more than the quota; where the disk
counts file names, those are measured likewise, and the fuller of the two counts. At high water an alarm is raised, and
delivered objects go until low water is reached, when the alarm ends. At 100 % nothing is taken any more. Besides, what
was delivered long enough ago goes without any need, where that is asked for. It is housekeeping that removes, a few
objects at a time; somebody who wants to store an object removes only when there would be no room for it otherwise.
"""

from _thread import allocate_lock
from collections import namedtuple
from threading import Event

from edge.spool import errors
from edge.spool.disk import FOLDER
from edge.spool.forecast import DAY_S, FARTHEST_S, Forecast
from edge.spool.ledger import ALL, DONE, ON_HOLD

_AT_ONCE = 64
_TURNS = 8  # of so many objects, before housekeeping looks after something else
_BEHIND = 20000  # how many lines the index may be behind the journal
_LAST = 1 << 62  # behind the number of every object

# taken: octets of all objects; usable: octets that they may take; level: 0.0 to 1.0, how much of what there is, of
# octets or of names, is taken
Room = namedtuple("Room", "taken usable level")


class Reader:
    """Somebody who reads objects for longer than a moment: they are removed only where what comes in has no room.

    words: what it is; studies: numbers of the studies; is_robbed: whether objects were removed all the same.
    """

    def __init__(self, words):
        self.words = words
        self.studies = frozenset()
        self.is_robbed = False


class Quota:
    """Says whether there is room, and makes some. `pressed` is set when housekeeping should not wait to be about it."""

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
        self._removing = allocate_lock()
        self._burying = allocate_lock()
        self._is_high = False  # from high water on until low water is reached
        self._forecast = Forecast()
        self._readers = []  # Reader of those who read studies now
        self._spares_nobody = False  # not even them; for who has _removing
        self.pressed = Event()

    def renew(self, limits):
        """Go by other spool.Limits from now on."""
        self._limits = limits
        self.pressed.set()

    # Who reads what

    def protect(self, words):
        """Return a Reader: objects of its `studies` go last of all; words: what reads them. `unprotect` ends it."""
        reader = Reader(words)
        self._readers = [*self._readers, reader]
        return reader

    def unprotect(self, reader):
        """Let the objects go again."""
        self._readers = [each for each in self._readers if each is not reader]

    def read_by(self, study):
        """Return in words what reads a study (its number) now, or None."""
        for reader in self._readers:
            if study in reader.studies:
                return reader.words
        return None

    # Whether there is room

    def free(self):
        """Return (octets, file names) that are free; the names None where the file system does not count them."""
        space = self._disk.fstatvfs(self._state_fd)
        return space.f_bavail * space.f_frsize, space.f_favail if space.f_files else None

    def room(self):
        """Return the Room of the objects."""
        return self._room(*self.free())

    def _room(self, octets, names):
        limits = self._limits
        objects, taken = self._index.kept()
        usable = taken + max(0, octets - limits.reserve_bytes)
        if limits.quota_bytes:
            usable = min(usable, limits.quota_bytes)
        level = taken / usable if taken < usable else 1.0
        if names is not None:
            level = max(level, objects / max(1, objects + max(0, names - limits.reserve_files)))
        return Room(taken, usable, level)

    def admit(self):
        """Return when one more object may be begun; NoSpace when it may not, after what may go was removed."""
        free = self.free()
        if not self._is_high and self._room(*free).level * 100 >= self._limits.high_percent:
            self.pressed.set()
        refusal = self._refusal(*free)
        if refusal is not None:
            refusal = self._make_room()
        if refusal is not None:
            self._health.report("space", refusal)
            raise errors.NoSpace(refusal)
        self._health.clear("space")

    def check(self):
        """Raise NoSpace when the reserve was reached while an object is being written."""
        if self.free()[0] < self._limits.reserve_bytes:
            self._make_room()
            octets = self.free()[0]
            if octets < self._limits.reserve_bytes:
                raise errors.NoSpace(self._words(octets))

    def has_room(self):
        """Say whether a new object would be admitted now, without removing anything."""
        return self._refusal(*self.free()) is None or self._index.total(DONE)[0] > 0

    def _words(self, octets):
        return "%d MB are free on the disk, and the reserve is %d MB: nothing new is received until there is room" % (
            octets >> 20,
            self._limits.reserve_bytes >> 20,
        )

    def _refusal(self, octets, names):
        """Return in words why no object may be begun when so much is free, or None."""
        limits = self._limits
        if octets < limits.reserve_bytes or not octets:
            return self._words(octets)
        if names is not None and names < limits.reserve_files:
            return "the disk has room for %d more files only: nothing new is received until some are gone" % names
        if limits.quota_bytes and self._index.kept()[1] >= limits.quota_bytes:
            return "the objects take the %d MB that quota_bytes allows" % (limits.quota_bytes >> 20)
        if not self._journal.has_spare and not self._journal.prepare():
            return "there is no room to continue the journal"
        if self._index.pending > _BEHIND:
            return "the index cannot be written; look at the free space and the health of the disk"
        return None

    def _make_room(self):
        """Remove what may go, only until an object may be begun; return in words why it may not, or None."""
        self.pressed.set()
        with self._removing:
            while True:
                refusal = self._refusal(*self.free())  # somebody else may have made room meanwhile
                if refusal is None:
                    return None
                if not self._remove_for_room(self.room()) and not self._remove_what_is_read():
                    return refusal

    def make_free(self, octets):
        """Have `octets` of the disk free, if need be by removing what may go and if that can be enough; say whether."""
        with self._removing:
            while (lacking := octets - self.free()[0]) > 0:
                if self._index.total(DONE)[1] < lacking or not self._remove_for_room(self.room(), lacking):
                    return False
        return True

    def spare(self):
        """Return how many octets of the disk others may take so that nothing is removed for it, refused or alarmed."""
        limits = self._limits
        taken = self._index.kept()[1]
        return self.free()[0] - limits.reserve_bytes + taken - taken * 100 // limits.high_percent

    # Keeping house

    def keep(self):
        """Remove a bounded part of what is to go, raise the alarms or end them; `pressed` again when there is more."""
        self.pressed.clear()
        now = self._now()
        for _ in range(_TURNS):
            with self._removing:
                removed = self._remove_old(now)
            room = self.room()
            if room.level * 100 >= self._limits.high_percent:
                self._is_high = True
            elif room.level * 100 <= self._limits.low_percent:
                self._is_high = False
            if self._is_high:
                with self._removing:
                    removed += self._remove_for_room(room)
            if not removed:
                break
        else:
            self.pressed.set()
        self._report_water(removed)
        self._report_forecast(now)

    def _remove_for_room(self, room, least=1):
        """Remove up to _AT_ONCE of the objects that were delivered first; return how many went.

        Until low water, and at least until `least` octets went.
        """
        now = self._now()
        wanted = max(least, room.taken - room.usable * self._limits.low_percent // 100)
        before = now - self._limits.keep_delivered_s
        removed = self._remove_done((0, 0), before, wanted, "space", now)
        if not removed:  # the clock was set back: what was delivered in the future is not safe for ever
            removed = self._remove_done((now, _LAST), float("inf"), wanted, "space", now)
        return removed

    def _remove_what_is_read(self):
        """As `_remove_for_room`, where nothing else is left: whoever reads is told. What comes in goes before that."""
        readers, self._spares_nobody = self._readers, True
        try:
            removed = self._remove_for_room(self.room()) if readers else 0
        finally:
            self._spares_nobody = False
        for reader in readers if removed else ():
            reader.is_robbed = True
        return removed

    def _remove_old(self, now):
        """Remove up to _AT_ONCE objects that were delivered long enough ago; return how many went."""
        age_s = self._limits.remove_delivered_s
        return self._remove_done((0, 0), now - age_s, float("inf"), "age", now) if age_s else 0

    def _remove_done(self, after, before, wanted, cause, now):
        """Remove done objects behind `after` that were so before a time, until `wanted` octets are free."""
        entered, numbers, octets = [], [], 0
        is_over = False
        try:
            while not numbers and not is_over:
                page = self._index.done(after, _AT_ONCE)
                is_over = len(page) < _AT_ONCE
                for number, uid, size, done, study in page:
                    after = done, number
                    if done > before or octets >= wanted:
                        is_over = True
                        break
                    is_free = self._spares_nobody or self.read_by(study) is None
                    if is_free and uid not in entered and self._turns.try_enter(uid):
                        entered.append(uid)
                        numbers.append(number)
                        octets += size
            if numbers:
                self.remove(numbers, cause, now)
        finally:
            for uid in entered:
                self._turns.leave(uid)
        return len(numbers)

    # Alarms

    def _report_water(self, removed):
        if not self._is_high:
            self._health.clear("high water")
            return
        limits, room = self._limits, self.room()
        words = "the objects take %d %% of the room there is for them, %d of %d MB: " % (
            room.level * 100, room.taken >> 20, room.usable >> 20
        )  # fmt: skip
        if removed:
            words += "delivered ones are removed, the oldest first, until it is %d %%" % limits.low_percent
        else:
            words += "nothing more may be removed, because %s; " % self._why_they_stay()
            words += "at 100 % new objects are refused"
        self._health.report("high water", words)

    def _why_they_stay(self):
        """Say in words what keeps the objects from being removed."""
        reasons = []
        for name, states in sorted(self._index.counts().items()):
            number = sum([jobs for state, (jobs, _) in states.items() if state != "delivered"])
            if number:
                reasons.append("%d not delivered to %s" % (number, name))
        held, done = self._index.total(ON_HOLD)[0], self._index.total(DONE)[0]
        if held:
            reasons.append("%d held" % held)
        if done and self._limits.keep_delivered_s:
            words = "%d delivered within the %d days of keep_delivered_days"
            reasons.append(words % (done, self._limits.keep_delivered_s // DAY_S))
        if self._readers:
            reasons.append("those that %s reads" % self._readers[0].words)
        if reasons:
            return "there are %s (see `edge queue`, `edge objects`)" % ", ".join(reasons)
        if not self._index.kept()[0]:
            return "there are none: something else fills the disk"
        return "they are to go nowhere: `edge objects` lists them, `edge remove` removes one"

    def full_in_s(self):
        """Return in how many seconds the room will be used up at the present rates; None when it does not look so."""
        room = self.room()
        seconds = self._forecast.full_in_s(room.usable - self._staying())
        keep_s = self._limits.keep_delivered_s
        oldest = self._index.done((0, 0), 1) if seconds is not None and keep_s else ()
        for _, _, _, done, _ in oldest:  # what is safe as yet may go by then: as fast as it was delivered
            now = self._now()
            relief_s, octets = max(0, done + keep_s - now), self._index.total(DONE)[1]
            if relief_s < seconds and now > done:
                rate = self._forecast.rate(DAY_S)
                net = rate - octets / (now - done)
                left = room.usable - room.taken - rate * relief_s
                seconds = relief_s + left / net if net > 0 else None
        return seconds if seconds is not None and seconds <= FARTHEST_S else None

    def _staying(self):
        """Return how many octets could not be removed if their room were needed."""
        all_of_them = self._index.total(ALL)[1]
        return all_of_them if self._limits.keep_delivered_s else all_of_them - self._index.total(DONE)[1]

    def _report_forecast(self, now):
        self._forecast.note(now, self._staying())
        seconds, limit_s = self.full_in_s(), self._limits.warn_full_s
        if not seconds or seconds >= limit_s:  # a box that is full already says so elsewhere
            self._health.clear("forecast")
        else:
            words = "at the present rates the room for objects is used up in less than %d h: %s"
            self._health.report("forecast", words % (seconds // 3600 + 1, self._why_they_stay()))

    # Removing

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
