"""The running box: its parts, in one table, and the way from the configuration that it has to another."""

import logging
import threading

from edge.dicom.errors import DicomError
from edge.net.listener import Ended
from edge.service import beating, consoles, exporting, firewall, parts, serials, sticks, words
from edge.service.settling import Settling
from edge.service.telling import Telling
from edge.toml import reading
from edge.verbs.box import Box

_log = logging.getLogger("edge.service")

# Every part, in the order in which they are made, started and changed; they stop the other way round. Each is found by
# its class: running[parts.Listening]
TABLE = (
    parts.Log,
    beating.Beating,
    consoles.Admission,
    parts.Descriptors,
    parts.Room,
    parts.Routing,
    parts.Reporting,
    parts.Watching,
    Telling,
    parts.Listening,
    parts.House,
    parts.Forwarding,
    parts.Looking,
    parts.Control,
    parts.Relay,
    consoles.Console,
    serials.Line,
    Settling,
    sticks.Sticks,
    exporting.Exporting,
    firewall.Firewall,
)


class CannotApply(Exception):
    """The box goes on with the configuration that it has; str() says why, and what to do."""


class Running:
    """The box with all its parts, made of a Loaded configuration and its Spool; nothing works before `start`.

    box: verbs.box.Box, what verbs are asked of; spool: the Spool; ring: ring.Ring, the
    last of the log, or None.
    """

    def __init__(self, loaded, spool, ring=None):
        self.spool = spool
        self.ring = ring
        self.box = Box(loaded.config, spool, self.associations, loaded=loaded)
        self._changing = threading.RLock()
        self._has_ended = False
        self._parts = {}
        for make in TABLE:
            self._parts[make] = make(self)

    def __getitem__(self, kind):
        return self._parts[kind]

    @property
    def listener(self):
        """The listener.Listener."""
        return self[parts.Listening].listener

    def associations(self):
        """Return the inbound.Summary of each association that is open."""
        return self.listener.associations()

    def start(self):
        """Start every part but the late ones."""
        for each in self._parts.values():
            if not each.is_late:
                each.start()

    def start_late(self):
        """Start the parts that nothing waits for; one that cannot start is logged, and the others go on."""
        with self._changing:
            for each in self._parts.values():
                if each.is_late and not self._has_ended:
                    try:
                        each.start()
                    except Exception:
                        _log.exception("the %s cannot start", each.name)

    def stop(self):
        """Stop every part; a change that is under way is finished before."""
        with self._changing:
            self._has_ended = True
        for each in reversed(self._parts.values()):
            each.stop()

    def lines(self):
        """Return what the parts add to the greeting."""
        return [line for each in self._parts.values() for line in each.lines()]

    # Another configuration

    def apply(self, loaded):
        """Go over to a Loaded configuration; returns when it is done. Raises CannotApply, and nothing has changed then.

        From any thread but that of the listener. Associations go on, and so do destinations that nothing changes for.
        """
        with self._changing:
            old, new = self.box.config, loaded.config
            if self._has_ended:
                raise CannotApply("the box is stopping")
            if new.box.state_dir != old.box.state_dir:
                why = "state_dir under [box] cannot be changed while the box runs: stop it, move %s there, and start it"
                raise CannotApply(why % old.box.state_dir)
            changed = [each for each in self._parts.values() if each.wants(old, new)]
            self._prepare(changed, old, new)
            self._go_over(changed, old, new)
            known, self.box.config, self.box.loaded = self.box.loaded.warnings, new, loaded
        for warning in loaded.warnings:
            if warning[1:] not in [each[1:] for each in known]:  # whatever line it stands on
                _log.warning("%s", reading.say(loaded.path, warning))
        names = ", ".join([each.name for each in changed])
        _log.info("the box goes by another configuration; changed: %s", names or "nothing")

    def _prepare(self, changed, old, new):
        """Have the parts get what they need; CannotApply, and nothing is got, when one is refused something."""
        for number, each in enumerate(changed):
            try:
                each.prepare(new)
            except BaseException as error:
                for other in reversed(changed[: number + 1]):
                    other.forget()
                if isinstance(error, DicomError):
                    raise CannotApply(str(error)) from None
                if isinstance(error, OSError):
                    raise CannotApply(words.of(error, new, old)) from None
                raise

    def _go_over(self, changed, old, new):
        """Have the parts work by `new`; CannotApply, and they are brought back, when one of them fails."""
        done = []
        try:
            for each in changed:
                done.append(each)
                each.renew(old, new)
        except Ended as error:
            raise CannotApply(str(error)) from None
        except Exception as error:
            _log.exception("the %s did not take another configuration", done[-1].name)
            for each in changed[len(done) :]:
                each.forget()
            for each in done:
                self._bring_back(each, new, old)
            why = "the %s did not take it (%s): see the log; the configuration before is back"
            raise CannotApply(why % (done[-1].name, type(error).__name__)) from error

    def _bring_back(self, part, new, old):
        try:
            part.prepare(old)
            part.renew(new, old)
        except Exception:
            _log.exception("the %s could not be brought back; start the box anew", part.name)
