"""The first partition, which the board's own firmware reads: the boot loader, and what it needs to choose a slot."""

import shutil

from imaging import boards, lock, raspberry, slots, steps
from imaging.steps import BuildError

MIB = 32


def make(board, folder, out, size_bytes, packages, unpacked_kernel):
    """Gather the firmware partition's files in `folder` and make its file system.

    packages: the folder into which the `boot` packages were unpacked; unpacked_kernel: that of the kernel's.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    method = boards.value(board, "boot.method")
    if method not in _METHODS:
        raise BuildError(f"{board.name}: images that start by {method} are not made yet")
    _METHODS[method](folder)
    if raspberry.is_one(board):
        raspberry.put_firmware(board, folder, packages, unpacked_kernel)
    (folder / "firmware.env").write_text(f"boardargs={arguments(board)}\n", encoding="ascii")
    slots.fat(folder, out, size_bytes, "FIRMWARE")


def arguments(board):
    """Return what the kernel is told on this board, whatever the version."""
    tty, baud = boards.value(board, "console.tty"), boards.value(board, "console.baud", 115200)
    words = [f"console={tty},{baud}", boards.value(board, "boot.command_line", "")]
    return " ".join(word for word in words if word)


def _uboot(folder):
    steps.run("mkimage", "-A", "arm64", "-T", "script", "-d", lock.HERE / "uboot/boot.cmd", folder / "boot.scr")


def _uefi(folder):
    (folder / "EFI/BOOT").mkdir(parents=True)
    steps.run(lock.HERE / "efi/build", folder / "EFI/BOOT/BOOTX64.EFI")


_METHODS = {"uboot": _uboot, "systemd-boot": _uefi}
