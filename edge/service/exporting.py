"""Exports in the running box: what waits is made, one after the other, from its start on."""

import logging
import threading

from edge.export.exports import Exports
from edge.service.part import Part

_log = logging.getLogger("edge.service")

_LOOK_S = 20  # between two looks for studies that are finished


class Exporting(Part):
    """The one who makes exports: `exports` of the box, whose thread is there while there is one to make."""

    name = "exports"
    is_late = True

    def __init__(self, running):
        super().__init__(running)
        self._stopping = threading.Event()
        self._thread = None
        box = running.box

        def fetch(name, study):
            from edge.verbs import fetching  # not before an archive is asked: a box that exports nothing is to be small

            return (yield from fetching.for_export(box)(name, study))

        box.exports = Exports(running.spool, lambda: box.config, self._tell, fetch, is_apart=True)

    def _tell(self, words, level):
        if self.running.box.events is not None:
            self.running.box.events.note(words, level)

    def start(self):
        """Go on with what the box had not done when it stopped; look for studies that rules apply to."""
        self.running.box.exports.start()
        self._look_out(self.running.box.config)

    def stop(self):
        """Break off what is being made: it begins again with the next start."""
        self._stopping.set()
        self.running.box.exports.stop()

    def wants(self, old, new):
        """Say whether there are rules where there were none; the thread that looks reads what they are."""
        return bool(new.exports) and not old.exports

    def renew(self, old, new):
        """Begin to look for studies."""
        self._look_out(new)

    def _look_out(self, settings):
        if settings.exports and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="export rules", daemon=True)
            self._thread.start()

    def _run(self):
        from edge.export.rules import Rules  # only a box with rules pays for it

        box = self.running.box
        rules = Rules(self.running.spool, box.exports, self._tell)
        while not self._stopping.is_set():
            try:
                if rules.look(box.config, self.running.spool.now()):
                    box.exports.start()
            except Exception:
                _log.exception("looking for studies to export failed inside this box")
            self._stopping.wait(min(_LOOK_S, box.config.media.quiet_min * 60 / 3))
