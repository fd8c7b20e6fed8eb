"""The process that makes an export which the box has chosen the objects of; see `apart`, which starts it.

It reads the box's files and writes the volumes; the spool's records are the box's alone.
"""

import json
import os
import pickle
import signal
import sys
import time
import traceback

from edge.dicom.errors import DicomError
from edge.export import choose, make
from edge.export.progress import Pace
from edge.export.staging import FOLDER, Staging
from edge.media.errors import MediaError
from edge.spool.disk import FOLDER as _AS_FOLDER
from edge.spool.disk import Disk
from edge.spool.files import Files

_EVERY_S = 0.1  # between two words on how far it is


class _Box:
    """The other side, and what of the spool can be had without asking it."""

    def __init__(self, path):
        self.path = path
        self.quota = self
        self.files = self
        disk = Disk()
        self._files = Files(disk, disk.open(os.path.join(path, "objects"), _AS_FOLDER), None, None, None)
        self.open = self._files.open
        self.fault = self._files.fault
        self._stage = None
        self._told_at = 0.0
        self._is_through = False

    def path_of(self, stored):
        """Return the path of an object's file."""
        return "%s/objects/%s" % (self.path, stored.path)

    def report(self, stored, fault):
        """Tell the box that an object's file is not what was received."""
        self.say(rotten=[stored.id, fault])

    def spare(self):
        """Return how many octets of the disk may be taken now."""
        self.say(spare=True)
        return self.heard()

    def say(self, **message):
        """Say one line."""
        octets = json.dumps(message).encode() + b"\n"
        while octets:
            octets = octets[os.write(sys.stdout.fileno(), octets) :]

    def heard(self):
        """Return the answer to a question; _Ended where nobody answers any more."""
        line = sys.stdin.buffer.readline()
        if not line:
            raise _Ended
        return json.loads(line)

    def tell(self, progress):
        """Say how far it is, not too often, and when a stage is through; it begins when the box knows of it."""
        now = time.monotonic()
        is_first = progress.stage != self._stage
        is_through = progress.done >= progress.total
        if is_first or now - self._told_at >= _EVERY_S or is_through and not self._is_through:
            self._stage, self._told_at, self._is_through = progress.stage, now, is_through
            self.say(at=progress)
            if is_first:
                self.heard()


class _Ended(Exception):
    """The export is not wanted any more."""


def main():
    """Make the export that standard input says."""
    ending = []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
    length = int.from_bytes(sys.stdin.buffer.read(8), "big")
    if not length:
        return  # there is nothing to make
    path, number, count, settings, order, password = pickle.loads(sys.stdin.buffer.read(length))
    box = _Box(path)
    staging = Staging(box, number)
    listing = choose.Listing(os.path.join(path, FOLDER, "%d" % number), count)
    making = make.made(box, listing, settings, order, staging, password, Pace())
    try:
        try:
            while True:
                box.tell(next(making))
                if ending:
                    raise _Ended
        except StopIteration as end:
            box.say(done=make.in_words(end.value))
        finally:
            making.close()
    except (_Ended, BrokenPipeError):
        pass
    except (MediaError, DicomError) as error:
        box.say(failed=str(error))
    except OSError as error:
        box.say(errno=[error.errno, error.strerror])
    except Exception:
        box.say(broke=traceback.format_exc())


if __name__ == "__main__":
    main()
