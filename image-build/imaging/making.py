"""The whole of it, step by step: `build BOARD` from the command line to the finished image."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from imaging import boards, debs, disk, firmware, initramfs, kernel, lock, root, slots, steps
from imaging.steps import BuildError, step

sys.path.insert(0, str(boards.PROJECT))
WORK = boards.PROJECT / "build" / "image"


def main(arguments=None):
    """Make the image that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="image-build/build", description="Make the image of one board.")
    parser.add_argument("board", help=f"one of: {', '.join(boards.names())}")
    parser.add_argument("--program", type=Path, help="the program's folder; without it it is built first")
    parser.add_argument("--output", type=Path, help="where the image goes; build/image/BOARD without it")
    parser.add_argument("--certificate", type=Path, help="by which the box believes updates (PEM); without it, none is")
    parser.add_argument("--overlay", type=Path, help="a folder that is laid over the root at the end")
    parser.add_argument("--relock", action="store_true", help="take today's versions of the packages, and write them down")
    parser.add_argument("--no-download", action="store_true", help="do not pack the image for download")
    asked = parser.parse_args(arguments)
    try:
        make(asked)
    except BuildError as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    return 0


def make(asked):
    """Make one board's image; raises BuildError."""
    from edge import VERSION

    os.umask(0o022)  # whatever the builder's is: it would be that of the image's files
    board = boards.load(asked.board)
    believed = root.certificates(asked.certificate) if asked.certificate else None
    out = asked.output or WORK / board.name
    out.mkdir(parents=True, exist_ok=True)
    work = out / "work"
    apt = lock.Apt(WORK / f"apt-{board.arch}", board.arch)
    if asked.relock:
        with step("packages resolved, and written down"):
            lock.write(board, lock.resolve(board, apt))
    packages = lock.read(board)
    with step(f"{len(packages)} packages of the lock fetched") as remarks:
        files = lock.fetch(packages, apt, WORK / "debs")
        remarks.append(f"{sum(path.stat().st_size for path in files.values()) / 1e6:.0f} MB")
    program = asked.program or _program(board, out)
    modules = _kernel(board, packages, files, work)
    tree = work / "root"
    with step("root unpacked"):
        root.unpack(tree, packages, files)
        root.keep_firmware(tree, board)
    with step("overlays, program, users, units"):
        root.lay_over(tree, board)
        root.put_units(tree, board)
        root.put_program(tree, program, packages)
        if believed:
            root.put_certificates(tree, believed)
        kernel.install(work / "kernel", tree)
        if asked.overlay:
            shutil.copytree(asked.overlay, tree, symlinks=True, dirs_exist_ok=True)
        root.finish(tree, board, VERSION, packages)
    with step("initramfs") as remarks:
        first = out / "initrd"
        count = initramfs.make(first, tree, modules, work / "start/usr/bin/busybox", _first_modules(board))
        remarks.append(f"{count} modules, {first.stat().st_size / 1e6:.1f} MB")
    with step("root packed, with verity") as remarks:
        packed = slots.root(tree, out / "root.img", board, VERSION)
        remarks.append(f"{packed.path.stat().st_size / 1e6:.1f} MB")
    _disk(board, VERSION, out, work, packed, first)
    if not asked.no_download:
        with step("packed for download") as remarks:
            image = out / f"edge-{board.name}.img"
            steps.run("zstd", "--quiet", "--force", "-T0", "-12", image)
            remarks.append(f"{image.with_suffix('.img.zst').stat().st_size / 1e6:.1f} MB")
    shutil.rmtree(work)
    print(f"{out / f'edge-{board.name}.img'}: SHA-256 {steps.digest(out / f'edge-{board.name}.img')}")
    print(f"made in {steps.elapsed_s():.0f} s")
    if not believed:
        print("no certificate is in it, so it takes no update: --certificate FILE names the one of who signs them")


def _program(board, out):
    """Build the program for the board's architecture; return its folder."""
    folder = out / "program"
    with step("program"):
        steps.run(lock.HERE / "program/build", board.arch, folder)
    return folder / "edge" if (folder / "edge").is_dir() else folder


def _first_modules(board):
    return [*initramfs.MODULES, *boards.value(board, "boot.initramfs_modules", ())]


def _kernel(board, packages, files, work):
    """Unpack what is not the root's, and prune the modules; return kernel.Modules of all that there were."""
    with step("kernel unpacked, modules picked") as remarks:
        for role in ("kernel", "start", "boot"):
            shutil.rmtree(work / role, ignore_errors=True)
            debs.unpack([files[each.name] for each in packages if each.role == role], work / role)
        folder = work / "kernel"
        kept = [*_first_modules(board), *boards.value(board, "boot.modules", ()), *boards.of_interfaces(board, "driver")]
        kernel.prune(folder, kept, boards.value(board, "watchdog.driver"))
        remarks.append(kernel.release_of(folder))
    return kernel.Modules(folder)


def _disk(board, version, out, work, packed, first):
    """Make the partitions' contents and put them together."""
    partitions = disk.plan(firmware.MIB)
    with step("partitions") as remarks:
        device = boards.value(board, "storage.device")
        boot_image = out / "boot.img"
        slots.boot(
            work / "boot_a", boot_image, disk.size_of(partitions, "boot_a"), packed,
            kernel.image_of(work / "kernel"), first, disk=device,
        )  # fmt: skip
        loader = work / "firmware.img"
        size = disk.size_of(partitions, "firmware")
        firmware.make(board, work / "firmware", loader, size, work / "boot", work / "kernel")
        state = work / "bootstate.img"
        state.unlink(missing_ok=True)
        steps.run(lock.HERE / "bootstate", state, "init", "A")
        data = work / "data.img"
        disk.data(data, partitions, board, version)
        image = out / f"edge-{board.name}.img"
        contents = {"firmware": loader, "boot_a": boot_image, "root_a": packed.path, "bootstate": state, "data": data}
        hybrid = boards.value(board, "storage.partition_table") == "hybrid"
        disk.assemble(image, partitions, contents, board, version, hybrid)
        remarks.append(f"{image.stat().st_size / 1e6:.0f} MB, {image.stat().st_blocks * 512 / 1e6:.0f} MB on disk")
