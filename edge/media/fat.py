"""A whole USB stick formatted as FAT32, with a volume on it: all that was there before is lost, so somebody has to ask.

dosfstools formats, mtools copies, both at an offset into the device, where the only partition is to begin: nothing has
to be mounted, and the box needs no more rights than to write to the device. The partition table comes last, when
everything has been read back from the device and compared; until then the stick is empty to every reader, also after
a power cut.

Source: PS3.12 R (FAT32 on the first partition); Microsoft's FAT specification of 2000 for sizes of clusters.
"""

import errno
import os
import stat
from struct import pack

from edge.media import beside, devices, layout
from edge.media.child import Child, run
from edge.media.errors import MediaError
from edge.media.inventory import Inventory, nameless
from edge.media.manifest import Manifest, pieces
from edge.media.written import Made, Written

_SECTOR = 512
_START = 2048  # the partition's first sector: 1 MiB, where flash likes it
_FRONT = _START * _SECTOR
_LEAST = 64 << 20  # less than this has too few clusters for FAT32
_MOST = (1 << 32) * _SECTOR - _FRONT  # a partition table counts in 32 bits
_CLUSTERS = ((260 << 20, 512), (8 << 30, 4096), (16 << 30, 8192), (32 << 30, 16384), (_MOST, 32768))
_FAT32_LBA = 0x0C
_RESERVED = 64 * _SECTOR
_LABEL = 11
_LOOK_S = 0.2
_STRIDE = 8 << 20
_FLUSH, _REREAD = 0x1261, 0x125F  # BLKFLSBUF, BLKRRPART


def write(leaves, device, volume, own, manifest=None, root="/"):
    """Format a device and write a volume to it: a generator of Written, which returns Made.

    device: of a whole stick, such as /dev/sdb, or a file in its place; volume: its identifier; own: a folder of the box
    for what is kept meanwhile; manifest: a file of the box for the digests; root: as in edge.media.devices.
    Raises MediaError; from the first Written on the stick is empty until all is done.
    """
    layout.check_volume(volume)
    whole = size(device, root)
    cluster = _cluster(whole)
    with Inventory(leaves, own) as inventory, beside.Folder(own) as staging, Manifest(nameless(own)) as digests:
        octets = inventory.sizes.octets
        needed = _FRONT + _RESERVED + 2 * 4 * (whole // cluster + 2) + inventory.sizes.on_fat(cluster)
        if needed > whole:
            raise MediaError(
                f"{device} is too small: it has {whole:,} octets and {needed:,} are needed; take a larger one"
            )
        try:
            _link(inventory, staging.path)
            _blank(device, whole)
            yield Written(0, 2 * octets)
            _format(device, volume, whole, cluster)
            yield from _copy(inventory, device, staging.path, octets)
            _settle(device)
            yield from _compare(inventory, device, digests, octets)
            _divide(device, whole)
        except OSError as error:
            raise beside.put(error, device, octets) from error
        if manifest:
            digests.save(manifest)
    yield Written(2 * octets, 2 * octets)
    return Made(device, octets, "")


def empty(device, volume, root="/"):
    """Format a device, and leave nothing on it; return how many octets it has. device, volume, root: as `write` has."""
    layout.check_volume(volume)
    octets = size(device, root)
    try:
        _blank(device, octets)
        _format(device, volume, octets, _cluster(octets))
        _settle(device)
        _divide(device, octets)
    except OSError as error:
        raise beside.put(error, device, octets) from error
    return octets


def _cluster(octets):
    return next(cluster for most, cluster in _CLUSTERS if octets <= most)


def size(device, root="/"):
    """Return how many octets a device has that may be formatted; MediaError says why it may not."""
    try:
        found = os.stat(device)
        if not stat.S_ISBLK(found.st_mode) and not stat.S_ISREG(found.st_mode):
            raise MediaError(f"{device} is no stick: name the device of the whole stick, such as /dev/sdb")
        place = devices.is_used(device, root)
        if place:
            raise MediaError(
                f"{device} is mounted at {place}: unmount it before it is formatted, or write to that folder"
            )
        fd = os.open(device, os.O_RDWR | os.O_CLOEXEC | os.O_EXCL * stat.S_ISBLK(found.st_mode))
        try:
            octets = os.lseek(fd, 0, os.SEEK_END)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise MediaError(f"{device} is in use: unmount it, or end what uses it, before it is formatted") from error
        raise MediaError(f"{device} cannot be used: {error.strerror}; put the stick in, or name another") from error
    if not _LEAST <= octets <= _MOST:
        raise MediaError(f"{device} has {octets:,} octets, and FAT32 wants {_LEAST:,} to {_MOST:,}: take another stick")
    return octets


def _link(inventory, folder):
    """Lay out the volume in a folder by links, as mcopy takes it."""
    for name in inventory.sizes.folders()[1:]:
        os.mkdir(os.path.join(folder, name))
    for leaf in inventory:
        os.symlink(os.path.abspath(leaf.path), os.path.join(folder, leaf.name))


def _blank(device, size):
    """Take away the tables of partitions, at both ends."""
    fd = os.open(device, os.O_WRONLY | os.O_CLOEXEC)
    try:
        for at, length in ((0, _FRONT + _RESERVED), (size - 64 * _SECTOR, 64 * _SECTOR)):
            while length:
                made = os.pwrite(fd, bytes(min(length, 1 << 16)), at)
                at, length = at + made, length - made
        os.fsync(fd)
    finally:
        os.close(fd)


def _format(device, volume, size, cluster):
    place = ["-F", "32", "-s", str(cluster // _SECTOR), "-h", str(_START), f"--offset={_START}", "--mbr=no"]
    run("mkfs.vfat", *place, "-n", volume[:_LABEL], device, str((size - _FRONT) // 1024))


def _copy(inventory, device, folder, octets):
    """Have mcopy copy what a folder holds, the files of the root at the end, yielding Written."""
    inner, files = inventory.sizes.roots()
    with Child("mcopy", "-s", "-Q", "-i", f"{device}@@{_FRONT}", *inner, *files, "::/", folder=folder) as child:
        code = seen = None
        while code is None:
            code = child.ended(_LOOK_S)
            done = min(_has_written(child.pid), octets)
            if code is None and done != seen:
                seen = done
                yield Written(done, 2 * octets)
        if code:
            raise MediaError(f"FAILED: {device} cannot be written: {child.last_words()}; take another stick")


def _has_written(pid):
    """How many octets a process has written; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/io", encoding="ascii") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("wchar")), 0)
    except OSError:
        return 0


def _settle(device):
    """Make a device durable and have the kernel forget what it holds."""
    import fcntl

    fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        if stat.S_ISBLK(os.fstat(fd).st_mode):
            fcntl.ioctl(fd, _FLUSH)
    finally:
        os.close(fd)


def _compare(inventory, device, digests, octets):
    """Read every file from the device and hold it against the leaf that it came from, yielding Written.

    mtools gives one file to a pipe at a time.
    """
    from hashlib import sha256

    buffer = memoryview(bytearray(1 << 20))
    done = shown = 0
    for leaf in inventory:
        wanted, found = sha256(), sha256()
        for piece in pieces(leaf):
            wanted.update(piece)
        with Child("mtype", "-i", f"{device}@@{_FRONT}", f"::/{leaf.name}", data=True) as child:
            while count := child.read(buffer):
                found.update(buffer[:count])
                done += count
                if done - shown >= _STRIDE:
                    shown = done
                    yield Written(min(octets + done, 2 * octets), 2 * octets)
            child.finish()
        if found.digest() != wanted.digest():
            raise MediaError(
                f"FAILED: {leaf.name} does not read from {device} as it was written, do not hand it out: take another"
                " stick"
            )
        digests.add(leaf.name, wanted.hexdigest())
    yield Written(2 * octets, 2 * octets)


def _divide(device, size):
    """Write the partition table: one partition of FAT32, from 1 MiB to the end. With it the volume is there."""
    import fcntl

    entry = pack("<B3sB3sII", 0, b"\xfe\xff\xff", _FAT32_LBA, b"\xfe\xff\xff", _START, (size - _FRONT) // _SECTOR)
    fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.pwrite(fd, bytes(446) + entry + bytes(48) + b"\x55\xaa", 0)
        os.fsync(fd)
        if stat.S_ISBLK(os.fstat(fd).st_mode):
            try:
                fcntl.ioctl(fd, _REREAD)
            except OSError:
                pass  # whoever mounts it next has the kernel read the table
    finally:
        os.close(fd)
