"""Who may come in: one selector for every connection that is not an association yet.

A connection costs a file descriptor and a small window until its A-ASSOCIATE-RQ is whole and accepted; only then does
it get a thread and a large one. Each has ARTIM running (PS3.8 9.1.5), so that a peer who says nothing, or one octet
now and then, is gone after that time. Connections of one address are capped, and those of addresses that the
configuration names are taken even when strangers fill the rest. What an address has too many of is refused in words
once it asks for an association; of connections that ask for none, its oldest newcomer makes way.

There may be a port with TLS beside the plain one, or instead of it. Hands are shaken here, too, as octets come, within
ARTIM; behind that both are the same.

While descriptors are short the listening socket rests: the kernel keeps who waits, and the associations that are open
go on.
"""

import errno
import logging
import selectors
import socket
import threading

from edge.board import progress
from edge.dicom import uid
from edge.net import channel, doors, inbound, manners, rehearsal, tls, transport, witness
from edge.net.half import Half, Mistaken
from edge.protocol import association, commitment, items, pdu

_log = logging.getLogger("edge.net")

HALF_OPEN_LIMIT = 256  # connections without an association; the oldest stranger leaves for the next
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)  # the system has no room for a connection
_SEND_TIMEOUT_MS = 30000
_REST_MS = 1000  # how long nobody is accepted after the system had no descriptor or memory for it
_LAST_BYTES = 1024  # of the window of a connection that was refused: all that comes there is its end
_BUFFER_BYTES = 65536  # what is received at a time where it has to be decrypted first
_QUIET_S = 0.2  # how long a drain waits before it looks again which associations have come to rest


class Ended(Exception):
    """The listener takes no more associations, and no other settings."""


class Listener:
    """The doors, the half-open connections, and the threads of the associations that were accepted.

    settings: manners.Settings; intake: the spool's; has_room: function, whether the spool takes new objects; source_of:
    function of an inbound.Peer, what the spool keeps as the source; routes: function that returns what Arrival.commit
    asks; reports: report.Reports, or None; tell: function of an event of `witness`, which keeps count;
    awaited: awaited.Awaited, what archives were asked to send here, or None; paths: progress.Progress that `run` is a
    path of.
    """

    def __init__(self, settings, intake, has_room, source_of, routes, reports=None, tell=witness.nobody, awaited=None,
                 paths=progress.UNASKED):  # fmt: skip
        self._settings = settings
        self._intake = intake
        self._has_room = has_room
        self._source_of = source_of
        self._routes = routes
        self._reports = reports
        self._tell = tell
        self._awaited = awaited
        self._paths = paths
        self.rehearsals = rehearsal.Rehearsals()
        self._selector = selectors.DefaultSelector()
        self._half = {}
        self._lock = threading.Condition()
        self._running = {}  # inbound.Inbound -> address, None for a rehearsal
        self._stopping = False
        self._rests_until_ms = None  # while the listening socket is not looked at
        self._is_short = False  # whether descriptors were short when somebody last came
        self._buffer = None  # for what is encrypted
        self._renewal = None  # what `run` is to go on with, until it does: (Settings, reports, doors)
        self._has_ended = False
        self._doors = ()
        self._open(self.prepare(settings))
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)

    def _open(self, made):
        """Look at these doors from now on, at no other ones."""
        if self._rests_until_ms is None:
            for each in self._doors:
                self._selector.unregister(each.socket)
            for each in made:
                self._selector.register(each.socket, selectors.EVENT_READ, each)
        self._doors = made
        if self._buffer is None and any([each.server is not None for each in made]):
            self._buffer = memoryview(bytearray(_BUFFER_BYTES))

    @property
    def settings(self):
        """The manners.Settings by which newcomers are met."""
        return self._settings

    @property
    def port(self):
        """The TCP port listened on without TLS, None for none."""
        return self._port(False)

    @property
    def tls_port(self):
        """The TCP port listened on with TLS, None for none."""
        return self._port(True)

    def _port(self, is_encrypted):
        for each in self._doors:
            if (each.server is not None) is is_encrypted:
                return doors.number(each)
        return None

    # Other settings

    def prepare(self, settings):
        """Return the doors that other settings want, for `renew` or `forget`; doors.CannotListen when one is taken."""
        return doors.opened(settings.address, settings.port, settings.tls_port, settings.server, self._doors)

    def forget(self, made):
        """Let go of what `prepare` returned."""
        doors.close(made, self._doors)

    def renew(self, settings, reports, made):
        """Meet newcomers by other settings and reports, at the doors that were prepared; who is here goes on as before.

        To be called from another thread than `run`'s; returns when it is so. Raises Ended when nobody is met any more.
        """
        with self._lock:
            if not self._has_ended:
                self._renewal = settings, reports, made
                self._look_up()
                self._lock.wait_for(lambda: self._renewal is None)
            if self._has_ended:
                self.forget(made)
                raise Ended("the box is stopping")

    def _renew(self):
        with self._lock:
            if self._renewal is None:
                return
            settings, reports, made = self._renewal
            before = self._doors
            for each in before:
                if each.socket not in [other.socket for other in made]:
                    self._accept(each)  # who has come in already
            self._settings, self._reports = settings, reports
            self._open(made)
            doors.close(before, made)
            self._renewal = None
            self._lock.notify_all()

    def _look_up(self):
        try:
            self._wake.send(b"x")
        except OSError:
            pass

    def fileno(self):
        """The descriptor that makes `run` look up when an octet is written to it: what signal.set_wakeup_fd wants."""
        return self._wake.fileno()

    def associations(self):
        """Return the inbound.Summary of each association that is open."""
        with self._lock:
            return [each.summary for each, address in self._running.items() if address is not None]

    def run(self):
        """Serve until `stop` is called, then until the associations have ended or the drain's time is over."""
        path = self._paths.path("listener", self._look_up)
        while not self._stopping:
            path.here()
            for key, _ in self._selector.select(self._patience_s()):
                if isinstance(key.data, doors.Door):
                    self._accept(key.data)
                elif key.fileobj is self._woken:
                    self._woken.recv(64)
                else:
                    self._readable(key.data)
            self._expire()
            self._end_rest()
            self._renew()
        self._paths.leave(path)
        self._drain()

    def close(self):
        """Let go of what `run` does not: to be called when nobody calls `stop` or writes to `fileno` any more."""
        self._wake.close()
        self._woken.close()

    def stop(self):
        """Take no more associations; those that are open may finish. May be called from a signal handler."""
        self._stopping = True
        self._look_up()

    # Half-open connections

    def _patience_s(self):
        """Return the seconds until there is something to do that no socket tells, None when there is nothing."""
        ends = [half.deadline() for half in self._half.values()]
        if self._rests_until_ms is not None:
            ends.append(self._rests_until_ms)
        return max(0, min(ends) - transport.now_ms()) / 1000 if ends else None

    def _accept(self, door):
        for _ in range(64):  # then look at those that are waiting
            if self._rests_until_ms is not None:
                return
            try:
                connected, name = door.socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _SHORT:
                    self._rest(error)
                    return
                continue  # whoever it was is gone again: accept() tells of errors of the connection, too
            if self._is_short:
                self._is_short = False
                _log.warning("connections are taken again")
            self._admit(connected, name[0], door.server)

    def _rest(self, error):
        """Make room if somebody stands about, and look at the listening sockets again in a while."""
        if not self._is_short:
            self._is_short = True
            words = "cannot take connections: %s; let the box have more descriptors (LimitNOFILE=, ulimit -n) or memory"
            _log.error(words, (error.strerror or str(error)).lower())
        self._evict(None)
        for each in self._doors:
            self._selector.unregister(each.socket)
        self._rests_until_ms = transport.now_ms() + _REST_MS

    def _end_rest(self):
        if self._rests_until_ms is not None and self._rests_until_ms <= transport.now_ms():
            self._rests_until_ms = None
            for each in self._doors:
                self._selector.register(each.socket, selectors.EVENT_READ, each)

    def _admit(self, connected, address, server):
        settings = self._settings
        if address.startswith("::ffff:"):
            address = address[7:]
        connected.setblocking(False)
        known = settings.knows(address)
        same = [half for half in self._half.values() if half.address == address]
        if len(same) + self._associations_of(address) >= settings.per_address and same:
            self._drop(min(same, key=_age))  # the newest of its connections is the likeliest to be in earnest
        if len(self._half) >= HALF_OPEN_LIMIT and not self._evict(None if known else address):
            connected.close()
            return
        encryption = None
        if server is not None:
            try:
                encryption = channel.Channel(server.context())
            except tls.Unusable:  # which has been logged, and is a trouble of the box
                _log.warning("%s was turned away: there is no certificate to show", address)
                connected.close()
                self._tell(witness.unfinished(address, 0.0, witness.NO_CERTIFICATE, "the box had none to show"))
                return
        self._watch(Half(connected, address, settings.limits, transport.now_ms(), encryption))

    def _watch(self, half):
        self._half[half.socket.fileno()] = half
        self._selector.register(half.socket, selectors.EVENT_READ, half)

    def _associations_of(self, address):
        """Return how many associations of an address are open."""
        with self._lock:
            return sum(1 for other in self._running.values() if other == address)

    def _evict(self, newcomer):
        """Close the oldest half-open connection of the address that has the most, strangers first; say whether."""
        counts = {}
        for half in self._half.values():
            counts[half.address] = counts.get(half.address, 0) + 1
        strangers = [half for half in self._half.values() if not self._settings.knows(half.address)]
        candidates = strangers or ([] if newcomer else list(self._half.values()))
        if not candidates:
            return False
        self._drop(max(candidates, key=lambda half: (counts[half.address], -half.began_ms)))
        return True

    def _drop(self, half):
        self._half.pop(half.socket.fileno(), None)
        self._selector.unregister(half.socket)
        half.socket.close()

    def _expire(self):
        now_ms = transport.now_ms()
        for half in list(self._half.values()):
            if half.deadline() > now_ms:
                continue
            if half.is_over:
                self._drop(half)
                continue
            half.engine.tick(now_ms)
            if half.engine.finished():
                _log.info("%s connected and %s in time", half.address, half.lateness())
                self._turned(half, witness.LATE, "it connected and %s in time" % half.lateness())
            self._settle(half)

    def _readable(self, half):
        if self._half.get(half.socket.fileno()) is not half:
            return  # dropped for a newcomer in the same round
        if half.is_over:
            if half.is_closed(self._buffer):
                self._drop(half)
            return
        try:
            for count in half.receive(self._buffer):
                if self._heard(half, count):
                    return
        except BlockingIOError:
            return
        except Mistaken:
            words = half.mistake_words(self.port, self.tls_port)
            _log.warning("%s %s", half.address, words)
            self._turned(half, witness.NOT_TLS if half.channel is not None else witness.TLS, "it " + words)
            self._drop(half)
        except channel.Failed as failed:
            _log.warning("no TLS with %s: %s", half.address, failed)
            self._turned(half, witness.TLS, "no TLS with it: %s" % failed)
            if not half.bid_farewell():
                self._drop(half)
        else:
            self._settle(half)

    def _turned(self, half, reason, words):
        """Tell of a connection that comes to no request."""
        self._tell(witness.unfinished(half.address, (transport.now_ms() - half.began_ms) / 1000, reason, words))

    def _heard(self, half, count):
        """Act on `count` octets in the window, 0 at the end; return whether a thread has the connection now."""
        engine = half.engine
        now_ms = transport.now_ms()
        if count:
            engine.filled(count, now_ms)
        else:
            engine.lost(now_ms)
        event = engine.next_event()
        while event is not None:
            if isinstance(event, association.Requested):
                if self._decide(half, event.request):
                    return True
            elif isinstance(event, association.Aborted):
                _log.info("%s: %s before any association", half.address, event.words)
                self._turned(half, witness.PROTOCOL, "%s before any association" % event.words)
            event = engine.next_event()
        return False

    def _settle(self, half):
        """Send what is to be sent, and close what is over."""
        try:
            half.send()
        except (OSError, channel.Failed):
            self._drop(half)
            return
        if half.engine.finished():
            self._drop(half)

    # Associations

    def _decide(self, half, request):
        """Accept or refuse `request`; return True when the connection now belongs to a thread."""
        expected = self.rehearsals.claim(request.calling, half.address, half.own_address())
        if expected is not None:
            return self._start(half, request, expected)
        refusal = self._refusal(half, request)
        if refusal is not None:
            self._refuse(half, request, refusal)
            return False
        return self._start(half, request)

    def _refuse(self, half, request, refusal):
        reject = half.engine.reject(refusal.result, refusal.source)
        self._tell(witness.refused(half, request, refusal))
        _log.warning(
            "%s at %s%s, calling %s, was %s",
            request.calling or "(no title)",
            half.address,
            half.certificate_words(),
            request.called or "(no title)",
            pdu.reject_words(reject),
        )
        try:
            half.engine.widen(_LAST_BYTES)  # hundreds may be left open by those who were refused
        except ValueError:
            pass  # it has sent more already

    def _refusal(self, half, request):
        refusal = manners.refusal(self._settings, request, half.address, half.holder)
        if refusal is not None:
            return refusal
        with self._lock:
            is_full = len(self._running) >= self._settings.max_associations
        if is_full or self._associations_of(half.address) >= self._settings.per_address:
            return witness.TOO_MANY
        if not self._has_room() and manners.wants_storage(request):
            return witness.NO_ROOM
        return None

    def _start(self, half, request, expected=None):
        """Give the connection to a thread that accepts `request`; refuse it, and return False, if there is none.

        expected: rehearsal.Expected where it is a rehearsal.
        """
        settings, reports = self._settings, self._reports
        intake, routes, tell, awaited = self._intake, self._routes, self._tell, self._awaited
        manner = settings.manner_of(request.calling, half.address)
        if expected is not None:
            intake, routes, tell = rehearsal.terms(intake, expected)
            reports, awaited, manner = None, None, rehearsal.MANNER
        self._half.pop(half.socket.fileno(), None)
        self._selector.unregister(half.socket)
        half.engine.widen(inbound.WINDOW_BYTES)  # here: what a thread of its own allocates, libc is slow to give back
        peer = inbound.Peer(request.calling, request.called, half.address, half.certificate_words())
        if half.channel is None:
            wire = transport.Wire(half.socket, _SEND_TIMEOUT_MS)
        else:
            wire = channel.Wire(half.socket, _SEND_TIMEOUT_MS, half.channel)
        served = inbound.Inbound(
            wire, half.engine, peer, intake, self._source_of(peer), routes, settings.object_limit,
            reports, tell, request.proposals, awaited,
        )  # fmt: skip
        work = (served, half.engine, request, settings, reports, manner)
        thread = threading.Thread(target=self._run, args=work, name="association", daemon=True)
        with self._lock:
            self._running[served] = half.address if expected is None else None
        try:
            thread.start()
        except RuntimeError as error:
            with self._lock:
                del self._running[served]
            _log.error("an association gets no thread: %s; let the box have more (TasksMax=, ulimit -u)", error)
            half.socket.setblocking(False)
            self._watch(half)
            self._refuse(half, request, witness.NO_THREAD)
            return False
        return True

    def _run(self, served, engine, request, settings, reports, manner):
        try:
            self._accept_request(engine, request, settings, reports, manner)
            served.run()
        finally:
            with self._lock:
                del self._running[served]
                self._lock.notify_all()

    def _accept_request(self, engine, request, settings, reports, manner):
        longest = settings.limits.max_pdu_bytes
        policy = settings.policy
        if manner is not None:
            longest = min(longest, manner.max_pdu_bytes)
            policy = manner.policy
        expected = reports is not None and reports.expects(request.calling)
        user = items.user_information(
            longest,
            uid.IMPLEMENTATION_CLASS_UID,
            uid.IMPLEMENTATION_VERSION_NAME,
            roles=commitment.roles(request.user.roles, expected),
        )
        engine.accept(commitment.answer(request.proposals, policy, expected), user)

    # The end

    def _drain(self):
        _log.info("stopping: no new associations, %d open", len(self._running))
        with self._lock:
            self._has_ended = True
            self._renewal = None
            self._lock.notify_all()
        doors.close(self._doors)
        for half in list(self._half.values()):
            self._drop(half)
        self._selector.close()
        end_ms = transport.now_ms() + self._settings.drain_ms
        with self._lock:
            while self._running and transport.now_ms() < end_ms:
                self._lock.wait(_QUIET_S)
                for served in self._running:
                    served.leave(False)
            for served in self._running:
                served.leave(True)
            self._lock.wait_for(lambda: not self._running, 2)


def _age(half):
    return half.began_ms
