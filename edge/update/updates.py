"""One update at a time: taken in and checked, then installed by the steward while the box goes on with its work.

What is brought as a file is staged in the box's state folder first: a stick may be pulled, a browser closed. The check
is done here, without privileges; the steward's RAUC does it again. Installing is a thread of its own, which whoever
looks may follow; it ends with the new version in the other slot, to be tried at the next start.
"""

import os
import threading
from collections import namedtuple

from edge.steward import client
from edge.steward.errors import StewardError
from edge.update import bundle, release
from edge.update.errors import Unfit

CERTIFICATE = "/etc/edge/update.pem"
ROLE = "updating"
_NAME, _PARTIAL = "staged.raucb", "staged.part"
_PIECE = 1 << 20
_INSTALL_S = 900  # how long the steward may be silent over a thin line

# How far the update under way is. stage: "idle", "installing", "installed" or "failed"; percent: 0 to 100; words: what
# is being done, or why it failed; version: of the update, "" for none; slot: where it was installed
Progress = namedtuple("Progress", ("stage", "percent", "words", "version", "slot"))
_IDLE = Progress("idle", 0, "", "", None)


def certificate_at():
    """Return the path of the certificate for updates; the environment's EDGE_UPDATE_PEM goes before CERTIFICATE."""
    return os.environ.get("EDGE_UPDATE_PEM") or CERTIFICATE


def here():
    """Return the release.Release that runs; the environment's EDGE_RELEASE may name another file of it."""
    return release.here(os.environ.get("EDGE_RELEASE") or release.PLACE)


class Updates:
    """The updates of a box whose state folder is `state_dir`; reserve_bytes: of free space that staging leaves."""

    def __init__(self, state_dir, reserve_bytes):
        self._folder = os.path.join(state_dir, "update")
        self._reserve_bytes = reserve_bytes
        self._changed = threading.Condition()
        self._progress = _IDLE
        self._staging = threading.Lock()

    # Staging

    @property
    def staged_path(self):
        """Where the staged update is, if there is one."""
        return os.path.join(self._folder, _NAME)

    def room(self):
        """Return how many octets of an update may be staged."""
        os.makedirs(self._folder, 0o700, exist_ok=True)
        found = os.statvfs(self._folder)
        return max(0, found.f_bavail * found.f_frsize - self._reserve_bytes)

    def staged(self):
        """Return the bundle.Bundle that is staged, None for none, and none that this box takes."""
        try:
            return self._looked_at(self.staged_path, True)
        except (OSError, Unfit):
            return None

    def stage(self, file, length=None, allow_older=False, offset=0):
        """Copy what `file` reads and check all of it; yield (octets done, of all or None); return its bundle.Bundle.

        length: of all of it, where that is known before; offset: of this piece, where it comes in several: then None
        is returned until it is whole. Raises Unfit, and nothing of it is kept then.
        """
        if not self._staging.acquire(blocking=False):
            raise Unfit("another update is being taken in; wait for its end")
        partial, is_over = self._partial, True
        try:
            if self.progress().stage == "installing":
                raise Unfit("an update is being installed; wait for its end")
            if offset == 0:
                self.forget()
                _remove(partial)
                self._must_fit(length or 0)
            elif offset != self.brought():
                raise Unfit("the piece is not the next one: begin again")
            yield from self._copy(file, partial, offset, length)
            if length is not None and self.brought() < length:
                is_over = False
                return None
            fd = os.open(partial, os.O_RDONLY | os.O_CLOEXEC)
            try:
                source = bundle.File(fd)
                found = bundle.read(source, certificate_at())
                bundle.fits(found, here(), allow_older)
                yield from bundle.verify(source, found)
            finally:
                os.close(fd)
            os.rename(partial, self.staged_path)
            return found
        except OSError as error:
            raise Unfit("the update cannot be kept for now: %s" % (error.strerror or str(error)).lower()) from None
        finally:
            if is_over:
                _remove(partial)
            self._staging.release()

    @property
    def _partial(self):
        return os.path.join(self._folder, _PARTIAL)

    def brought(self):
        """Return how many octets of an update that comes in pieces are here."""
        try:
            return os.stat(self._partial).st_size
        except FileNotFoundError:
            return 0

    def _must_fit(self, length):
        room = self.room()
        if length > room or not room:
            words = "there is no room for the update on the data partition: it needs %d MB, and %d MB may be used"
            raise Unfit(words % (-(-length // 1_000_000), room // 1_000_000))

    def _copy(self, file, partial, done, length):
        with open(partial, "ab") as into:
            while piece := file.read(_PIECE):
                done += len(piece)
                if done > bundle.MOST_BYTES:
                    raise Unfit("this is no update: it is longer than any")
                self._must_fit(len(piece))
                into.write(piece)
                yield done, length
            into.flush()
            os.fsync(into.fileno())

    def _looked_at(self, path, allow_older):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = bundle.read(bundle.File(fd), certificate_at())
        finally:
            os.close(fd)
        bundle.fits(found, here(), allow_older)
        return found

    def forget(self):
        """Remove what is staged."""
        _remove(self.staged_path)

    # Installing

    def progress(self):
        """Return the Progress."""
        with self._changed:
            return self._progress

    def begin(self, url=None, allow_older=False, after=None):
        """Install what is staged, or what is at an address, in a thread; return its bundle.Bundle. Raises Unfit.

        after: function without arguments that is called when it is installed.
        """
        if url is not None:
            from edge.update import stream

            found = bundle.read(stream.Stream(url), certificate_at())
            bundle.fits(found, here(), allow_older)
        else:
            try:
                found = self._looked_at(self.staged_path, allow_older)
            except OSError:
                raise Unfit("no update is staged: bring one first") from None
        if not client.is_there(client.folder(), ROLE):
            raise Unfit("nothing here installs updates: only an appliance does, by its steward `%s`" % ROLE)
        with self._changed:
            if self._progress.stage == "installing":
                raise Unfit("an update is being installed; wait for its end")
            self._progress = Progress("installing", 0, "beginning", found.version, None)
        work = (found, url or os.path.abspath(self.staged_path), after)
        threading.Thread(target=self._install, args=work, name="update", daemon=True).start()
        return found

    def _install(self, found, source, after):
        asking = client.ask(client.folder(), ROLE, "install", _INSTALL_S, source=source, version=found.version)
        try:
            while True:
                try:
                    told = next(asking)
                except StopIteration as end:
                    slot = end.value["slot"]
                    break
                self._tell(Progress("installing", told["percent"], told["words"], found.version, None))
            self.forget()
            self._tell(Progress("installed", 100, "it is tried at the next start", found.version, slot))
            if after is not None:
                after()
        except StewardError as error:
            self._tell(Progress("failed", 0, str(error), found.version, None))

    def _tell(self, progress):
        with self._changed:
            self._progress = progress
            self._changed.notify_all()

    def follow(self):
        """Yield each Progress until nothing is being installed any more."""
        seen = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._progress is not seen)
                seen = self._progress
            yield seen
            if seen.stage != "installing":
                return


def restart():
    """Have the steward start the box anew. Raises StewardError."""
    client.answer(client.folder(), "resetting", "reboot")


def _remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
