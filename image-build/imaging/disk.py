"""The disk: which partitions there are, and the image that is written to a card or a drive as it is."""

import struct
import uuid
from collections import namedtuple
from pathlib import Path

from imaging import steps
from imaging.steps import BuildError

_MIB = 1 << 20
_SECTOR = 512
_FIRST_MIB = 4  # partitions begin on whole erase blocks of flash
_NAMESPACE = uuid.UUID("6f1c2a0e-5a0b-5d3e-9a8e-3c1f5b7e9d21")
ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"
DATA = "4d21b016-b534-45c2-a9fb-5c16e091fd2d"  # variable data: told apart from all the others, which stay as they are

# label: the partition's name; size_mib: int; kind: GUID of its type
Partition = namedtuple("Partition", ("label", "size_mib", "kind"))


def plan(firmware_mib=32):
    """Return the partitions in their order. A and B are alike; `data` is the last one, and grows at the first start."""
    return (
        Partition("firmware", firmware_mib, ESP),
        Partition("boot_a", 64, LINUX),
        Partition("root_a", 128, LINUX),
        Partition("boot_b", 64, LINUX),
        Partition("root_b", 128, LINUX),
        Partition("bootstate", 1, LINUX),
        Partition("data", 64, DATA),
    )


def size_of(partitions, label):
    """Return the size in bytes of the partition with this label."""
    return next(each.size_mib for each in partitions if each.label == label) * _MIB


def identity(board, version, what):
    """Return a UUID that is the same for the same board, version and thing."""
    return str(uuid.uuid5(_NAMESPACE, f"{board.name}/{version}/{what}"))


def data(out, partitions, board, version):
    """Make the empty file system of the data partition; what it is mounted with stands in the root's fstab."""
    size = size_of(partitions, "data")
    out.unlink(missing_ok=True)
    seed = identity(board, version, "hash seed")
    steps.run(
        "mke2fs", "-q", "-t", "ext4", "-b", "4096", "-i", "65536", "-L", "edge-data", "-m", "1",
        "-O", "metadata_csum,64bit,^orphan_file,^metadata_csum_seed", "-J", "size=16",
        "-U", identity(board, version, "data file system"),
        "-E", f"hash_seed={seed},resize=1T,lazy_itable_init=0,lazy_journal_init=0,nodiscard", out, f"{size // 4096}",
        env={"E2FSPROGS_FAKE_TIME": str(steps.EPOCH_S)},
    )  # fmt: skip


def assemble(out, partitions, contents, board, version, hybrid=False):
    """Write the image: partition table and the contents of partitions, holes where there is nothing.

    contents: {label: path}; hybrid: also name the firmware partition in the MBR, for boot ROMs that read no GPT.
    Raises BuildError when a content does not fit its partition.
    """
    at_mib, lines = _FIRST_MIB, ["label: gpt", f"label-id: {identity(board, version, 'disk')}", "unit: sectors"]
    places = {}
    for each in partitions:
        start, size = at_mib * _MIB // _SECTOR, each.size_mib * _MIB // _SECTOR
        places[each.label] = (start, size)
        own = identity(board, version, each.label)
        lines.append(f'start={start}, size={size}, type={each.kind}, uuid={own}, name="{each.label}"')
        at_mib += each.size_mib
    out.unlink(missing_ok=True)
    with open(out, "wb") as file:
        file.truncate((at_mib + 1) * _MIB)
    steps.run("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", out, given="\n".join(lines) + "\n")
    with open(out, "r+b") as image:
        for label, path in contents.items():
            start, size = places[label]
            if Path(path).stat().st_size > size * _SECTOR:
                raise BuildError(f"{label} takes {Path(path).stat().st_size} bytes, its partition has {size * _SECTOR}")
            _copy(path, image, start * _SECTOR)
        if hybrid:
            _name_in_mbr(image, *places["firmware"])


def _copy(path, image, at):
    """Copy a file into the image, zeros as holes."""
    with open(path, "rb") as file:
        while block := file.read(_MIB):
            if block.strip(b"\0"):
                image.seek(at)
                image.write(block)
            at += len(block)


def _name_in_mbr(image, start, size):
    """Put the firmware partition into the MBR beside the entry that protects the GPT."""
    entry = struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", 0x0C, b"\xfe\xff\xff", start, size)
    image.seek(446)
    protecting = image.read(16)
    image.seek(446)
    image.write(entry + protecting)
