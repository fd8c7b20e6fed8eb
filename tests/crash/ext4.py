"""A disk of its own for a test: ext4 on a loop file, that can lose its power.

A power cut is EXT4_IOC_SHUTDOWN without flushing the journal: from that instant nothing reaches the disk any more, and
what was only in memory is gone when the file system is unmounted. Mounting it again replays the file system's own
journal, as after a real one.
"""

import fcntl
import os
import struct
import subprocess

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
_WITHOUT_FLUSHING_THE_LOG = struct.pack("I", 2)


class Ext4:
    """An ext4 file system mounted on `folder`; use it in a `with` block."""

    def __init__(self, folder, mebibytes=64, *options):
        if os.geteuid() != 0:
            raise PermissionError("this test mounts file systems and cuts their power: run it as root")
        self.path = str(folder)
        self._image = self.path + ".img"
        with open(self._image, "wb") as file:
            file.truncate(mebibytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", *options, self._image], check=True)
        os.makedirs(self.path, exist_ok=True)

    def __enter__(self):
        # What lies on something shared is taken off in every mount namespace that a neighbour's test makes meanwhile
        # (as a slave); one that held on to it would keep it without power.
        subprocess.run(["mount", "--bind", "--make-shared", self.path, self.path], check=True)
        self.mount()
        return self

    def __exit__(self, *_):
        if os.path.ismount(self.path):
            subprocess.run(["umount", "--lazy", self.path], check=True)
        subprocess.run(["umount", "--lazy", self.path], check=True)

    def mount(self):
        """Give it power; the file system repairs itself."""
        subprocess.run(["mount", "-o", "loop", self._image, self.path], check=True)

    def unmount(self):
        """Take it off; nobody may have a file of it open."""
        subprocess.run(["umount", self.path], check=True)

    def cut(self):
        """Cut the power: what was not synced by now is lost."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _SHUTDOWN, _WITHOUT_FLUSHING_THE_LOG)
        finally:
            os.close(fd)

    def check(self):
        """Unmount it and have fsck look at it; AssertionError with what it says when it is not clean."""
        self.unmount()
        done = subprocess.run(["e2fsck", "-fn", self._image], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
