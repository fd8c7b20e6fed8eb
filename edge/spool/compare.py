"""Whether two data sets are the same, with constant memory however large they are."""

CHUNK_BYTES = 256 << 10


def same(disk, files, stored, fd, offset, arrival):
    """Say whether the data set of a stored object is the one that lies in the open file `fd` from `offset`.

    `arrival`: size, crc and transfer_syntax of the latter. Same octets are; the checksums alone never decide it.
    """
    if (stored.size, stored.crc, stored.syntax) != (arrival.size, arrival.crc, arrival.transfer_syntax):
        return False
    try:
        other = files.open(stored)
    except OSError:
        return False
    try:
        return same_octets(disk, other, stored.offset, fd, offset, arrival.size)
    except OSError:
        return False
    finally:
        disk.close(other)


def same_octets(disk, one, one_offset, other, other_offset, length):
    """Say whether two open files have the same `length` octets at these offsets."""
    size = min(length, CHUNK_BYTES)
    mine, theirs = memoryview(bytearray(size)), memoryview(bytearray(size))
    done = 0
    while done < length:
        count = min(size, length - done)
        if _fill(disk, one, mine[:count], one_offset + done) < count:
            return False
        if _fill(disk, other, theirs[:count], other_offset + done) < count:
            return False
        if mine[:count] != theirs[:count]:
            return False
        done += count
    return True


def _fill(disk, fd, view, offset):
    """Read into all of `view` from `offset`; return how much there was."""
    done = 0
    while done < len(view):
        count = disk.preadv(fd, (view[done:],), offset + done)
        if count == 0:
            break
        done += count
    return done
