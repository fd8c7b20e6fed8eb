"""Which board this machine is, and what of its profile is missing here.

It is the one that the configuration names, or the image (/etc/edge/board); else the profile that knows the machine by
the device tree, by what a PC says of itself (DMI), or, of a PC that none knows, the general one of its architecture.
All files are read below one root, which a test may be given a folder for.
"""

import fnmatch
import os
from collections import namedtuple

from edge.board import keys, kernel, profile
from edge.toml.reading import ConfigError

# name: of the board, None where no profile fits; profile: profile.Profile, None where there is none that can be used;
# how: words for how it was found; model: what the machine calls itself, "" for unknown; mistakes: lines on its profile
Board = namedtuple("Board", "name profile how model mistakes")
# name: of what a profile promises; is_there: whether it was found, None for unknown; words: what was found, or is not
Part = namedtuple("Part", "name is_there words")

NAMED_IN = "etc/edge/board"
_TREE = "proc/device-tree"
_DMI = "sys/class/dmi/id"
_DMI_FILES = ("product_name", "sys_vendor", "board_name")
_ARCHITECTURES = {"aarch64": "arm64", "x86_64": "amd64"}
_GIB = 1 << 30


def found(root="/", wanted=None, places=None, machine=None):
    """Return the Board that this machine is.

    wanted: the name that the configuration has, or None; places: folders of boards; machine: as os.uname has it.
    """
    known = profile.names(places)
    model = _model(root)
    for name, how in ((wanted, "the configuration names it"), (_named(root), "/%s names it" % NAMED_IN)):
        if name:
            return _read(name, known, how, model)
    boards = {}
    for name, folder in known.items():
        try:
            if profile.kind_of(folder) == "linux":
                boards[name] = profile.load(folder)
        except ConfigError:
            continue  # it is said by who checks it; here it can be no board
    words = _compatible(root)
    for word in words:  # the closest comes first
        for name, each in boards.items():
            if word in each.board.dt_compatible:
                return Board(name, each, "the device tree says %s" % word, model, ())
    said = [kernel.text(os.path.join(root, _DMI, file)) for file in _DMI_FILES]
    for name, each in boards.items():
        for pattern in each.board.dmi:
            for words_said in said:
                if words_said and fnmatch.fnmatchcase(words_said, pattern):
                    return Board(name, each, "the firmware says %s" % words_said, model, ())
    arch = _ARCHITECTURES.get(machine or os.uname().machine)
    for name, each in boards.items():
        if not words and each.board.arch == arch and not each.board.dt_compatible and not each.board.dmi:
            return Board(name, each, "it is %s, and no closer profile knows it" % arch, model, ())
    return Board(None, None, "no profile knows it", model, ())


def _read(name, known, how, model):
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        return Board(name, None, how, model, ("no board is called %s; there are: %s" % (name, there),))
    try:
        return Board(name, profile.load(known[name]), how, model, ())
    except ConfigError as error:
        return Board(name, None, how, model, tuple(error.lines()))


def _named(root):
    return kernel.text(os.path.join(root, NAMED_IN))


def _compatible(root):
    return [word for word in kernel.text(os.path.join(root, _TREE, "compatible")).split("\0") if word]


def _model(root):
    tree = kernel.text(os.path.join(root, _TREE, "model")).strip("\0")
    dmi = [kernel.text(os.path.join(root, _DMI, file)) for file in ("sys_vendor", "product_name")]
    return tree or " ".join([word for word in dmi if word])


# What there is of it


def parts(board, root="/", chips=None):
    """Return a Part for everything that a profile.Profile promises.

    chips: labels and devices of the GPIO chips there are, or None where they could not be asked.
    """
    found = list(_gpio(board, chips)) + list(_lamps(board, root))
    if board.watchdog.driver is not None:
        found.append(_device("watchdog", board.watchdog.device, root, board.watchdog.driver))
    for each in board.serials:
        found.append(_device("serial port %s (%s)" % (each.name, each.role), each.path, root))
    found += _interfaces(board, root)
    if board.rtc.present:
        has = bool(kernel.names(os.path.join(root, "sys/class/rtc")))
        found.append(Part("clock", has, "it goes on while the board is off" if has else "no %s" % board.rtc.device))
    found.append(_storage(board, root))
    found += _memory(board, root)
    return found


def _gpio(board, chips):
    gpio = board.gpio
    if gpio.chip is None:
        return
    wanted = ["%s_line" % lamp for lamp in keys.LAMPS] + ["button_line"]
    lines = ", ".join(["%s %d" % (name[:-5], line) for name in wanted if (line := getattr(gpio, name)) is not None])
    is_there = None if chips is None else gpio.chip in chips
    yield Part("GPIO chip", is_there, "%s: %s" % (gpio.chip, lines or "no lines"))


def _lamps(board, root):
    for lamp in keys.LAMPS:
        name = getattr(board.leds, lamp)
        if name is not None:
            is_there = os.path.exists(os.path.join(root, "sys/class/leds", name, "brightness"))
            yield Part("lamp %s" % lamp, is_there, "/sys/class/leds/%s" % name)


def _device(name, path, root, driver=None):
    is_there = os.path.exists(os.path.join(root, path.lstrip("/")))
    words = path if is_there or driver is None else "%s: is the module %s loaded?" % (path, driver)
    return Part(name, is_there, words)


def _interfaces(board, root):
    there = kernel.names(os.path.join(root, "sys/class/net"))
    for each in board.interfaces:
        fit = sorted(fnmatch.filter(there, each.name))
        words = ", ".join(fit) or "no %s (%s)" % (each.name, each.driver)
        yield Part("%s for %s" % (each.kind, each.role), bool(fit), words)


def _storage(board, root):
    name = os.path.basename(board.storage.device)
    sectors = kernel.number(kernel.text(os.path.join(root, "sys/class/block", name, "size")))
    if sectors is None:
        return Part("storage", False, "no %s" % board.storage.device)
    octets = sectors * 512
    words = "%s, %.1f GB" % (board.storage.device, octets / 1e9)
    # Cards are sold by powers of ten and then some
    if octets < board.storage.min_gib * _GIB * 0.9:
        return Part("storage", False, "%s; %d GiB are wanted" % (words, board.storage.min_gib))
    return Part("storage", True, words)


def _memory(board, root):
    for line in kernel.text(os.path.join(root, "proc/meminfo")).splitlines():
        name, _, value = line.partition(":")
        if name == "MemTotal":
            mib = (kernel.number(value.split()[0]) or 0) >> 10
            words = "%d MiB, of which the box may take %d" % (mib, board.limits.memory_mib)
            yield Part("memory", mib > board.limits.memory_mib, words)


def serial_port(board, role):
    """Return the path of a profile.Profile's serial port for a role, None where it has none."""
    for each in board.serials:
        if each.role == role:
            return each.path
    return None
