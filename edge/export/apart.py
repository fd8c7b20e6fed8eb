"""An export made in a process of its own: the box stays small and goes on receiving while it is made.

The box, which alone has the spool open, starts `maker`, and meanwhile chooses the objects, lists them on the disk, and
protects them. It tells the maker everything once, and they talk in lines of JSON:

    maker -> box   {"at": Progress}               how far it is; the first of each stage waits for an answer
                   {"spare": true}                how many octets may be taken now? answered by a number
                   {"rotten": [object, why]}      its file is not what was received
                   {"done": [volumes, tally, words]}, {"failed": words}, {"errno": [number, words]}, {"broke": trace}
    box -> maker   a line of JSON for each question

SIGTERM tells the maker to end and to leave nothing behind. It dies with the thread that started it.
"""

import json
import logging
import os
import select
import subprocess
import sys
from _pickle import dumps  # the half of pickle that is written in C is enough, and a fraction of its memory

from edge.dicom.errors import DicomError
from edge.export import choose
from edge.export.progress import Pace, Progress
from edge.media.child import find
from edge.media.errors import MediaError

_log = logging.getLogger("edge.export")

_OF_THE_BOX = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_ARENA_MAX")  # keep a process small that runs for months, and slow it
_PATIENCE_S = 180  # how long it may take to end: a drive comes to rest
_LOOK_S = 0.5
_LINE_LIMIT = 8 << 20  # a result names volumes and reasons


def run(spool, settings, order, staging, password=None):
    """Generator of progress.Progress: make an export as edge.export.make.run does; returns [volumes, tally, words].

    volumes: list of dicts as make.Done has them; tally: dict.
    """
    with _Maker() as maker:  # it starts while the objects are chosen
        listing = yield from choose.listed(spool.index, order, staging, Pace())
        maker.tell(dumps((spool.path, staging.number, listing.count, settings, order, password)))
        last = None
        while True:
            said = maker.said(_LOOK_S)
            staging.whole()
            if said is None:
                if last is not None:
                    yield last
                continue
            (kind, value), = said.items()
            if kind == "at":
                is_first = last is None or last.stage != value[0]
                last = Progress._make(value)
                yield last
                if is_first:
                    maker.answer(True)
            elif kind == "spare":
                maker.answer(spool.quota.spare())
            elif kind == "rotten":
                _hold(spool, *value)
            elif kind == "done":
                return value
            elif kind == "failed":
                raise MediaError(value)
            elif kind == "errno":
                raise OSError(*value)
            else:
                _log.error("an export failed inside this box: %s", value)
                raise MediaError("it failed inside the box; see its log")


def _hold(spool, number, why):
    try:
        spool.index.get(number)
    except DicomError:
        return  # it was removed
    spool.hold_rotten(number, why)


class _Maker:
    """The process; a context manager, which ends it."""

    def __init__(self):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([path for path in sys.path if path])}
        for name in _OF_THE_BOX:
            environment.pop(name, None)
        command = [find("setpriv"), "--pdeathsig", "KILL", "--", sys.executable, "-m", "edge.export.maker"]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
                bufsize=0, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            words = "the process that makes exports cannot be started: %s; free memory and try again"
            raise MediaError(words % error.strerror) from error
        self._out = self._process.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._rest = b""

    def __enter__(self):
        return self

    def tell(self, octets):
        """Tell it what to make."""
        self._write(len(octets).to_bytes(8, "big") + octets)

    def answer(self, value):
        """Answer a question."""
        self._write(json.dumps(value).encode() + b"\n")

    def _write(self, octets):
        try:
            while octets:
                octets = octets[os.write(self._process.stdin.fileno(), octets) :]
        except BrokenPipeError:
            pass  # it has ended, and said why

    def said(self, within_s):
        """Return what it says next, None where it says nothing for so long. MediaError when it is gone."""
        while b"\n" not in self._rest:
            if not self._poll.poll(within_s * 1000):
                return None
            octets = os.read(self._out, 1 << 16)
            if not octets or len(self._rest) > _LINE_LIMIT:
                code = self._process.wait() if not octets else "too long a line"
                words = "the process that made it ended (%s): the machine may be short of memory; free some, try again"
                raise MediaError(words % code)
            self._rest += octets
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    def __exit__(self, *_):
        self._process.stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._drained(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process.stdout.close()

    def _drained(self, seconds):
        """Wait for its end; what it still says is lost."""
        self._process.stdout.close()
        self._process.wait(seconds)
