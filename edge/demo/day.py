"""`edge demo`: a whole day in a minute, on loopback, with the real service between simulated neighbours.

A modality sends its studies to the box, which forwards each to an archive over a link that drops in the middle of an
object, and again, and to a workstation beside it that notices nothing. At the end every file at both is held against
what the modality sent.
"""

import functools
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from edge.demo import modality, proof
from edge.demo.box import Box, Trouble
from edge.demo.link import Link
from edge.demo.view import Row, View
from edge.dicom import syntax
from edge.net.outbound import LinkFailure

_MORNING, _EVENING = 8 * 60, 17 * 60
_MINUTES_PER_S = 15.0
_DRAW_S = 0.2
_SHOWN = 8  # files left out that are named
_DRAIN_S = 120.0  # how long to wait in the evening until everything is delivered

# What happens to the link, and at which minute of the day: from _ILL on it breaks as soon as some octets more have
# passed, by _CUT at the latest
_ILL, _CUT, _MENDED = "ill", "cut", "mended"
_WEATHER = (
    (10 * 60 + 50, _ILL),
    (12 * 60, _CUT),
    (13 * 60 + 40, _MENDED),
    (14 * 60 + 50, _ILL),
    (15 * 60 + 40, _CUT),
    (16 * 60 + 40, _MENDED),
)
_BEFORE_THE_CUT = 3_400_000


def run(loaded, folder=None):
    """Show the day, with the DICOM files in `folder` instead of phantoms when there is one; return the exit code.

    `loaded` is not looked at: the demonstration has a box and a configuration of its own.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    base = tempfile.mkdtemp(prefix="edge-demo-")
    view = View()
    try:
        with _Hospital(base, folder, view.say) as hospital:
            return _Day(hospital, view).show()
    except KeyboardInterrupt:
        view.say("stopped; nothing is left behind")
        return 130
    except (Trouble, LinkFailure, OSError) as error:
        view.say("edge demo: %s" % error)
        return 1
    finally:
        view.close()
        shutil.rmtree(base, ignore_errors=True)
        signal.signal(signal.SIGTERM, before)


def _interrupt(number, frame):
    raise KeyboardInterrupt


def clock(minute):
    """Return a minute of the day as 14:05."""
    return "%02d:%02d" % (minute // 60, minute % 60)


class _Neighbour:
    """A simulated archive in a process of its own."""

    def __init__(self, folder, ae_title, *transfer_syntaxes):
        os.mkdir(folder)
        self.folder = folder
        command = [sys.executable, "-m", "edge.demo.archive", folder, ae_title, *transfer_syntaxes]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        said = self._process.stdout.readline()
        if not said:
            raise Trouble("the simulated %s did not start" % ae_title)
        self.port = int(said)

    def close(self):
        """End the process: it serves until its standard input ends."""
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Hospital:
    """Everything that takes part, begun and ended together; `say` takes a line of words."""

    def __init__(self, base, source, say):
        self._base = base
        self._source = source
        self._say = say
        self._ends = []

    def __enter__(self):
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception):
        while self._ends:
            self._ends.pop()()

    def _begin(self):
        self.studies, taken = self._studies()
        self.archive = self._neighbour("archive")
        self.workstation = self._neighbour("workstation", *taken)
        self.link = Link(("127.0.0.1", self.archive.port))
        self._ends.append(self.link.close)
        self.box = Box(self._folder("box"), self.link.port, self.workstation.port, modality.CALLERS)
        self._ends.append(self.box.stop)

    def _studies(self):
        """Return the day's studies, and the transfer syntaxes that the workstation takes, none for all."""
        if self._source is None:
            return modality.hospital(self._folder("shelf")), (syntax.EXPLICIT_LITTLE,)
        left_out = []
        sheets = modality.read_shelf(self._source, left_out.append)
        for words in left_out[:_SHOWN]:
            self._say("left out %s" % words)
        if left_out[_SHOWN:]:
            self._say("left out %d more" % len(left_out[_SHOWN:]))
        if not sheets:
            raise Trouble("there is no DICOM file in %s that could be sent" % self._source)
        return modality.dealt_out(sheets, _MORNING + 10, _EVENING - 40), ()

    def _folder(self, name):
        path = os.path.join(self._base, name)
        os.mkdir(path)
        return path

    def _neighbour(self, name, *transfer_syntaxes):
        made = _Neighbour(os.path.join(self._base, name), name.upper(), *transfer_syntaxes)
        self._ends.append(made.close)
        return made


class _Day:
    """What happens, shown as it does."""

    def __init__(self, hospital, view):
        self._hospital = hospital
        self._view = view
        self._total = sum(study.count for study in hospital.studies)
        self._minute = float(_MORNING)
        self._changed = threading.Condition()  # the minute, or _until
        self._until = _MORNING  # the clock waits here for what is to happen first
        self._sent = []  # (Study, Sheet) of what the box has acknowledged
        self._news = []  # lines to be said by the thread that draws
        self._doing = "nothing yet"
        self._failure = None
        self._weather = list(_WEATHER)
        self._link_was_up = True

    def show(self):
        """Let the day pass, then prove what came of it; return the exit code."""
        self._view.say(_INTRODUCTION % (self._total, "s" if self._total != 1 else ""))
        sending = threading.Thread(target=self._send_all, name="modality", daemon=True)
        sending.start()
        before = time.monotonic()
        while sending.is_alive() or self._minute < _EVENING:
            time.sleep(_DRAW_S)
            now = time.monotonic()
            self._pass(now - before)
            before = now
            if self._failure is not None:
                raise self._failure
            self._draw()
        self._await_deliveries()
        return self._prove()

    # The modality

    def _send_all(self):
        """Send each study when its time has come: the modality's own thread."""
        try:
            for study in self._hospital.studies:
                with self._changed:
                    self._until = study.minute
                sheets = study.make()
                with self._changed:
                    self._changed.wait_for(lambda: self._minute >= study.minute)
                self._doing = "%s, %s" % (study.calling, study.title)
                address = ("127.0.0.1", self._hospital.box.port)
                acknowledged = functools.partial(self._acknowledged, study)
                modality.send(study.calling, sheets, address, "EDGE", acknowledged, self._refused)
            self._doing = "done for today"
            self._until = _EVENING
        except Exception as error:
            self._failure = error

    def _acknowledged(self, study, sheet):
        self._sent.append((study, sheet))

    def _refused(self, sheet, words):
        self._news.append("the box refused %s: %s" % (os.path.basename(sheet.path), words))

    # The clock and the link

    def _pass(self, seconds):
        with self._changed:
            self._minute = max(self._minute, min(self._until, self._minute + seconds * _MINUTES_PER_S))
            self._changed.notify_all()
        link = self._hospital.link
        while self._weather and self._weather[0][0] <= self._minute:
            _, what = self._weather.pop(0)
            if what == _ILL:
                link.cut_after(min(_BEFORE_THE_CUT, self._bytes() // 8))
            elif what == _CUT:
                link.cut()
            else:
                link.mend()
        if link.is_up != self._link_was_up:
            self._link_was_up = link.is_up
            where = "in the middle of a transfer " if link.cut_in_transfer else ""
            words = "is back" if link.is_up else "is cut %s" % where
            self._view.say("%s  the link to the archive %s" % (clock(self._minute), words.strip()))

    def _bytes(self):
        return sum(sheet.length for _, sheet in self._sent)

    # The view

    def _draw(self):
        while self._news:
            self._view.say(self._news.pop(0))
        found = self._hospital.box.status()
        kept = found["kept"]["objects"]
        sent = len(self._sent)
        rows = [
            Row("modality", sent, self._total, "%d of %d sent; %s" % (sent, self._total, self._doing), False),
            Row("box", kept, self._total, "%d received, %.1f MB" % (kept, found["kept"]["bytes"] / 1e6), False),
        ]
        waiting = 0
        for each in found["destinations"]:
            row, left = self._destination(each, found["now"])
            rows.append(row)
            waiting += left
        link = "up" if self._hospital.link.is_up else "DOWN"
        self._view.draw(clock(self._minute), "link to the archive: %s" % link, rows)
        return waiting

    def _destination(self, each, now):
        """Return the Row of a destination as the box describes it, and how many objects wait for it."""
        jobs = each["jobs"]
        delivered, waiting, held = jobs["delivered"], jobs["waiting"] + jobs["sending"], jobs["held"]
        words = "%d delivered" % delivered
        if waiting:
            words += ", %d waiting" % waiting
        if held:
            words += ", %d held" % held
        if each["up"] is False:
            wait_s = math.ceil(max(0, (each["next_try"] or 0) - now))
            words += "; %s: %s" % ("next try in %d s" % wait_s if wait_s else "trying again", each["error"])
        return Row(each["name"], delivered, self._total, words, each["up"] is False), waiting

    def _await_deliveries(self):
        """Wait until both destinations have everything; Trouble when that takes too long."""
        limit = time.monotonic() + _DRAIN_S
        self._hospital.link.mend()
        while self._draw():
            if time.monotonic() > limit:
                raise Trouble("not everything was delivered within %d s" % _DRAIN_S)
            time.sleep(_DRAW_S)

    # The proof

    def _prove(self):
        hospital = self._hospital
        self._view.keep()
        self._view.say("")
        found = proof.Proof(("archive", "workstation"))
        for study in hospital.studies:
            sheets = [sheet for known, sheet in self._sent if known is study]
            folders = (hospital.archive.folder, hospital.workstation.folder)
            found.add("%s %s" % (clock(study.minute), study.title), sheets, folders)
        for line in found.lines():
            self._view.say(line)
        self._view.say("The link to the archive was cut %d times, %d of them in mid-transfer." % hospital.link.cuts)
        refused = self._total - len(self._sent)
        if refused:
            self._view.say("Not taken by the box, for the reasons above: %d." % refused)
        return 0 if found.holds and not refused else 1


_INTRODUCTION = """\
A day in a hospital, on this machine alone: a modality sends %d object%s to the box, the box keeps each and forwards it
to an archive, over a link that drops in the middle of an object, and to an old workstation beside it.
"""
