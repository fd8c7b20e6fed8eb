"""Cut the power at every write of the flash while a record is taken and sent: cuts.py [LIES]

Run by MicroPython. First the receiver is there, then it is away and two records come. A littlefs lies in a block device
of RAM; its writes and erasures are counted, and the one that is cut does half of its work, after which nothing reaches
the flash any more. Then the volume is mounted anew. A record that the device was told of has to be kept or to have
reached the receiver, whole; what is kept has to be readable, no UID may come twice, and another record has to be taken
and sent. The receiver is the other role of edge/protocol. With LIES, the control, the flash keeps nothing of as many
writes before the cut, though they can be read while there is power: then something has to be lost.
"""

import gc
import os
import sys

import vfs

from edge.dicom import uid
from edge.protocol import association, contexts, dimse, items, store
from edge.tap import keep, rule, send, tap, template

BLOCKS, BLOCK_OCTETS = 24, 512
ERASED = b"\xff" * BLOCK_OCTETS
RULE = rule.Rule(
    "delimiter", b"\x02", b"\x03", 0, 0, "big", 0, "none", "big", "before end", False, False, b"", 100, 2000, b"A", b"N"
)
SHAPE = template.Template("raw", 0, 0, 0, "MONOCHROME2", 8, b"|", "", ((0x00100020, "LO", ()),), 0)
BOX = {"called": "EDGE", "calling": "TAP", "batch": 4, "retry_s": 1, "retry_most_s": 1, "answer_s": 5}
RECORD = b"DOE|4711|" + bytes([32 + n % 90 for n in range(700)])


class Flash:
    """RAM that counts what changes it; the change number `last` is half done, and none comes after it."""

    def __init__(self, octets, last, lies):
        self.octets = octets  # what lasts
        self._seen = bytearray(octets) if lies else octets  # what is read while there is power
        self.changes = 0
        self._last = last
        self._lies = lies

    def _change(self, at, octets):
        self.changes += 1
        if self._last and self.changes > self._last:
            return -5
        if self._lies:
            self._seen[at : at + len(octets)] = octets
        if self._last and self._last - self._lies <= self.changes < self._last:
            return 0
        count = len(octets) // 2 if self.changes == self._last else len(octets)
        self.octets[at : at + count] = octets[:count]
        return -5 if self.changes == self._last else 0

    def readblocks(self, number, buffer, offset=0):
        at = number * BLOCK_OCTETS + offset
        for n in range(len(buffer)):
            buffer[n] = self._seen[at + n]

    def writeblocks(self, number, buffer, offset=0):
        return self._change(number * BLOCK_OCTETS + offset, buffer)

    def ioctl(self, what, argument):
        if what == 4:
            return BLOCKS
        if what == 5:
            return BLOCK_OCTETS
        if what == 6:
            return self._change(argument * BLOCK_OCTETS, ERASED)
        return 0


class Line:
    """The device: what it sends, and what it was told."""

    def __init__(self, octets):
        self.left = octets
        self.told = b""

    def read(self, view):
        count = min(len(view), len(self.left), 64)
        view[:count] = self.left[:count]
        self.left = self.left[count:]
        return count

    def write(self, octets):
        self.told += octets


class Box:
    """A link whose far end is an acceptor that takes every object: {UID: data set}."""

    def __init__(self, objects):
        self.objects = objects
        limits = association.Limits(4096, 16384, 8192, 5000, 2000, 5000, 5000)
        self._engine = association.Association(limits, 0)
        self._engine.listen()
        self._messages = dimse.Messages()
        self._asked = None
        self._content = b""
        self._out = b""

    def is_open(self):
        return True

    def read(self, view):
        self._out += self._engine.outgoing()
        if not self._out:
            return 0 if self._engine.finished() else None
        count = min(len(view), len(self._out))
        view[:count] = self._out[:count]
        self._out = self._out[count:]
        return count

    def write(self, octets):
        window = self._engine.window()
        count = min(len(window), len(octets))
        window[:count] = octets[:count]
        self._engine.filled(count, 0)
        while True:
            event = self._engine.next_event()
            if event is None:
                return count
            self._take(event)

    def close(self):
        pass

    def _take(self, event):
        if isinstance(event, association.Requested):
            policy = contexts.Policy(lambda syntax: True, contexts.PREFERENCE, True)
            user = items.user_information(16384, uid.IMPLEMENTATION_CLASS_UID)
            self._engine.accept(contexts.answer(event.request.proposals, policy), user)
        elif isinstance(event, association.ReleaseAsked):
            self._engine.release_answer()
        elif isinstance(event, association.Data):
            message = self._messages.take(event)
            if isinstance(message, dimse.Command):
                self._asked = store.asked(message)
                self._content = b""
            elif message is not None:
                for view in message.views:
                    self._content += bytes(view)
                if message.is_last:
                    known = self.objects.get(self._asked.sop_instance, self._content)
                    check(known == self._content, "two objects have one UID")
                    self.objects[self._asked.sop_instance] = self._content
                    self._engine.command(self._asked.context_id, store.response(self._asked, 0))


def check(holds, words):
    if not holds:
        raise AssertionError(words)


def mount(flash):
    vfs.mount(flash, "/cut")
    kept = keep.Keep("/cut/kept", os, BLOCK_OCTETS * 3, lambda count: b"\1\2\3\4"[:count])
    kept.open()
    return kept


def away():
    raise OSError(111)


def work(kept, line, dial):
    """Let the tap take what the device sends, and send it; say whether all was done."""
    sender = send.Sender(kept, BOX, dial, 0)
    running = tap.Tap(RULE, SHAPE, 64, sender, kept, b"board", line, lambda: None, 0)
    for now_ms in range(0, 1500, 5):
        running.step(now_ms)
        if not line.left and line.told and not kept.waiting() and sender.state() == send.IDLE:
            return True
    return False


def fresh():
    octets = bytearray(b"\xff" * BLOCKS * BLOCK_OCTETS)
    flash = Flash(octets, 0, 0)
    vfs.VfsLfs2.mkfs(flash)
    kept = mount(flash)
    # so that all folders are there
    check(work(kept, Line(b"\x02first\x03"), lambda: Box({})), "a record in peace is not sent")
    vfs.umount("/cut")
    return octets


def one(start, last, lies, is_away):
    """Cut the power at change `last`; say whether it was reached."""
    octets = bytearray(start)
    flash = Flash(octets, last, lies)
    line, objects = Line((b"\x02" + RECORD + b"\x03") * 2), {}
    try:
        work(mount(flash), line, away if is_away else lambda: Box(objects))
    except OSError:
        pass  # the power is gone
    vfs.umount("/cut")
    was_reached = flash.changes >= last
    kept = mount(Flash(octets, 0, 0))
    found = kept.waiting() + len(objects)
    check(found >= line.told.count(b"A"), "change %d: an acknowledged record is lost" % last)
    again = Line(b"\x02another" + RECORD + b"\x03")
    check(work(kept, again, lambda: Box(objects)), "change %d: the tap does not go on" % last)
    check(again.told == b"A", "change %d: the next record is not taken" % last)
    whole = [content for content in objects.values() if RECORD in content]
    check(len(whole) == len(objects), "change %d: an object is not whole" % last)
    check(len(objects) >= 1 + line.told.count(b"A"), "change %d: an acknowledged record is not sent" % last)
    vfs.umount("/cut")
    gc.collect()  # what was open when the power went is closed, with its volume gone
    return was_reached


def main(lies):
    start = fresh()
    for is_away in (False, True):
        last = 1
        while one(start, last, lies, is_away):
            last += 1
        print("%d cuts, none lost" % (last - 1))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
