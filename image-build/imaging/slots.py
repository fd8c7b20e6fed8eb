"""What a slot consists of: the root as squashfs with its verity tree, and the boot partition that holds its root hash."""

import hashlib
import os
import shutil
from collections import namedtuple

from imaging import steps

_BLOCK = 4096
# What every kernel is told; a version may change it, since it lies in the slot. After a panic the machine restarts.
_ARGUMENTS = (
    "ro quiet loglevel=3 panic=60 audit=0 lsm=landlock,lockdown,yama systemd.show_status=no systemd.gpt_auto=no"
    " vt.global_cursor_default=0"
)

# path: the file for the slot's root partition; blocks: of data, after which the tree begins; hash, salt: hex
Root = namedtuple("Root", ("path", "blocks", "hash", "salt"))


def root(folder, out, board, version):
    """Pack the root's folder into `out` and append its verity tree; return a Root."""
    out.unlink(missing_ok=True)
    steps.run(  # its times are those of SOURCE_DATE_EPOCH
        "mksquashfs", folder, out, "-noappend", "-quiet", "-no-progress", "-no-xattrs", "-comp", "zstd",
        "-Xcompression-level", "9", "-b", "256K", "-reproducible",
    )  # fmt: skip
    size = out.stat().st_size
    blocks = -(-size // _BLOCK)
    os.truncate(out, blocks * _BLOCK)
    salt = hashlib.sha256(f"{board.name} {version}".encode()).hexdigest()
    printed = steps.run(
        "veritysetup", "format", out, out, "--no-superblock", "--hash=sha256", f"--salt={salt}",
        f"--data-blocks={blocks}", f"--hash-offset={blocks * _BLOCK}",
    )  # fmt: skip
    tree = next(line.split()[-1] for line in printed.splitlines() if line.startswith("Root hash:"))
    os.truncate(out, -(-out.stat().st_size // _BLOCK) * _BLOCK)
    return Root(out, blocks, tree, salt)


def arguments(packed, disk=None):
    """Return what the boot loader adds to the kernel's command line for this slot."""
    words = [_ARGUMENTS, f"edge.verity={packed.blocks}:{packed.hash}:{packed.salt}"]
    return " ".join([*words, f"edge.disk={disk}"] if disk else words)


def boot(folder, out, size_bytes, packed, kernel, initramfs, trees=(), disk=None):
    """Make a slot's boot partition: kernel, initramfs, the device tree where the board needs one, and slot.env.

    folder: to gather the files in; trees: (name, path) of what else the boot loader reads.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(kernel, folder / "vmlinuz")
    shutil.copyfile(initramfs, folder / "initrd")
    (folder / "slot.env").write_text(f"slotargs={arguments(packed, disk)}\n", encoding="ascii")
    for name, path in trees:
        shutil.copyfile(path, folder / name)
    fat(folder, out, size_bytes, "EDGE-BOOT")


def fat(folder, out, size_bytes, label):
    """Make a FAT file system of a folder's files, the same octets for the same files."""
    out.unlink(missing_ok=True)
    with open(out, "wb") as file:
        file.truncate(size_bytes)
    number = hashlib.sha256(f"{label} {size_bytes}".encode()).hexdigest()[:8]
    width = ["-F", "32"] if size_bytes >= 64 << 20 else ["-F", "16"]
    steps.run("mkfs.vfat", "--invariant", *width, "-i", number, "-n", label, out)
    for path in sorted(folder.rglob("*")):
        os.utime(path, (steps.EPOCH_S, steps.EPOCH_S))
        name = "::/" + str(path.relative_to(folder))
        if path.is_dir():
            steps.run("mmd", "-i", out, name)
        else:
            steps.run("mcopy", "-m", "-i", out, path, name)
