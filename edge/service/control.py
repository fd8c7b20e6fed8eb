"""The box's end of the control socket: a thread for each conversation, a few at a time, with a limit of patience.

A client that is connected and silent holds a place only until its deadline; one that comes while all places are taken
is told so, so that nobody waits for nothing.
"""

import logging
import os
import socket
import threading

from edge.console import control, handing
from edge.console.commands import FAILED, MISUSED
from edge.dicom.errors import DicomError
from edge.net import private
from edge.verbs.verb import OWNER, Misused, Refused

_log = logging.getLogger("edge.service")

_AT_ONCE = 32
_FIRST_LINE_S = 5  # a client knows what it wants when it connects
_PATIENCE_S = 60  # for each further line, and for a client to take ours
_REST_S = 1.0  # before the next look after a connection could not be taken


class Server:
    """Listens on the socket in the state folder and does what it is asked, until `stop`."""

    def __init__(self, box):
        self._box = box
        self._state_dir = box.config.box.state_dir
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        self._stopped = threading.Event()
        self._socket = self._bind()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def _bind(self):
        """Return the listening socket; a name left by a box that was killed makes way: the state folder is ours."""
        with control.address(self._state_dir) as name:
            return private.listening(name, _AT_ONCE)

    def start(self):
        """Begin to answer."""
        self._thread.start()

    def stop(self):
        """Answer no more; conversations under way are cut when the process ends."""
        with control.address(self._state_dir) as name:
            os.unlink(name)
        self._stopped.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _run(self):
        is_short = False
        while not self._stopped.is_set():
            try:
                self._take_one()
                is_short = False
            except (OSError, RuntimeError) as error:  # no descriptor, no thread
                if not self._stopped.is_set() and not is_short:
                    _log.error("the control socket cannot take a command: %s", error)
                is_short = True
                self._stopped.wait(_REST_S)

    def _take_one(self):
        connected, _ = self._socket.accept()
        if not self._room.acquire(blocking=False):
            connected.settimeout(0)
            busy = control.Channel(connected)
            busy.fail("the box is busy with %d other commands; try again in a moment" % _AT_ONCE, FAILED)
            busy.close()
            return
        talk = threading.Thread(target=self._converse, args=(connected,), name="conversation", daemon=True)
        try:
            talk.start()
        except RuntimeError:
            self._room.release()
            connected.close()
            raise

    def _converse(self, connected):
        connected.settimeout(_FIRST_LINE_S)
        channel = control.Channel(connected)
        try:
            asked = channel.receive()
            connected.settimeout(_PATIENCE_S)
            if asked is not None:
                self._answer(channel, *asked)
        except (OSError, ValueError) as error:
            _log.info("a conversation on the control socket ended early: %s", error)
        except Exception:
            _log.exception("a conversation on the control socket failed inside this box")
            channel.fail("it failed inside the box; see its log", FAILED)
        finally:
            channel.close()
            self._room.release()

    def _answer(self, channel, request, file):
        """Do what a request asks for; file: the descriptor that came with it, or None, which is closed in the end."""
        try:
            if not isinstance(request, dict):
                raise Misused("a request is an object with the name of a verb")
            name = request.pop("verb", None)
            if name == "send":
                self._take_files(channel, request)
            elif name == "console":
                self._show_menus(channel)
            else:
                self._tell(channel, self._ask(name, request, file))
        except Misused as misuse:
            channel.send({"failed": str(misuse), "code": MISUSED})
        except (Refused, DicomError) as refusal:
            channel.send({"failed": str(refusal), "code": FAILED})
        finally:
            if file is not None:
                os.close(file)

    def _ask(self, name, request, file):
        """Return the generator of a verb, which reads or writes the open `file` that came with the request."""
        from edge.verbs import table  # a box that nobody asks anything does not carry it

        if "file" in request:
            raise Misused("a file comes as an open descriptor, beside the request")

        def ask(**more):
            return table.ask(self._box, name, {**request, **more}, OWNER)

        way = table.VERBS[name].file if isinstance(name, str) and name in table.VERBS else None
        if file is None or way is None:
            return ask(file=file)
        return handing.with_file(os.dup(file), way, ask)

    def _tell(self, channel, rows):
        while True:
            try:
                row = next(rows)
            except StopIteration as end:
                channel.send({"done": end.value})
                return
            channel.send({"row": row})

    def _show_menus(self, channel):
        """Leave the line protocol: what follows are the octets of a terminal."""
        from edge.service import serials

        with serials.TERMINALS as has_room:
            if not has_room:
                raise Refused("too many terminals are open on this box; close one")
            channel.send({"ready": True})
            serials.converse(self._box, *channel.raw(), OWNER)

    def _take_files(self, channel, request):
        from edge.verbs import objects

        name = request.get("destination")
        objects.may_send(self._box, name)
        channel.send({"ready": True})
        while True:
            received = channel.receive()
            if received is None:
                return
            message, file = received
            if file is None:
                channel.send({"done": {}})
                return
            try:
                row = objects.take(self._box, name, message.get("path"), file)
            finally:
                os.close(file)
            channel.send({"row": row})
