"""The role that mounts sticks and discs: removable ones alone, of file systems that media have, and nothing runs there.

The device is one of those that the kernel calls removable, or that hang on USB; a disk that the box itself lives on is
none, even where it hangs on USB: what is mounted elsewhere is not touched. What is on a medium is data alone: no
program is started from it, no device file and no other user's rights count (noexec, nodev, nosuid).
"""

import os
import pwd

from edge.media import devices
from edge.steward import programs
from edge.steward.errors import Refused
from edge.steward.shapes import Argument, Role, State, Verb

FOLDER = "/run/edge/media"
_MOUNT, _UMOUNT, _BLKID, _SYNC = "/usr/bin/mount", "/usr/bin/umount", "/usr/sbin/blkid", "/usr/bin/sync"
_PROGRAM_S = 60
_SYNC_S = 600  # a slow stick, and a gigabyte that waits for it
_SAFE = "nosuid,nodev,noexec"
# kind of file system: (its options for a user's files, whether it can be written)
_KINDS = {
    "vfat": ("uid=%d,gid=%d,umask=0077,utf8=1", True),
    "exfat": ("uid=%d,gid=%d,umask=0077", True),
    "iso9660": ("uid=%d,gid=%d,mode=0400,dmode=0500", False),
    "udf": ("uid=%d,gid=%d,umask=0077", False),
}


class Mounts(State):
    """What is removable, and where it is mounted. user: whose the files are to be; root: "/" but in tests."""

    def __init__(self, user="edge", folder=FOLDER, root="/", run=programs.run):
        self._user = user
        self._folder = folder
        self._root = root
        self._run = run

    def found(self):
        """Return {device's name: where it is mounted, or ""} of everything that could be mounted."""
        found = {}
        for each in devices.sticks(self._root):
            # A disk of which the system has anything mounted may be the one that the box itself lives on
            others = [one.folder for one in each.mounts if not one.folder.startswith(self._folder + "/")]
            for part in each.parts:
                found[os.path.basename(part)] = others[0] if others else devices.is_used(part, self._root)
        for each in devices.burners(self._root):
            found[os.path.basename(each.path)] = devices.is_used(each.path, self._root)
        return found

    def rows(self):
        """Return a row for each."""
        return [{"device": name, "path": folder} for name, folder in self.found().items()]

    def mount(self, name, is_to_write):
        """Mount a device, and return where. Raises Refused."""
        found = self.found()
        if name not in found:
            there = ", ".join(found) or "there is none"
            raise Refused("%s is no stick, card or disc that is in (%s)" % (name, there))
        place = os.path.join(self._folder, name)
        if found[name] not in ("", place):
            raise Refused("%s is mounted on %s already, and not by the box" % (name, found[name]))
        kind, device = self._kind(name), os.path.join("/dev", name)
        if found[name]:
            if not is_to_write or not _is_read_only(place, self._root):
                return place
            self.unmount(name)
        own, can_write = _KINDS[kind]
        if is_to_write and not can_write:
            raise Refused("%s has %s, which cannot be written; what goes on a disc is burned" % (name, kind))
        user = self._owner()
        options = "%s,%s,%s" % ("rw" if is_to_write else "ro", _SAFE, own % (user.pw_uid, user.pw_gid))
        os.makedirs(place, 0o755, exist_ok=True)
        try:
            self._run([_MOUNT, "-t", kind, "-o", options, device, place], _PROGRAM_S)
        except Refused:
            os.rmdir(place)
            raise
        return place

    def unmount(self, name):
        """Write out what waits, and let go of a device; Refused while something on it is open."""
        place = os.path.join(self._folder, name)
        if self.found().get(name, "") != place and not os.path.ismount(place):
            raise Refused("%s is not mounted by the box" % name)
        self._run([_SYNC, "-f", place], _SYNC_S)
        try:
            self._run([_UMOUNT, place], _SYNC_S)
        except Refused as error:
            words = "%s is in use: wait until what reads or writes it is done (%s)"
            raise Refused(words % (name, error)) from None
        os.rmdir(place)

    def _kind(self, name):
        kind = self._run([_BLKID, "-p", "-o", "value", "-s", "TYPE", "/dev/" + name], _PROGRAM_S).strip()
        if kind not in _KINDS:
            words = "%s has %s; the box reads %s" % (name, kind or "no file system", ", ".join(_KINDS))
            raise Refused(words)
        return kind

    def _owner(self):
        try:
            return pwd.getpwnam(self._user)
        except KeyError:
            raise Refused("there is no user %s whose the files could be" % self._user) from None


def _is_read_only(place, root):
    return any([each.is_read_only for each in devices.mounts(root) if each.folder == place])


def _open():
    return Mounts()


_DEVICE = Argument("device", "text", "Its name, such as sdb1.", like="[a-z]+[a-z0-9]*", most=32)
ROLE = Role(
    "mounts",
    "mounts sticks and discs",
    (
        Verb("list", "says what could be mounted, and where", lambda state, _: {"media": state.rows()}, alone=False),
        Verb(
            "mount",
            "mounts one",
            lambda state, given: {"path": state.mount(given["device"], given.get("write", False))},
            (_DEVICE, Argument("write", "truth", "Whether it is to be written.", False)),
        ),
        Verb("unmount", "lets go of one", lambda state, given: state.unmount(given["device"]) or {}, (_DEVICE,)),
    ),
    _open,
)
