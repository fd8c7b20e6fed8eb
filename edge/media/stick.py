"""A volume on a USB stick that is mounted, or in a folder: written beside, synced, read back from the device, renamed.

A stick has FAT16 or FAT32 (PS3.12 R), which the kernel's list of mounts says; its root gets the entries of the volume
one by one at the end, DICOMDIR last. A folder can lie on any file system, and appears by one rename.
"""

import os

from edge.media import beside, copies, devices
from edge.media.errors import MediaError
from edge.media.inventory import Inventory
from edge.media.written import Made

LAST = "DICOMDIR"  # the entry that makes a volume of what lies there
_FAT = ("vfat", "msdos")
_FAT32_CLUSTER = 65536  # the largest there is; the kernel does not say what a folder needs


def write(leaves, mount, own, manifest=None, root="/"):
    """Write a volume into the root of a mounted stick: a generator of Written, which returns Made.

    own: a folder of the box for what is kept meanwhile; manifest: a file of the box for the digests; root: as in
    edge.media.devices. Raises MediaError; then, and when the generator is closed, the stick is as it was before.
    """
    mount = check(mount, root).folder
    return (yield from into_root(leaves, mount, own, manifest))


def check(mount, root="/"):
    """Return the devices.Mount of a stick that a volume can be written to; MediaError says why it cannot."""
    mount = os.path.realpath(mount)
    found = devices.mount_of(mount, root)
    if found is None or os.path.realpath(found.folder) != mount:
        raise MediaError(f"no stick is mounted at {mount}: put it in, mount it, and name the folder it is mounted at")
    if found.kind not in _FAT:
        raise MediaError(
            f"the stick at {mount} has the file system {found.kind}, and readers of DICOM media want FAT32: format it,"
            " or write a folder on it"
        )
    if found.is_read_only:
        raise MediaError(f"the stick at {mount} is mounted for reading only: release its lock, and mount it again")
    return found._replace(folder=mount)


def into_root(leaves, folder, own, manifest=None):
    """Write a volume into a folder beside what is there already, as `write` does, on any file system."""
    with Inventory(leaves, own) as inventory:
        inner, files = inventory.sizes.roots()
        for name in [*inner, *files]:
            if os.path.lexists(os.path.join(folder, name)):
                raise MediaError(f"{name} is there already in {folder}: remove it, or take an empty stick")
        beside.sweep(folder)
        beside.room(folder, inventory.sizes.on_fat(_cluster(folder)), folder)
        with beside.Folder(folder) as new:
            yield from copies.write(inventory, new.path, own, manifest)
            new.keep_inside(LAST)
        return Made(folder, inventory.sizes.octets, "")


def write_folder(leaves, target, own, manifest=None):
    """Write a volume as the folder `target`, which is not there or empty: a generator of Written, which returns Made.

    own, manifest: as in `write`.
    """
    target = os.path.abspath(target)
    if os.path.lexists(target) and not (os.path.isdir(target) and not os.listdir(target)):
        raise MediaError(f"{target} is there already: remove it, or choose another name")
    parent = os.path.dirname(target)
    if not os.path.isdir(parent):
        raise MediaError(f"there is no folder {parent}: make it, or choose another")
    with Inventory(leaves, own) as inventory, beside.Folder(parent) as new:
        beside.room(parent, inventory.sizes.on_fat(_cluster(parent)), target)
        yield from copies.write(inventory, new.path, own, manifest)
        new.keep_as(target)
        return Made(target, inventory.sizes.octets, "")


def _cluster(folder):
    """What a file system hands out at a time: the size of its clusters on FAT."""
    return min(max(os.statvfs(folder).f_bsize, 512), _FAT32_CLUSTER)
