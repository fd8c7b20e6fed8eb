"""One role of the stewards as a process: who may ask is asked of the kernel, and what may be asked is a table.

systemd holds the socket and starts the steward with it (LISTEN_FDS); without, it makes its own at a path. Each
conversation is a thread, a few at a time, with limits on its lengths and waits. Verbs that are `alone`, which all are
that change something, are done one at a time. A verb that has begun goes on to its end, even where nobody listens any
more: half a mount, half an update helps nobody. A steward that systemd started ends itself when nothing was asked of it
for a while, and takes no memory until the next request.
"""

import logging
import os
import pwd
import select
import signal
import socket
import threading
import time

from edge.net import private
from edge.steward import shapes, wire
from edge.steward.errors import Busy, Misused, Refused, StewardError

_log = logging.getLogger("edge.steward")

IDLE_S = 30  # how long a steward that systemd started waits for more
_FIRST_LISTEN_FD = 3
_AT_ONCE = 8
_FIRST_LINE_S = 5
_TAKING_S = 10
_REST_S = 1.0
_ENDING_S = 60


class Server:
    """Answers for one role until `stop`."""

    def __init__(self, role, listening, users, idle_s=None):
        """role: shapes.Role; listening: a socket; users: ids of who may ask; idle_s: None for no end by itself."""
        self._role = role
        self._verbs = {each.name: each for each in role.verbs}
        self._socket = listening
        self._users = users
        self._idle_s = idle_s
        self._alone = threading.Lock()
        self._doing = ""
        self._open = 0
        self._count = threading.Condition()
        self._asked_at = time.monotonic()
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._stopping = False
        self._is_held_up = False  # what is due waits for what is being done
        self._state = role.open()

    def run(self):
        """Answer until `stop`, or until it was idle for long enough."""
        self._socket.setblocking(False)
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        waiting.register(self._wake, select.POLLIN)
        while not self._stopping:
            self._tick()
            wait_s = self._wait_s()
            if wait_s is not None and wait_s <= 0 and self._is_idle():
                break
            found = [fd for fd, _ in waiting.poll(None if wait_s is None else max(10, wait_s * 1000))]
            if self._wake in found:
                self._drain()
            if self._socket.fileno() in found and not self._stopping:
                self._take()
        with self._count:
            self._count.wait_for(lambda: not self._open, _ENDING_S)
        self._state.close()

    def stop(self, *_):
        """Take no more requests and end, when what is being done is done; a signal's handler, too."""
        self._stopping = True
        self._knock()

    def _knock(self):
        try:
            os.write(self._waker, b".")
        except BlockingIOError:
            pass  # it is awake

    def _drain(self):
        try:
            while os.read(self._wake, 4096):
                pass
        except BlockingIOError:
            pass

    def _is_idle(self):
        quiet_s = time.monotonic() - self._asked_at
        return self._idle_s is not None and not self._open and quiet_s >= self._idle_s and self._state.due_s() is None

    def _wait_s(self):
        """Return how long there is nothing to do but to wait for a request; None: for ever."""
        due_s = self._state.due_s()
        if due_s is not None:
            return None if self._is_held_up else max(0, due_s)
        if self._idle_s is None or self._open:
            return None
        return max(0, self._asked_at + self._idle_s - time.monotonic())

    def _tick(self):
        due_s = self._state.due_s()
        self._is_held_up = False
        if due_s is None or due_s > 0:
            return
        if not self._alone.acquire(blocking=False):
            self._is_held_up = True  # whoever holds it knocks when he is done
            return
        try:
            self._doing = "what was due"
            self._state.tick()
        except StewardError as error:
            _log.error("what was due failed, and is tried again: %s", error)
        except Exception:
            _log.exception("what was due failed; it is tried again")
            time.sleep(_REST_S)
        finally:
            self._alone.release()

    def _take(self):
        try:
            connected, _ = self._socket.accept()
        except OSError as error:
            _log.info("a connection could not be taken: %s", error)
            return
        self._asked_at = time.monotonic()
        with self._count:
            has_room = self._open < _AT_ONCE
            self._open += has_room
        if not has_room:
            self._say(connected, {"error": "the steward is at %d requests; try again" % _AT_ONCE, "kind": "busy"}, 0.1)
            connected.close()
            return
        try:
            threading.Thread(target=self._converse, args=(connected,), name="steward", daemon=True).start()
        except RuntimeError:
            connected.close()
            self._done()

    def _done(self):
        with self._count:
            self._open -= 1
            self._asked_at = time.monotonic()
            self._count.notify_all()
        self._knock()

    def _converse(self, connected):
        try:
            self._say(connected, self._answer(connected))
        except (OSError, wire.WireError) as error:
            _log.info("a conversation ended early: %s", error)
            self._say(connected, {"error": str(error), "kind": "misused"})
        except Exception:
            _log.exception("a request failed inside the steward")
            self._say(connected, {"error": "it failed inside the steward; see its log"})
        finally:
            connected.close()
            self._done()

    def _say(self, connected, message, within_s=_TAKING_S):
        """Send a line, or find that nobody listens; returns whether it was sent."""
        try:
            wire.send(connected, message, within_s)
            return True
        except OSError:
            return False

    def _answer(self, connected):
        """Do what one connection asks for and return the last line of the answer."""
        pid, uid = wire.peer(connected)
        request = wire.Lines(connected, wire.REQUEST_LIMIT).next(_FIRST_LINE_S)  # what is unread would undo an answer
        if uid not in self._users:
            _log.warning("user %d (process %d) asked and may not", uid, pid)
            return {"error": "user %d may not ask this steward" % uid}
        if request is None:
            return {"error": "nothing was asked", "kind": "misused"}
        try:
            verb = self._verb(request)
            given = shapes.checked(verb, request.get("with", {}))
            return {"done": self._do(verb, given, connected)}
        except StewardError as error:
            kind = "busy" if isinstance(error, Busy) else "misused" if isinstance(error, Misused) else "refused"
            return {"error": str(error), "kind": kind}
        except OSError as error:
            what = "%s: " % error.filename if error.filename else ""
            return {"error": what + (error.strerror or str(error)).lower(), "kind": "refused"}

    def _verb(self, request):
        for name in request:
            if name not in ("verb", "with"):
                raise Misused("a request has `verb` and `with`, no %.40r" % name)
        name = request.get("verb")
        verb = self._verbs.get(name) if isinstance(name, str) else None
        if verb is None:
            raise Misused("no verb %.40r; %s has: %s" % (name, self._role.name, ", ".join(self._verbs)))
        return verb

    def _do(self, verb, given, connected):
        if not verb.alone:
            return self._drive(verb, given, connected)
        if not self._alone.acquire(blocking=False):
            raise Busy("the steward is at `%s`; wait for its end and try again" % self._doing)
        try:
            self._doing = verb.name
            return self._drive(verb, given, connected)
        finally:
            self._alone.release()

    def _drive(self, verb, given, connected):
        answer = verb.run(self._state, given)
        if isinstance(answer, dict):
            return answer
        listens = True
        while True:
            try:
                progress = next(answer)
            except StopIteration as end:
                return end.value or {}
            listens = listens and self._say(connected, {"progress": progress})


def main(role, path=None, user=None):
    """Be the steward for a Role until SIGTERM or SIGINT, or until nothing is to do.

    path: of the socket, where systemd gives none; user: name of who may ask besides root. Raises Refused.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    given = _given()
    users = {0, os.geteuid()} | ({_id(user)} if user else set())
    listening = given or _bound(path, user)
    server = Server(role, listening, users, IDLE_S if given else None)
    signal.signal(signal.SIGTERM, server.stop)
    signal.signal(signal.SIGINT, server.stop)
    _log.info("the steward %s is ready", role.name)
    try:
        server.run()
    finally:
        listening.close()
        if not given:
            os.unlink(path)


def _given():
    """Return the socket that systemd passed, None where it passed none."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    count = os.environ.get("LISTEN_FDS", "0")
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    if count != "1":
        raise Refused("a steward has one socket; LISTEN_FDS says %s" % count)
    os.set_inheritable(_FIRST_LISTEN_FD, False)
    return socket.socket(fileno=_FIRST_LISTEN_FD)


def _bound(path, user):
    """Return a listening socket at `path`, which only root and `user` may open."""
    owner = _id(user) if user and os.geteuid() == 0 else None
    try:
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        return private.listening(path, _AT_ONCE, owner)
    except OSError as error:
        raise Refused("no socket at %s: %s" % (path, (error.strerror or str(error)).lower())) from None


def _id(user):
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise Refused("there is no user %s; name another with --for" % user) from None
