"""Exports in the running box: what waits is made, one after the other, from its start on."""

from edge.export.exports import Exports
from edge.service.part import Part

class Exporting(Part):
    """The one who makes exports: `exports` of the box, whose thread is there while there is one to make."""

    name = "exports"
    is_late = True

    def __init__(self, running):
        super().__init__(running)
        running.box.exports = Exports(running.spool, lambda: running.box.config, self._tell)

    def _tell(self, words, level):
        if self.running.box.events is not None:
            self.running.box.events.note(words, level)

    def start(self):
        """Go on with what the box had not done when it stopped; remove what is left of it."""
        self.running.box.exports.start()

    def stop(self):
        """Break off what is being made: it begins again with the next start."""
        self.running.box.exports.stop()
