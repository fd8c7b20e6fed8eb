"""A thread that looks at things now and then, each as often as it is worth."""

import logging
import threading
import time

_log = logging.getLogger("edge.watch")


class Rounds:
    """Calls functions, each every so many seconds. steps: pairs of a function without arguments and of seconds."""

    def __init__(self, steps):
        self._steps = tuple(steps)
        self._due = [0.0] * len(self._steps)
        self._failed = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)

    def start(self):
        """Begin."""
        self._thread.start()

    def stop(self):
        """End; returns when what is under way is done."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self):
        shortest = min([every_s for _, every_s in self._steps])
        while not self._stopping.wait(shortest):
            self.once(time.monotonic())

    def once(self, now):
        """Call what is due at `now` (s, of a clock that never goes back)."""
        for number, (step, every_s) in enumerate(self._steps):
            if now < self._due[number]:
                continue
            self._due[number] = now + every_s
            try:
                step()
                self._failed.discard(number)
            except Exception:
                if number not in self._failed:  # once, until it works again
                    _log.exception("looking after the box failed inside it")
                self._failed.add(number)
