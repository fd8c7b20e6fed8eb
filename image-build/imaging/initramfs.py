"""The first file system: a busybox, dmsetup and a few modules, enough to find a slot's root and to check it by verity."""

import gzip
import lzma
import re
import stat
from pathlib import Path

from imaging import steps
from imaging.steps import BuildError

APPLETS = "sh mount umount mkdir cat sleep switch_root insmod reboot ln grep sync".split()
# What any board may have its slots on; those of a board's profile come beside them.
MODULES = (
    "virtio_blk virtio_mmio virtio_pci virtio_scsi sd_mod ahci nvme mmc_block sdhci_pci sdhci_acpi sdhci_iproc"
    " bcm2835 xhci_pci xhci_plat_hcd ehci_pci usb_storage uas dm_verity squashfs".split()
)
INIT = Path(__file__).with_name("init.sh")


def make(out, root, modules, busybox, names):
    """Write the initramfs to `out`.

    root: the folder of the root, whose dmsetup is taken; modules: kernel.Modules; busybox: the static one;
    names: the modules.
    """
    tree = {"dev": None, "proc": None, "sys": None, "run": None, "sysroot": None, "bin": None, "lib": None}
    tree["init"] = INIT.read_bytes()
    tree["bin/busybox"] = busybox.read_bytes()
    for name in APPLETS:
        tree[f"bin/{name}"] = "busybox"
    order = []
    for path in modules.closure(names):
        name = path.rpartition("/")[2].partition(".ko")[0]
        octets = (modules.base / path).read_bytes()
        tree[f"lib/{name}.ko"] = lzma.decompress(octets) if path.endswith(".xz") else octets
        order.append(f"{name}\n")
    if not any(name.replace("-", "_").strip() == "dm_verity" for name in order):
        raise BuildError("this kernel has no dm-verity")
    tree["modules"] = "".join(order).encode()
    for name, path in _with_libraries(root, root / "usr/sbin/dmsetup"):
        tree[name] = path.read_bytes()
        parts = name.split("/")
        tree.update({"/".join(parts[:count]): None for count in range(1, len(parts))})
    out.write_bytes(gzip.compress(_cpio(tree), 6, mtime=0))
    return len(order)


def _with_libraries(root, program):
    """Yield (name in the initramfs, path) of a program, its loader, and all the libraries that it needs."""
    todo, seen = [program], set()
    headers = steps.run("readelf", "-lW", program)
    loader = re.search(r"interpreter: /(\S+)\]", headers)[1]
    yield loader, (root / loader).resolve()
    while todo:
        path = todo.pop()
        dynamic = steps.run("readelf", "-dW", path)
        yield ("bin/dmsetup" if path == program else f"lib/{path.name}"), path.resolve()
        for name in re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic):
            if name in seen or name == loader.rpartition("/")[2]:
                continue
            seen.add(name)
            found = [each for each in (root / "usr/lib").glob(f"*/{name}")] + [root / "usr/lib" / name]
            todo.append(next(each for each in found if each.exists()))


def _cpio(tree):
    """Return an archive of the kind that the kernel unpacks: None is a folder, a str a link, octets a file."""
    out = bytearray()

    def entry(number, name, mode, content):
        fields = (number, mode, 0, 0, 1, steps.EPOCH_S, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        out.extend(b"070701" + b"".join(b"%08X" % each for each in fields) + name.encode() + b"\0")
        out.extend(bytes(-len(out) % 4))
        out.extend(content)
        out.extend(bytes(-len(out) % 4))

    for number, name in enumerate(sorted(tree), 1):
        content = tree[name]
        if content is None:
            entry(number, name, stat.S_IFDIR | 0o755, b"")
        elif isinstance(content, str):
            entry(number, name, stat.S_IFLNK | 0o777, content.encode())
        else:
            entry(number, name, stat.S_IFREG | 0o755, content)
    entry(0, "TRAILER!!!", 0, b"")
    return bytes(out)
