"""What a Raspberry Pi's own firmware reads: its programs, their settings, the device trees, and U-Boot as the kernel.

The GPU starts first and finds these files by their names. It puts what only it knows (memory, serial number, MAC
address) into the device tree, and leaves that to U-Boot, which gives it to the kernel. Settings: Raspberry Pi's
documentation of config.txt.
"""

import shutil

from imaging import boards, kernel
from imaging.steps import BuildError

_PACKAGE = "raspi-firmware"
_PROGRAMS = "usr/lib/raspi-firmware"
# The programs that do without camera, video and 3D, which `gpu_mem=16` asks for; a Pi 4 has its bootcode in a flash.
_OLDER = ("bootcode.bin", "start_cd.elf", "fixup_cd.dat")
_NEWER = ("start4cd.elf", "fixup4cd.dat")
_SETTINGS = """\
# Read by the board's firmware; U-Boot comes next, and chooses the slot.
arm_64bit=1
kernel=u-boot.bin
upstream_kernel=1
enable_uart=1
gpu_mem=16
disable_splash=1
"""


def is_one(board):
    """Say whether a board starts by a Pi's firmware."""
    return _PACKAGE in boards.value(board, "boot.firmware_packages", ())


def put_firmware(board, folder, packages, unpacked_kernel):
    """Put into `folder` all that the board's firmware reads.

    packages: the folder into which the `boot` packages were unpacked; unpacked_kernel: the kernel's package. Raises
    BuildError where one of them does not have what the profile names.
    """
    trees = boards.value(board, "boot.device_trees", ())
    if not trees:
        raise BuildError(f"{board.name}: `device_trees` under [boot] names none, and without one no kernel starts")
    names = _NEWER if any(each.startswith("broadcom/bcm2711") for each in trees) else _OLDER
    sources = [packages / _PROGRAMS / name for name in names]
    sources += [kernel.trees_of(unpacked_kernel) / each for each in trees]
    for path in sources:
        _put(board, path, folder / path.name)
    _put(board, packages / boards.value(board, "boot.uboot", ""), folder / "u-boot.bin")
    (folder / "config.txt").write_text(_SETTINGS, encoding="ascii")


def _put(board, path, target):
    if not path.is_file():
        raise BuildError(f"{board.name}: no package of its lock has {path.name}, which its profile names")
    shutil.copyfile(path, target)
