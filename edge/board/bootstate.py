"""Which slot the machine boots, kept so that a power cut at any instant leaves the old state or the new one.

The state is 4 KiB with a checksum, kept twice at the start of the partition `bootstate`. The copy with the higher
sequence number among those that are whole is the state. What is written goes to the other copy first, is synced, and
then to this one: at any instant one of both is whole. The boot loader (image-build/uboot, image-build/efi) reads and
writes the same octets in the same order.

A slot that was just written is on trial: the boot loader counts its one try down and tells the kernel `edge.trial`;
unless the slot is found good, the other one boots next. Nothing is counted while nothing is on trial, so that a box
whose plug is pulled ten times in a row boots what it booted before.

Little-endian words of 32 bits, since a boot loader's script can read nothing else:

    0x00 magic "EDGB"   0x04 format, 1    0x08 sequence number      0x0c first slot to boot, 0 for A and 1 for B
    0x10 on trial, 0/1  0x14 tries left   0x18 A is good, 0/1       0x1c B is good, 0/1
    0xffc CRC-32 of all before it, big-endian, as U-Boot's `crc32` leaves it in memory
"""

import os
import struct
import zlib
from collections import namedtuple

SLOTS = ("A", "B")
COPY_BYTES = 4096
TRIES = 1  # of a new slot: a power cut on trial leads back, too, and no more than one bad boot has to be waited for
PLACE = "/dev/disk/by-partlabel/bootstate"

_WORDS = struct.Struct("<4s7I")
_CHECKED = COPY_BYTES - 4
_MAGIC = b"EDGB"
_FORMAT = 1

# sequence: int; first: of SLOTS; on_trial: bool; tries: of `first`, while on trial; good: tuple of bool, as SLOTS
State = namedtuple("State", ("sequence", "first", "on_trial", "tries", "good"))


class BootstateError(Exception):
    """The state cannot be read or written; str() says why."""


def new(good=("A",)):
    """Return the state of a new machine: A boots, nothing is on trial; good: those of SLOTS that hold a version."""
    return State(1, "A", False, 0, tuple([slot in good for slot in SLOTS]))


def pack(state):
    """Return one copy of `state`."""
    words = _WORDS.pack(
        _MAGIC, _FORMAT, state.sequence, SLOTS.index(state.first), state.on_trial, state.tries, *state.good
    )
    octets = words.ljust(_CHECKED, b"\0")
    return octets + struct.pack(">I", zlib.crc32(octets))


def unpack(octets):
    """Return the state that a copy holds, or None where it is torn, foreign or means nothing."""
    if len(octets) != COPY_BYTES or struct.pack(">I", zlib.crc32(octets[:_CHECKED])) != octets[_CHECKED:]:
        return None
    magic, form, sequence, first, on_trial, tries, *good = _WORDS.unpack_from(octets)
    if magic != _MAGIC or form != _FORMAT or first >= len(SLOTS):
        return None
    return State(sequence, SLOTS[first], bool(on_trial), tries, tuple([bool(each) for each in good]))


def read(path=PLACE):
    """Return the state; raises BootstateError."""
    try:
        with open(path, "rb") as file:
            return _newest(file.read(2 * COPY_BYTES))[0]
    except OSError as error:
        raise BootstateError("the boot state at %s cannot be read: %s" % (path, error.strerror)) from error


def write(state, path=PLACE, fresh=False):
    """Write `state` with the next sequence number, so that a power cut leaves the old one or this.

    fresh: there is nothing yet. Raises BootstateError.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            sequence, kept = state.sequence, 0
            if not fresh:
                old, kept = _newest(os.pread(fd, 2 * COPY_BYTES, 0))
                sequence = old.sequence + 1
            octets = pack(state._replace(sequence=sequence))
            for number in (1 - kept, kept):
                if os.pwrite(fd, octets, number * COPY_BYTES) != COPY_BYTES:
                    raise BootstateError("the boot state at %s was not written whole" % path)
                os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise BootstateError("the boot state at %s cannot be written: %s" % (path, error.strerror)) from error


def _newest(octets):
    """Return (state, number) of the copy that counts."""
    copies = [unpack(octets[number * COPY_BYTES : (number + 1) * COPY_BYTES]) for number in range(2)]
    whole = [number for number in range(2) if copies[number]]
    if not whole:
        raise BootstateError("neither copy of the boot state is whole")
    number = max(whole, key=lambda each: (copies[each].sequence, -each))
    return copies[number], number


def other(slot):
    """Return the slot that is not `slot`."""
    return SLOTS[1 - SLOTS.index(slot)]


def is_good(state, slot):
    """Say whether a slot was found good, and holds what was."""
    return state.good[SLOTS.index(slot)]


def next_slot(state):
    """Return the slot that boots next, by the rule that boot loaders follow."""
    if is_good(state, state.first) or (state.on_trial and state.tries) or not is_good(state, other(state.first)):
        return state.first
    return other(state.first)


def preferred(state, slot):
    """Return the state in which `slot` boots first: on trial, unless it was found good before."""
    trial = not is_good(state, slot)
    return state._replace(first=slot, on_trial=trial, tries=TRIES if trial else 0)


def judged(state, slot, good):
    """Return the state in which `slot` is good or bad; the trial is over where it was its own.

    A bad slot is not booted while the other is good: that becomes the first.
    """
    goods = tuple([good if each == slot else was for each, was in zip(SLOTS, state.good)])
    state = state._replace(good=goods)
    if slot == state.first:
        state = state._replace(on_trial=False, tries=0)
        if not good and is_good(state, other(slot)):
            state = state._replace(first=other(slot))
    return state


def command(arguments, path=PLACE):
    """Do what RAUC asks of its `bootloader=custom` program; return what goes to its standard output.

    arguments: list of str: get-primary; set-primary SLOT; get-state SLOT; set-state SLOT good|bad; and beyond RAUC
    `init [SLOT...]` for a new machine, `show`. Raises BootstateError, for what it does not know, too.
    """
    match arguments:
        case ["init", *good] if set(good) <= set(SLOTS):
            write(new(good or ("A",)), path, fresh=True)
            return ""
        case ["show"]:
            return shown(read(path))
        case ["get-primary"]:
            return next_slot(read(path)) + "\n"
        case ["set-primary", slot] if slot in SLOTS:
            write(preferred(read(path), slot), path)
            return ""
        case ["get-state", slot] if slot in SLOTS:
            return "good\n" if is_good(read(path), slot) else "bad\n"
        case ["set-state", slot, ("good" | "bad") as word] if slot in SLOTS:
            write(judged(read(path), slot, word == "good"), path)
            return ""
    raise BootstateError(
        "the boot state understands get-primary, set-primary A|B, get-state A|B, set-state A|B good|bad, show and "
        "init; not: %s" % " ".join(arguments)
    )


def shown(state):
    """Return the state in words, line by line."""
    trial = "on trial, %d tries left" % state.tries if state.on_trial else "nothing is on trial"
    goods = ["%s: %s" % (slot, "good" if is_good(state, slot) else "not found good") for slot in SLOTS]
    return "\n".join(["next: %s" % next_slot(state), trial, *goods, ""])
