"""A destination that is a folder of this machine, or a share that is mounted there: it gets Part 10 files.

Each file is written whole under a temporary name within the folder, made durable, and only then given its final name,
never in place of another file: what stands there already counts as delivered when it is the same data set, and
otherwise the new file gets a number. Every step below the folder is taken from an open descriptor and follows no links,
so that nothing an object says about itself, and nothing that somebody else puts there, leads out of it.

A folder that is not there is a link that is down: it is never made. Nor is one filled that should be a mounted share
and is only the empty folder beneath.
"""

import errno
import itertools
import os
import re
import stat

from edge.dicom import part10
from edge.dicom.errors import DicomError
from edge.forward import outgoing
from edge.forward.target import Delivered, LinkFailure, Refused, Target
from edge.morph import draft, layout
from edge.pixels.binding import Stopped
from edge.spool.disk import FOLDER, READ, Disk
from edge.spool.errors import Rotten
from edge.spool.inflate import inflater

FOLDER_LAYER = "folder"
UNNAMED = "unnamed"
IN_THE_WAY = "in-the-way"
UNFIT = "unfit"

PARTIAL = ".edge-partial"  # the folder of temporary files, in the destination's

_FOLDER_MODE = 0o770  # less what the umask takes: the folder's group is to work with what arrives
_FILE_MODE = 0o660
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_BELOW = FOLDER | os.O_NOFOLLOW
_COPY_BYTES = 8 << 20
_COMPARE_BYTES = 1 << 18
_COPIES = 1000
_RUN = os.urandom(4).hex()  # tells the temporary files of this process from those that an earlier one has left
_NUMBERS = itertools.count(1)
# What another object would not meet: every other error concerns the whole folder
_OF_THE_OBJECT = (errno.EFBIG, errno.ENAMETOOLONG, errno.EILSEQ)
_NO_LINKS = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_NO_FOLDER_SYNC = (errno.EINVAL, errno.EOPNOTSUPP, errno.EBADF)  # of shares that make names durable by themselves
_BLOCKED = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR)


class _There(Exception):
    """A call on the destination's side failed; `error` is the OSError."""

    def __init__(self, error):
        super().__init__(str(error))
        self.error = error


class _InTheWay(Exception):
    """Something that is no folder stands where one has to be, or no file where one has."""


class FolderTarget(Target):
    """Writes below the folder `path`, where `shape` (a layout.Layout) says.

    title: the AE title of the box, which the files name as their source; mark: what tells this box's temporary files
    from another's; mounted: whether `path` has to be a mount point; compress, stages: as for other targets. disk: the
    calls on the destination's side.
    """

    def __init__(self, path, shape, title, mark, mounted=False, compress=None, stages=(), disk=None):
        self._path = path
        self._layout = shape
        self._title = title
        self._prefix = re.sub("[^A-Za-z0-9.-]", "_", mark) + "-"
        self._mounted = mounted
        self._compress = compress
        self._stages = stages
        self._disk = disk or Disk()
        self._root = None
        self._partial = None
        self._form = None  # the one under way
        self._name = None  # of the temporary file
        self._interrupted = False

    def probe(self):
        """See that files can be made in the folder."""
        try:
            self._have()
        finally:
            self.close()

    def open(self, jobs):
        """Have the folder open, as it is now; everything fits in one session."""
        if self._have():
            try:
                self._clean()
            except OSError as error:
                self.close()
                raise self._failure(error) from error
        return len(jobs)

    def _have(self):
        """Have the folder open, as it is now, and see that files can be made there; say whether that was to do."""
        try:
            if self._root is not None and self._is_current():
                return False
            self.close()
            self._root = self._disk.open(self._path, FOLDER)
            if self._mounted and not _is_mount_point(self._root, self._path):
                self.close()
                words = "nothing is mounted on %s; mount the share, or set must_be_mounted = false if it is none"
                raise LinkFailure(FOLDER_LAYER, words % self._path)
            self._partial = self._folder(self._root, PARTIAL)
            self._disk.close(self._began())
            self._drop()
        except FileNotFoundError:
            self.close()
            words = "there is no folder %s; mount the share, or make the folder: it is not made by itself"
            raise LinkFailure(FOLDER_LAYER, words % self._path) from None
        except (_InTheWay, OSError) as error:
            self.close()
            raise self._failure(error) from error
        return True

    def _is_current(self):
        """Say whether the folder that is open is the one at its path, and not one that was unmounted or replaced."""
        found, ours = self._disk.stat(self._path), self._disk.fstat(self._root)
        return (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)

    def _clean(self):
        """Remove what a crash of this box has left behind; another way to the same folder may be at work."""
        for name in self._disk.listdir(self._partial):
            if name.startswith(self._prefix) and not name.startswith(self._prefix + _RUN):
                self._disk.unlink(name, dir_fd=self._partial)

    def deliver(self, parcels):
        """Write each parcel; yield what came of it."""
        for parcel in parcels:
            yield parcel.job, self._outcome(parcel)

    def _outcome(self, given):
        parcel = outgoing.changed(self._stages, given)
        if isinstance(parcel, Refused):
            return parcel
        try:
            return self._put(parcel, self._names(parcel))
        except outgoing.FAILURES as error:
            return outgoing.refused(error, FOLDER_LAYER, outgoing.NO_FILE, UNNAMED)
        except _InTheWay as blocked:
            words = "what stands in the folder where its file or its folder belongs is neither; move it away, and "
            return Refused(True, False, IN_THE_WAY, words + "release the object", None, str(blocked))
        except _There as failed:
            if failed.error.errno in _OF_THE_OBJECT:
                words = "the file system of the folder does not take it: %s" % _words(failed.error)
                return Refused(True, False, UNFIT, words, None, "")
            raise self._failure(failed.error) from failed

    def _failure(self, error):
        """Return the LinkFailure that an error of the destination's side is."""
        if isinstance(error, _InTheWay):
            words = "%s in it is no folder of its own; move it away" % error
        elif error.errno in (errno.ENOSPC, errno.EDQUOT):
            words = "there is no room left: %s; make some" % _words(error)
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            words = "it cannot be written to: %s; see to its rights, and how it is mounted" % _words(error)
        else:
            words = "%s; see whether the share is there" % _words(error)
        return LinkFailure(FOLDER_LAYER, "the folder %s: %s" % (self._path, words))

    def _names(self, parcel):
        """Return the names (list of str) on the way to a parcel's file."""
        job = parcel.job
        shown = draft.Draft(parcel.chunks, job.syntax, job.sop_class, job.uid, "", "", "", 0)
        return layout.path(self._layout, draft.values(shown, inflater, layout.needed(self._layout)))

    def _put(self, parcel, names):
        """Write a parcel's file durably, and give it its name; return Delivered."""
        file = None
        try:
            file = self._write(parcel)
            self._there(self._disk.fsync, file)
            folder = self._folders(names[:-1])
            try:
                self._publish(file, folder, names[-1])
                self._there(self._sync_folder, folder)
            finally:
                self._disk.close(folder)
        finally:
            if file is not None:
                self._disk.close(file)
            self._drop()
        return Delivered(None, "")

    # The temporary file

    def _began(self):
        """Return the descriptor of a new temporary file."""
        self._name = "%s%s-%d" % (self._prefix, _RUN, next(_NUMBERS))
        return self._disk.open(self._name, _NEW, _FILE_MODE, dir_fd=self._partial)

    def _drop(self):
        """Remove the temporary file, if it still has that name."""
        try:
            self._disk.unlink(self._name, dir_fd=self._partial)
        except OSError:
            pass  # it has its final name, or it goes when the folder is opened the next time

    def _write(self, parcel):
        """Return the descriptor of a temporary file with all of a parcel's file in it, in the best form that can be."""
        failed = set()
        while True:
            form = next(outgoing.forms(parcel, self._compress, failed))
            file = self._there(self._began)
            try:
                self._form = form
                self._fill(file, parcel, form)
                return file
            except BaseException as error:
                self._disk.close(file)
                self._drop()
                if form.is_own or not isinstance(error, DicomError):
                    raise
                failed.add(form.syntax)
            finally:
                self._form = None

    def _fill(self, file, parcel, form):
        self._there(self._disk.write_all, file, outgoing.head(parcel, form, self._title))
        if form.is_own and parcel.fd is not None and self._copied(file, parcel):
            return
        for part in form.chunks():
            self._there(self._disk.write_all, file, part)
            if self._interrupted:
                raise Stopped

    def _copied(self, file, parcel):
        """Have the kernel copy the data set behind the head; False, with nothing behind the head, where it cannot."""
        begun = at = self._there(os.lseek, file, 0, os.SEEK_CUR)
        source, left = parcel.job.offset, parcel.job.size
        try:
            while left:
                count = os.copy_file_range(parcel.fd, file, min(left, _COPY_BYTES), source, at)
                if not count:
                    raise Rotten("its file ended %d octets early" % left)
                source, at, left = source + count, at + count, left - count
                if self._interrupted:
                    raise Stopped
        except OSError:
            self._there(os.ftruncate, file, begun)  # said again, and in words, by the next way if it was no lack of it
            return False
        return True

    # Its name

    def _folders(self, names):
        """Return a descriptor of the last of the folders `names`, one in another, made durably where they are not."""
        folder = self._there(os.dup, self._root)
        for name in names:
            try:
                below = self._there(self._folder, folder, name)
            finally:
                self._disk.close(folder)
            folder = below
        return folder

    def _folder(self, above, name):
        """Return a descriptor of the folder `name` in the open folder `above`, made durably when it is not there."""
        try:
            return self._disk.open(name, _BELOW, dir_fd=above)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno in _BLOCKED:
                raise _InTheWay(name) from None
            raise
        try:
            self._disk.mkdir(name, _FOLDER_MODE, dir_fd=above)
        except FileExistsError:
            pass
        self._sync_folder(above)
        return self._disk.open(name, _BELOW, dir_fd=above)

    def _sync_folder(self, folder):
        try:
            self._disk.fsync(folder)
        except OSError as error:
            if error.errno not in _NO_FOLDER_SYNC:
                raise

    def _publish(self, file, folder, name):
        """Give the temporary file its name in `folder`, or leave it where a file of that name is the same."""
        stem, dot, ending = name.rpartition(".")
        for copy in range(1, _COPIES):
            wanted = name if copy == 1 else "%s.%d%s%s" % (stem or name, copy, dot, ending if stem else "")
            try:
                self._there(self._move, folder, wanted)
                return
            except _There as failed:
                if not isinstance(failed.error, FileExistsError):
                    raise
            if self._there(self._is_same, file, folder, wanted):
                return
        raise _InTheWay("%d files are called %s" % (_COPIES, name))

    def _move(self, folder, name):
        """Give the temporary file its final name; FileExistsError where something has it."""
        try:
            os.link(self._name, name, src_dir_fd=self._partial, dst_dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        else:
            return
        # FAT and some shares know no links: between looking and renaming nobody but this box writes such names
        if self._disk.exists(name, folder):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        self._disk.rename(self._name, name, src_dir_fd=self._partial, dst_dir_fd=folder)

    def _is_same(self, file, folder, name):
        """Say whether the file `name` in `folder` has the same data set as the temporary one; it is durable then."""
        try:
            other = self._disk.open(name, READ | os.O_NONBLOCK, dir_fd=folder)
        except OSError as error:
            if error.errno in (*_BLOCKED, errno.ENXIO):
                raise _InTheWay(name) from None
            raise
        try:
            if not stat.S_ISREG(self._disk.fstat(other).st_mode):
                raise _InTheWay(name)
            if not self._are_same(file, other):
                return False
            self._disk.fsync(other)
            return True
        finally:
            self._disk.close(other)

    def _are_same(self, file, other):
        ours, theirs = _data_set(self._disk, file), _data_set(self._disk, other)
        if theirs is None or ours[0] != theirs[0]:
            return False
        at, place = ours[1], theirs[1]
        while True:
            one = self._disk.pread_all(file, _COMPARE_BYTES, at)
            if one != self._disk.pread_all(other, _COMPARE_BYTES, place):
                return False
            if not one:
                return True
            at, place = at + len(one), place + len(one)

    def _there(self, call, *arguments):
        """Do a call on the destination's side; raises _There where it fails with an OSError."""
        try:
            return call(*arguments)
        except OSError as error:
            raise _There(error) from error

    def close(self):
        """Let go of the folder."""
        for fd in (self._root, self._partial):
            if fd is not None:
                try:
                    self._disk.close(fd)
                except OSError:
                    pass  # what was to be durable was synced before
        self._root = self._partial = None

    def interrupt(self):
        """Break off what is being written; a call that hangs in the kernel stays there."""
        self._interrupted = True
        form = self._form
        if form is not None:
            form.stop()


def _words(error):
    return (error.strerror or str(error)).lower()


def _data_set(disk, file):
    """Return (transfer syntax, offset) of the data set in a Part 10 file; None where the file is none."""
    reader = part10.HeadReader()
    try:
        if not reader.feed(disk.pread_all(file, 1 << 16, 0)):
            reader.finish()
    except DicomError:
        return None
    return reader.transfer_syntax.uid, reader.data_set_offset


def _is_mount_point(fd, path):
    """Say whether the open folder at `path` is the top of what is mounted there.

    The kernel says on which mount a descriptor lies; a folder beneath a mount that is gone lies on another.
    """
    with open("/proc/self/fdinfo/%d" % fd, encoding="ascii") as file:
        number = next(line.split()[1] for line in file if line.startswith("mnt_id:"))
    wanted = os.fsencode(os.path.realpath(path))
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            fields = line.split(b" ")
            if fields[0] == number.encode("ascii"):
                point = re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), fields[4])
                return point == wanted
    return False
