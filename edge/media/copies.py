"""Leaves copied into a folder, made durable, dropped from memory, read back from the device and compared.

Three passes: what is written is on its way to the device while the next is copied; then each file and folder is synced,
which finds little left to do; then the kernel forgets the pages, and what is read has to come from the device. Nothing
is taken for written because it was, only because it reads the same.
"""

import os

from edge.media import beside
from edge.media.errors import MediaError
from edge.media.leaf import Leaf
from edge.media.inventory import nameless
from edge.media.manifest import Manifest, pieces
from edge.media.written import Written

_STRIDE = 8 << 20


def write(inventory, folder, own, manifest=None):
    """Copy an Inventory into an empty folder and compare: a generator of Written, of twice the octets.

    own: a folder of the box for what is kept meanwhile; manifest: where to leave the digests of all files, if anywhere.
    Raises MediaError. The folder is the caller's to remove where this did not come to its end.
    """
    octets = inventory.sizes.octets
    with Manifest(nameless(own)) as digests:
        try:
            yield from _copy(inventory, folder, digests, octets)
            for leaf in inventory:
                _settle(os.path.join(folder, leaf.name))
            for name in reversed(inventory.sizes.folders()):
                beside.sync(os.path.join(folder, name))
        except OSError as error:
            raise beside.put(error, folder, octets) from error
        yield from compare(inventory, folder, digests, octets)
        if manifest:
            digests.save(manifest)


def _copy(inventory, folder, digests, octets):
    from hashlib import sha256

    for name in inventory.sizes.folders()[1:]:
        os.mkdir(os.path.join(folder, name), 0o755)
    done = shown = 0
    for leaf in inventory:
        digest = sha256()
        fd = os.open(os.path.join(folder, leaf.name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            for piece in pieces(leaf):
                digest.update(piece)
                while piece:
                    made = os.write(fd, piece)
                    piece, done = piece[made:], done + made
                if done - shown >= _STRIDE:
                    shown = done
                    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                    yield Written(done, 2 * octets)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)  # begins to write it out
        finally:
            os.close(fd)
        digests.add(leaf.name, digest.hexdigest())
    yield Written(octets, 2 * octets)


def _settle(path):
    """Make a file durable and have the kernel forget its pages."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def compare(inventory, folder, digests, octets):
    """Read what an Inventory became and hold it against its digests: a generator of Written.

    Raises MediaError on a mismatch.
    """
    from hashlib import sha256

    done = shown = 0
    for leaf, (name, wanted) in zip(inventory, digests, strict=True):
        digest = sha256()
        try:
            for piece in pieces(Leaf(name, os.path.join(folder, name), leaf.size), drop=True):
                digest.update(piece)
                done += len(piece)
                if done - shown >= _STRIDE:
                    shown = done
                    yield Written(octets + done, 2 * octets)
        except MediaError as error:
            raise MediaError(f"FAILED: {error} Do not hand it out: take another stick or disk") from error
        if digest.hexdigest() != wanted:
            raise MediaError(
                f"FAILED: {name} does not read as it was written, do not hand it out: take another stick or disk"
            )
    yield Written(2 * octets, 2 * octets)
