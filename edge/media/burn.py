"""Images burnt to discs, read back and compared.

xorriso burns (its cdrecord mode), one session that is closed. Then it reads the disc back through the drive and not
through the kernel, which may still know what was there before; what comes is hashed, and only the image's SHA-256 over
the image's length counts as burnt: the message of a burner that all went well does not, nor does xorriso's own check,
which says "good" of blocks that can be read, whatever they hold.

A drive is a device such as /dev/sr0, or `stdio:/path`, a file that xorriso takes for a drive.

Source: MMC-5 by way of libburn; ioctl numbers: linux/cdrom.h.
"""

import errno
import os
import re
from collections import namedtuple

from edge.media import layout
from edge.media.child import Child
from edge.media.errors import MediaError, NoDisc
from edge.media.leaf import Leaf
from edge.media.manifest import pieces
from edge.media.written import Made, Written

# kind: what the drive calls the disc; is_blank; octets: how much can still be written
Disc = namedtuple("Disc", "kind is_blank octets")

_STRIDE = 8 << 20
_SHUT_DOWN_S = 120  # what a drive may take to come to rest when burning is cancelled
_DRIVE_STATUS, _CURRENT = 0x5326, 0x7FFFFFFF
_NO_DISC = "there is no disc in {}: put in a blank one"
_STATES = {
    1: _NO_DISC,
    2: "the tray of {} is open: put in a blank disc and close it",
    3: "{} is not ready: wait until its light is off, or take the disc out and put it in again",
}
_BUSY = "{} is busy: another program uses the disc, or it is mounted; unmount it, or wait until that is done"
_STDIO = "stdio:"
_PROGRESS = re.compile(r"UPDATE : +(\d+) of +\d+ MB written")
_WRITABLE = re.compile(r"(\d+) writable")
_SPEED = re.compile(r"\d{1,3}(\.\d)?[cdb]?")
# What xorriso and libburn say -> what it means; the first that fits counts.
_MEANINGS = (
    (re.compile(r"[Bb]usy"), _BUSY),
    (re.compile(r"not found|Cannot access '"), "there is no burner at {}: connect it, or name another"),
    (re.compile(r"Permission denied|no rw-permission"), "the box may not use {}: make its user a member of cdrom"),
    (re.compile(r"exceeds free space|larger than free space"), "the disc in {} is too small: put in a larger one"),
    (re.compile(r"no recordable media|[Nn]o suitable media|not recordable"), _NO_DISC),
)


def look(drive):
    """Return the Disc that is in a drive; MediaError when there is none, or the drive cannot be had."""
    _check_drive(drive)
    kind, is_blank, room = "", None, 0
    with Child("xorriso", "-no_rc", "-outdev", drive, "-toc") as child:
        lines = []
        for line in child.lines():
            lines.append(line)
            key, _, value = line.partition(":")
            key, value = key.strip(), value.strip()
            if key == "Media current":
                kind = value
            elif key == "Media status":
                is_blank = value == "is blank"
                if "not recogn" in value or "absent" in value:
                    raise NoDisc(_NO_DISC.format(drive))
            elif key == "Media blocks":
                found = _WRITABLE.search(value)
                room = int(found[1]) * layout.SECTOR if found else 0
            if len(lines) > 200:
                raise MediaError(f"xorriso says too much of {drive}: take the disc out and put in another")
        if child.finish() or is_blank is None:
            words = _meaning(lines, drive)
            kind_of = NoDisc if words == _NO_DISC.format(drive) else MediaError
            raise kind_of(words or f"{drive} cannot be used: {child.last_words()}")
    if "not recogn" in kind:
        raise NoDisc(_NO_DISC.format(drive))
    return Disc(kind, is_blank, room)


def check(drive, octets):
    """Return the Disc in a drive that takes an image of so many octets; MediaError says why it does not."""
    disc = look(drive)
    if not disc.is_blank:
        raise NoDisc(f"the disc in {drive} is not blank ({disc.kind}): put in a blank one")
    needed = octets + layout.BURN_PADDING
    if disc.octets < needed:
        raise MediaError(
            f"the disc in {drive} is too small: it takes {disc.octets:,} octets and the image needs {needed:,};"
            " put in a larger one, or write several volumes"
        )
    return disc


def write(image, drive, speed=""):
    """Burn an image, read it back and compare: a generator of Written, which returns Made.

    image: its path; speed: as xorriso has it, such as "8", "16c", "4d", or "" for the fastest. Half of the octets are
    burnt, half read back.
    Raises MediaError. When that says FAILED, or when the generator is closed before its end, the disc is not to be
    handed out; the same image may be burnt on the next.
    """
    if speed and not _SPEED.fullmatch(speed):
        raise MediaError(f"{speed[:20]!r} is no speed: give a number, with c, d or b behind it for CD, DVD or BD")
    try:
        octets = os.stat(image).st_size
    except OSError as error:
        raise MediaError(f"the image {image} cannot be read: {error.strerror}; make it again") from error
    check(drive, octets)
    wanted = yield from _digest(image, octets)
    yield from _burn(image, drive, octets, speed)
    found = yield from _read_back(drive, octets)
    if found != wanted:
        raise MediaError(
            f"FAILED: the disc in {drive} does not hold what was written, do not hand it out: destroy it, since it may"
            " show patients, and burn again on another"
        )
    return Made(drive, octets, found)


def _digest(image, octets):
    """Return the SHA-256 of the image, of which nothing is burnt yet."""
    from hashlib import sha256

    digest, done = sha256(), 0
    for piece in pieces(Leaf(image, image, octets)):
        digest.update(piece)
        done += len(piece)
        if done % _STRIDE == 0:
            yield Written(0, 2 * octets)
    return digest.hexdigest()


def _burn(image, drive, octets, speed):
    """Burn an image, yielding Written up to half of the way."""
    options = ["-no_rc", "-as", "cdrecord", "-v", f"dev={drive}", "padsize=300k"]
    if speed:
        options.append(f"speed={speed}")
    begun = False
    with Child("xorriso", *options, os.path.abspath(image), patience_s=_SHUT_DOWN_S) as child:
        lines = []
        for line in child.lines():
            progress = _PROGRESS.search(line)
            if progress:
                yield Written(min(int(progress[1]) << 20, octets), 2 * octets)
            else:
                lines = [*lines[-30:], line]
                begun = begun or "Beginning to write" in line
        code = child.finish()
        if not code and begun:
            yield Written(octets, 2 * octets)
            return
        if not begun:
            raise MediaError(_meaning(lines, drive) or f"{drive} cannot be used: {child.last_words()}")
        told = [line for line in lines if " : SORRY : " in line or " : FATAL : " in line] or [child.last_words()]
        raise MediaError(
            f"FAILED: the disc in {drive} could not be written ({told[0].split(' : ')[-1]}), do not hand it out:"
            " destroy it, and burn again on another; when that fails as well, burn slower or clean the drive"
        )


def _read_back(drive, octets):
    """Read the disc to the image's length and return its SHA-256, yielding Written from half of the way on."""
    from hashlib import sha256

    digest, done, shown = sha256(), 0, 0
    _forget(drive)
    buffer = memoryview(bytearray(1 << 20))
    last = -(-octets // layout.SECTOR) - 1
    what = ["use=outdev", "what=disc", "min_lba=0", f"max_lba={last}", "data_to=-", "--"]
    with Child("xorriso", "-no_rc", "-outdev", drive, "-check_media", *what, data=True) as child:
        while count := child.read(buffer):
            digest.update(buffer[: min(count, octets - done)])
            done = min(done + count, octets)
            if done - shown >= _STRIDE:
                shown = done
                yield Written(octets + done, 2 * octets)
        child.finish()
        if done != octets:
            raise MediaError(
                f"FAILED: only {done:,} of {octets:,} octets can be read from the disc in {drive}, do not hand it out:"
                f" destroy it, and burn again on another ({child.last_words()})"
            )
    yield Written(2 * octets, 2 * octets)
    return digest.hexdigest()


def _forget(drive):
    """Have the kernel forget the pages of a drive that is a file, so that they come from its disk."""
    path = drive.removeprefix(_STDIO)
    if path != drive:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise MediaError(f"{drive} cannot be read back: {error.strerror}; burn again on another") from error
        try:
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)


def _check_drive(drive):
    """Raise MediaError unless a drive is one, is free, and has a disc in it, as far as the kernel knows."""
    import fcntl

    if drive.startswith(_STDIO + "/"):
        return
    if not drive.startswith("/dev/"):
        raise MediaError(f"{drive[:80]!r} is no burner: name its device, such as /dev/sr0")
    try:
        fd = os.open(drive, os.O_RDONLY | os.O_NONBLOCK | os.O_EXCL | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise MediaError(_BUSY.format(drive)) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise MediaError(f"the box may not use {drive}: make its user a member of cdrom") from error
        raise MediaError(f"there is no burner at {drive} ({error.strerror}): connect it, or name another") from error
    try:
        state = fcntl.ioctl(fd, _DRIVE_STATUS, _CURRENT)
    except OSError as error:
        raise MediaError(f"{drive} is no burner ({error.strerror}): name its device, such as /dev/sr0") from error
    finally:
        os.close(fd)
    if state in _STATES:
        raise NoDisc(_STATES[state].format(drive))


def _meaning(lines, drive):
    """Return what the words of xorriso mean for a person, or None."""
    for pattern, words in _MEANINGS:
        if any(pattern.search(line) for line in lines):
            return words.format(drive)
    return None
