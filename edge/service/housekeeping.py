"""What the box does beside its work: keep the spool tidy, and look through what lies there for rot."""

import logging
import threading
import time

from edge.board import progress

_log = logging.getLogger("edge.service")

_TIDY_S = 10  # between two tidyings, when nothing presses
_REST_S = 0.05  # at least; as long as a tidying took, when the next presses: half of the time is for others
_SCRUB_OCTETS = 8 << 20  # of one look at stored files, when nothing else goes on
_PATIENCE_S = 1800.0  # of a tidying, and of what is looked through behind it
_ROUND_S = 86400  # from the beginning of one look at everything to the next


class Housekeeping:
    """A thread that tidies the spool every few seconds; `is_busy` says whether scrubbing would be in the way.

    `troubles`: function, what is wrong now, as troubles.all_of has it; paths: progress.Progress.
    """

    def __init__(self, spool, is_busy, troubles, paths=progress.UNASKED):
        self._spool = spool
        self._troubles = troubles
        self._is_busy = is_busy
        self._paths = paths
        self._stopping = threading.Event()
        self._known = set()  # troubles that were logged
        self._round = None  # when the present look at everything began
        self._rounds = 0
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self):
        """Begin to keep house."""
        self._thread.start()

    def stop(self):
        """Keep house no more; returns when what is under way is done."""
        self._stopping.set()
        self._spool.quota.pressed.set()
        self._thread.join()

    def _run(self):
        path = self._paths.path("housekeeping", lambda: None)  # it comes round by itself
        while not self._stopping.is_set():
            path.here(2 * _TIDY_S)
            self._spool.quota.pressed.wait(_TIDY_S)
            if self._stopping.is_set():
                break
            path.here(_PATIENCE_S)
            begun = time.monotonic()
            try:
                self.once(begun)
            except Exception:
                _log.exception("keeping house failed inside this box")
            path.here(_PATIENCE_S)
            self._stopping.wait(max(_REST_S, time.monotonic() - begun))
        self._paths.leave(path)

    def once(self, now):
        """Do what is to be done at `now` (s, of a clock that never goes back)."""
        self._spool.tidy()
        if not self._is_busy():
            self._scrub(now)
        self.log_troubles()

    def _scrub(self, now):
        if self._round is None or now - self._round >= _ROUND_S:
            self._round = now
            self._rounds = self._spool.scrub.rounds
        if self._spool.scrub.rounds == self._rounds:
            self._spool.scrub.step(_SCRUB_OCTETS)

    def log_troubles(self):
        """Log each trouble of the box once when it appears and once when it is over."""
        present = {trouble.key: trouble.words for trouble in self._troubles()}
        for key in present.keys() - self._known:
            _log.error("trouble: %s", present[key])
        for key in self._known - present.keys():
            _log.warning("no trouble any more: %s", key)
        self._known = set(present)
