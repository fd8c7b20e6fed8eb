"""What volumes can be written to: burners, USB sticks, and what is mounted where, as the kernel tells it.

Everything is read below `root`, which is "/" but in tests. Nothing is opened that could wake a drive or a stick.

Source: Linux Documentation/ABI/testing/sysfs-block; proc_pid_mountinfo(5); drivers/cdrom (the table of abilities).
"""

import os
from collections import namedtuple

# path: the device; name: of its make; writes: the kinds of discs that it burns, as far as the kernel knows
Burner = namedtuple("Burner", "path name writes")
# path: the device of the whole stick; octets: how large; parts: its partitions' devices, or itself where it has none;
# mounts: where they are mounted
Stick = namedtuple("Stick", "path name octets parts mounts")
# source: what the kernel calls the device; number: its "major:minor"; folder: where; kind: of file system
Mount = namedtuple("Mount", "source number folder kind is_read_only")

_BLOCK = 512  # what sysfs counts in, whatever the device does
_LONGEST = 1 << 16
_NO_STICKS = ("sr", "loop", "ram", "zram", "dm-", "md", "fd")
_ABILITIES = {
    "Can write CD-R": "CD-R",
    "Can write CD-RW": "CD-RW",
    "Can write DVD-R": "DVD-R",
    "Can write DVD-RAM": "DVD-RAM",
}


def burners(root="/"):
    """Return every Burner; drives that only read are left out where the kernel knows that."""
    able = _abilities(root)
    found = []
    for name in _names(root, "sys/class/block"):
        if name.startswith("sr") and name[2:].isdigit():
            writes = able.get(name)
            if writes is None or writes:
                found.append(Burner(f"/dev/{name}", _make(root, f"sys/class/block/{name}"), writes or ()))
    return found


def _abilities(root):
    """By name of a drive: what it writes, from the kernel's table, whose columns are drives."""
    rows = {}
    for line in _text(root, "proc/sys/dev/cdrom/info").split("\n"):
        key, _, values = line.partition(":")
        if values.strip():
            rows[key.strip()] = values.split()
    able = {}
    for column, name in enumerate(rows.get("drive name", ())):
        kinds = [kind for key, kind in _ABILITIES.items() if rows.get(key, [])[column : column + 1] == ["1"]]
        able[name] = tuple(kinds)
    return able


def sticks(root="/"):
    """Return every Stick: disks that are removable or hang on USB, and have a medium."""
    mounted = mounts(root)
    found = []
    for name in _names(root, "sys/block"):
        folder = f"sys/block/{name}"
        octets = _number(root, f"{folder}/size") * _BLOCK
        if name.startswith(_NO_STICKS) or not octets or not _is_stick(root, folder):
            continue
        parts = [part for part in _names(root, folder) if part.startswith(name)]
        numbers = {_text(root, f"{place}/dev").strip() for place in [folder, *(f"{folder}/{part}" for part in parts)]}
        places = tuple(each for each in mounted if each.number in numbers)
        devices = tuple(f"/dev/{part}" for part in parts or [name])
        found.append(Stick(f"/dev/{name}", _make(root, folder), octets, devices, places))
    return found


def _is_stick(root, folder):
    if _text(root, f"{folder}/removable").strip() == "1":
        return True
    return "/usb" in os.path.realpath(os.path.join(root, folder))


def mounts(root="/"):
    """Return every Mount that this process sees, in the order in which they were made."""
    found = []
    for line in _text(root, "proc/self/mountinfo", 1 << 20).split("\n"):
        fields = line.split(" ")
        if len(fields) < 10 or "-" not in fields[6:]:
            continue
        kind, source, options = fields[fields.index("-", 6) + 1 :][:3]
        is_read_only = "ro" in fields[5].split(",") or "ro" in options.split(",")
        found.append(Mount(_plain(source), fields[2], _plain(fields[4]), kind, is_read_only))
    return found


def file_sets(root="/"):
    """Return the folders of FAT sticks and of discs that are mounted and have a DICOMDIR, as a frozenset."""
    kinds = ("vfat", "msdos", "exfat", "iso9660", "udf")
    found = [each.folder for each in mounts(root) if each.kind in kinds]
    return frozenset(each for each in found if "DICOMDIR" in map(str.upper, _names(root, each.lstrip("/"))))


def mount_of(path, root="/"):
    """Return the Mount that a path lies on, or None."""
    path = os.path.realpath(path)
    best = None
    for each in mounts(root):
        inside = each.folder.rstrip("/") + "/"
        if (path + "/").startswith(inside) and (best is None or len(each.folder) >= len(best.folder)):
            best = each
    return best


def is_used(device, root="/"):
    """Return where a device, or one of its partitions, is mounted, or ""."""
    for each in mounts(root):
        rest = each.source.removeprefix(device)
        if rest != each.source and (not rest or rest.lstrip("p").isdigit()):
            return each.folder
    return ""


def _plain(text):
    """Undo the escapes of mountinfo: space, tab, line feed and backslash are three octal digits."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _make(root, folder):
    """What maker and model call it, or ""."""
    words = [" ".join(_text(root, f"{folder}/device/{part}").split()) for part in ("vendor", "model")]
    return " ".join(word for word in words if word)


def _names(root, folder):
    try:
        return sorted(os.listdir(os.path.join(root, folder)))
    except OSError:
        return []


def _number(root, path):
    text = _text(root, path).strip()
    return int(text) if text.isdigit() else 0


def _text(root, path, most=_LONGEST):
    try:
        with open(os.path.join(root, path), "rb") as file:
            return file.read(most).decode("utf-8", "replace")
    except OSError:
        return ""
