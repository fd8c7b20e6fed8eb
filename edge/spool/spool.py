"""The spool as a whole: one object that owns the disk, the journal and the index of one state directory.

    state_dir/
      objects/2026-11-23/<SOP Instance UID>.dcm   what was received (Part 10); `.2.dcm`: other octets of that UID
      partial/                                    what is being received; emptied when the spool is opened
      uploads/                                    what boxes send in pieces: as far as it has come
      quarantine/                                 what stands for nothing any more, for a person to look at
      journal/0000000001.log ...                  what happened: the truth, beside the files themselves
      index.db                                    a cache of the journal; may be deleted while the spool is closed
      lock                                        held by the one process that has the spool open
"""

import fcntl
import os
import time
from collections import namedtuple

from edge.spool import errors, jobs
from edge.spool.adopt import Adoption
from edge.spool.commitments import Commitments
from edge.spool.compaction import Compaction
from edge.spool.compare import Comparison
from edge.spool.disk import FILE_MODE, Disk
from edge.spool.files import Files
from edge.spool.health import Health
from edge.spool.index import Index
from edge.spool.intake import Intake
from edge.spool.journal import SEGMENT_BYTES, Journal
from edge.spool.lines import OPENED, Survey
from edge.spool.quota import Quota
from edge.spool.recovery import Recovered, Recovery
from edge.spool.scrub import Scrub
from edge.spool.shelf import FOLDER_ENTRIES, Shelf
from edge.spool.turns import Turns
from edge.spool.uploads import Uploads

# reserve_bytes: free space below which nothing new is taken; reserve_files: the same for file names; quota_bytes: what
# all objects may take, 0 for no limit; keep_delivered_s: how long delivered objects are safe from removal; conflict:
# what becomes of other octets under a known UID, "hold", "send" or "keep"; folder_entries: files in one folder;
# segment_bytes: of the journal; journal_bytes: how much of it is kept beyond what lives; remove_delivered_s: how old
# delivered objects become at most, 0 for no limit; high_percent, low_percent: of the room, when making room begins and
# ends; warn_full_s: how soon the room is expected to be used up when a trouble is made of it
Limits = namedtuple(
    "Limits",
    "reserve_bytes reserve_files quota_bytes keep_delivered_s conflict folder_entries segment_bytes journal_bytes"
    " remove_delivered_s high_percent low_percent warn_full_s",
    defaults=(512 << 20, 256, 0, 0, "hold", FOLDER_ENTRIES, SEGMENT_BYTES, 32 << 20, 0, 90, 80, 12 * 3600),
)

_IDENTITY_OCTETS = 8


class Spool:
    """What was received and is to be sent, in one state directory, for any number of threads.

    `intake` takes objects in, `jobs` hands them out, `commitments` knows who has to commit to what was sent, `index`
    answers what there is, `journal` what happened, `health` what is wrong, `uploads` has what comes in pieces; `quota`,
    `scrub`, `compaction` keep house when `tidy` is called now and then.
    """

    @classmethod
    def open(cls, state_dir, limits=Limits(), now=time.time, disk=None, same_decoded=None):
        """Return the Spool in `state_dir`, made if need be, in the state in which the last crash left it, repaired.

        `now`: function, the time in seconds since 1970; `same_decoded`: see Comparison. Locked when another process
        has it open; Degraded, NoSpace or OSError when the disk refuses what is needed.
        """
        spool = cls.__new__(cls)
        spool._fds = []
        spool._same_decoded = same_decoded
        spool.index = None
        spool._open(os.path.abspath(state_dir), limits, now, disk or Disk())
        return spool

    def _open(self, path, limits, now, disk):
        self.path = path
        self.limits = limits
        self.now = now
        self.disk = disk
        self.health = Health(now)
        try:
            self._open_folders()
            self._open_records()
            self._recover()
        except BaseException:
            if self.index is not None:
                self.index.close()
            self._close_folders()
            raise

    def _open_folders(self):
        disk, path = self.disk, self.path
        disk.make_parents(path)
        self.state_fd = self._folder(path)
        self._lock()
        self.partial_fd = self._folder(path + "/partial")
        self.objects_fd = self._folder(path + "/objects")
        self.quarantine_fd = self._folder(path + "/quarantine")
        self._fds.append(disk.open_folder(path + "/journal"))
        for name in disk.listdir(path + "/partial"):
            disk.unlink(name, dir_fd=self.partial_fd)
        # A process that was killed may have made folders and not have come to syncing their names
        disk.sync_folder(os.path.dirname(path))
        disk.fsync(self.state_fd)
        disk.fsync(self.objects_fd)

    def _folder(self, path):
        fd = self.disk.open_folder(path)
        self._fds.append(fd)
        return fd

    def _close_folders(self):
        while self._fds:
            self.disk.close(self._fds.pop())

    def _lock(self):
        """Hold the lock of the state directory, and write into it who does."""
        disk = self.disk
        fd = disk.open("lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE, dir_fd=self.state_fd)
        self._fds.append(fd)
        try:
            disk.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = disk.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise errors.Locked(
                "%s is in use by process %s: stop it first, or talk to it over its control socket" % (self.path, holder)
            )
        try:
            disk.pwrite_all(fd, b"%-10d\n" % os.getpid(), 0)  # over what stood there: that takes no room on a full disk
        except OSError:
            pass  # it only serves the words above

    def _open_records(self):
        """Open journal and index, and bring the index to where the journal is."""
        disk, path, now, health, limits = self.disk, self.path, self.now, self.health, self.limits
        survey = Survey(disk, path + "/journal")
        self.index = index = Index(disk, path + "/index.db", health)
        is_empty = not survey.ends and not survey.damages
        if is_empty and (index.place > (0, 0) or any(self._names())):
            survey.damages.append("the journal is missing")
        identity = survey.spool or index.spool or os.urandom(_IDENTITY_OCTETS).hex()
        if index.spool != identity or (0, 0) < index.place < (survey.retired + 1, 0):
            index.clear(identity)  # it is of another spool, or lines that it has not seen are retired
        if index.place > (0, 0) and survey.ends and not survey.holds(*index.place):
            survey.damages.append("the journal ends before what the index knows of it")
        self._rebuilt = index.place == (0, 0)
        self.journal = journal = Journal(
            disk, path + "/journal", survey, identity, now, self._accept, health, limits.segment_bytes, index.place[0]
        )
        index.journal = journal
        self.jobs = jobs.Jobs(journal, index)
        self.commitments = Commitments(journal, index, jobs.roll)
        index.replay(survey.lines(*index.place))
        self._survey = survey

    def _accept(self, lines):
        self.index.accept(lines)
        self.jobs.announce(lines)
        self.commitments.announce(lines)

    def _names(self):
        """Yield the names of the files below objects/."""
        for folder in self.disk.listdir(self.path + "/objects"):
            try:
                yield from self.disk.listdir("%s/objects/%s" % (self.path, folder))
            except NotADirectoryError:
                pass

    def _recover(self):
        """Deal with what a crash has left, then say that the spool is open."""
        disk, path, now, health, limits = self.disk, self.path, self.now, self.health, self.limits
        journal, index, survey = self.journal, self.index, self._survey
        self.turns = Turns()
        self.compaction = Compaction(journal, index, health, limits.journal_bytes, now)
        self.files = Files(disk, self.objects_fd, self.quarantine_fd, journal, now)
        self.comparison = Comparison(disk, self._same_decoded)
        self.shelf = Shelf(disk, path + "/objects", self._folder_begun, limits.folder_entries)
        self.quota = Quota(self)
        self.intake = Intake(self)
        self.adopt = Adoption(disk, self.intake).adopt
        self.uploads = Uploads(self)
        self.scrub = Scrub(index, self.files)
        last = journal.last
        self.quota.bury()
        self.recovered = Recovered(0, 0, 0)
        if not survey.clean or survey.damages or self._rebuilt:
            look = Recovery(self)
            everywhere = self._rebuilt or bool(survey.damages)
            self.recovered = look.look_through(path + "/objects", everywhere, bool(survey.damages))
        if survey.damages:
            health.report("journal", survey.damages[0])
            self.compaction.everything(last - 1, path + "/quarantine")
        record = {"at": now(), "damages": survey.damages[:10], "discarded": self.recovered[0]}
        record.update(adopted=self.recovered[1], set_aside=self.recovered[2], rebuilt=self._rebuilt)
        journal.append(OPENED, record)
        del self._survey

    def _folder_begun(self, name):
        self.journal.append("folder", {"name": name, "first": self.intake.last_id + 1}, durable=False)

    # What others ask for

    def renew(self, limits):
        """Go by other Limits from now on; those of folders and of the journal stay as they are."""
        self.limits = self.intake.limits = limits
        self.quota.renew(limits)

    def objects(self, after=0, limit=100, held=False, study=None):
        """Return a page of StoredObjects; see Index.objects."""
        return self.index.objects(after, limit, held, study)

    def path_of(self, stored):
        """Return the path of the file of a StoredObject or a Job."""
        return "%s/objects/%s" % (self.path, stored.path)

    def hold_rotten(self, object_id, why):
        """Hold an object whose file turned out not to be what was received; `why` says so in words."""
        self.files.hold_rotten(object_id, why)

    def queue(self, object_id, destinations, priority=jobs.NORMAL, who="", durable=True):
        """Give an object jobs for these destinations, beside those it has; what nobody wanted is held no longer.

        destinations: names, or (name, priority) where one has a priority of its own.
        When it need not be `durable`, it becomes so with the next line that is.
        """
        stored = self.index.get(object_id)
        self.turns.enter(stored.uid)
        try:
            stored = self.index.get(object_id)
            wanted = [(each, priority) if isinstance(each, str) else each for each in destinations]
            record = {"id": object_id, "at": self.now(), "jobs": wanted, "who": who}
            if stored.hold in (jobs.UNROUTED, jobs.FOUND):
                record["unhold"] = True
            elif stored.hold is not None:
                words = "object %d is held (%s): `edge release --object %d` lets it go"
                raise errors.Unknown(words % (object_id, stored.hold, object_id))
            self.journal.append("jobs", record, durable=durable)
        finally:
            self.turns.leave(stored.uid)

    def send_again(self, object_id, destination, who=""):
        """Have an object sent to a destination, also where that has it; say whether it was not about to be anyway.

        Durable with the next line that is. Unknown when the object is held as a whole.
        """
        for job in self.jobs.of_object(object_id):
            if job.destination == destination and job.state in ("waiting", "sending"):
                return False
            if job.destination == destination and job.cause not in jobs.OF_OBJECTS:
                self.journal.append(
                    "released", {"jobs": [(object_id, destination)], "at": self.now(), "who": who}, durable=False
                )
                return True
        self.queue(object_id, [destination], who=who, durable=False)
        return True

    def release(self, object_id, who=""):
        """Hold an object no longer, nor its jobs; Rotten when its file is still not what was received."""
        stored = self.index.get(object_id)
        if stored.hold == jobs.ROTTEN:
            fault = self.files.fault(stored)
            if fault is not None:
                raise errors.Rotten("object %d stays held: %s" % (object_id, fault))
        self.journal.append("unhold", {"id": object_id, "at": self.now(), "who": who})

    def remove(self, object_id, who):
        """Remove an object and its jobs for good, delivered or not, because a person says so.

        InUse while somebody reads its study.
        """
        stored = self.index.get(object_id)
        reader = self.quota.read_by(stored.study_id)
        if reader is not None:
            raise errors.InUse("object %d is being read: %s has to end first" % (object_id, reader))
        self.turns.enter(stored.uid)
        try:
            self.quota.remove([object_id], "by hand", self.now(), who)
        finally:
            self.turns.leave(stored.uid)

    def tidy(self):
        """Keep house: sync outcomes, make room, retire old segments of the journal; never raises for the disk.

        There is more to do as long as `quota.pressed` is set afterwards.
        """
        try:
            self.journal.sync()
            self.index.drain()
            self.uploads.tidy()
            self.quota.keep()
            self.compaction.keep_up()
            self.index.go_home(self.quota.free()[0])
        except (errors.LocalError, errors.LimitError, OSError) as error:
            self.health.report("house", "keeping house failed: %s" % error)
        else:
            self.health.clear("house")

    def close(self):
        """Leave everything in order; say whether the disk took it. Nobody may use the spool but who sleeps on `jobs`.

        When it did not, the next opening looks for what it would after a crash.
        """
        self.jobs.close()
        self.commitments.close()
        try:
            self.journal.sync()
            self.index.drain()
            self.journal.close()
        except (errors.LocalError, errors.LimitError, OSError) as error:
            self.health.report("house", "the spool was not closed in order: %s" % error)
            return False
        finally:
            self.index.close()
            self.journal.let_go()
            self.shelf.close()
            self.uploads.close()
            self._close_folders()
        return True
