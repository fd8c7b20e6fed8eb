"""An association on which we ask an archive what it has, and have it send objects: C-FIND, C-GET, C-MOVE as the user.

    link = associate(host, port, calling, called, wanted, terms, tls, roles, taker)
    link.ask(query.FIND, octets of the command set, level, keys)
    for each in link.answers():              # (query.Answer, {tag: str}); None when a second has passed
        ...
    link.release()                           # or link.cancel() before the last answer

On a C-GET the archive sends objects on the same association, so that we are their provider: role selection has to say
so (PS3.7 D.3.3.4). They go into the spool as from a modality; success is answered when they are durable.
"""

from edge.dicom import syntax
from edge.dicom.errors import DicomError
from edge.net import outbound, talk, transport
from edge.net.inbound import status_of
from edge.protocol import command, dimse, items, query, status, store
from edge.spool.intake import IDENTICAL

_TICK_MS = 1000
_CANCEL_MS = 5000  # how long an archive may take to stop
_STALLS = 10  # times the limit for an answer: an archive that only says that it is busy is given up then


def associate(host, port, calling, called, wanted, terms, tls, taker=None):
    """Open an association and return its FetchLink; outbound.LinkFailure when it cannot be.

    wanted: as outbound.associate has it; taker: Taker of the objects that come on it, None where none may.
    """
    roles = ()
    if taker is not None:
        classes = {each[0] for each in wanted if each[0] not in (query.FIND, query.GET, query.MOVE)}
        roles = tuple([items.Role(each, False, True) for each in sorted(classes)])
    link = outbound.associate(host, port, calling, called, wanted, terms, tls, FetchLink, roles)
    link.take_over(taker)
    return link


class Taker:
    """Takes the objects of an association in, one after the other, and keeps count.

    intake: the spool's; source: intake.Source; route: function of intake.Facts; object_limit: octets of a data set.
    taken, known, refused: how many came, were here before, or were not taken; why: the last refusal, in words.
    """

    def __init__(self, intake, source, route, object_limit):
        self._intake = intake
        self._source = source
        self._route = route
        self._object_limit = object_limit
        self._arrival = None
        self._size = 0
        self._refusal = None
        self.taken = self.known = self.refused = 0
        self.why = None

    def begin(self, context, asked):
        """Begin with an object. context: contexts.Accepted; asked: store.Request."""
        self._size, self._refusal = 0, None
        if asked.sop_class != context.abstract_syntax:
            self._refusal = status.DATA_SET_MISMATCH, "SOP class of the command is not that of the context"
            return
        try:
            names = asked.sop_class, asked.sop_instance, context.transfer_syntax
            self._arrival = self._intake.begin(*names, self._source)
        except (DicomError, OSError) as error:
            self._refuse(error)

    def feed(self, views):
        """Take the next octets; return whether the data set is still within the limit."""
        self._size += sum([len(view) for view in views])
        if self._arrival is not None:
            try:
                self._arrival.write_all(views)
            except (DicomError, OSError) as error:
                self._refuse(error)
        return self._size <= self._object_limit

    def end(self):
        """Make the object durable; return (status, comment) for its answer."""
        if self._arrival is not None:
            try:
                stored = self._arrival.commit(self._route)
                self._arrival = None
                if stored.verdict == IDENTICAL:
                    self.known += 1
                else:
                    self.taken += 1
            except (DicomError, OSError) as error:
                self._refuse(error)
        if self._refusal is None:
            return status.SUCCESS, ""
        self.refused += 1
        self.why = self._refusal[1]
        return self._refusal

    def drop(self):
        """Let go of an object that is not whole."""
        if self._arrival is not None:
            self._arrival.abandon()
            self._arrival = None

    def _refuse(self, error):
        self.drop()
        self._refusal = status_of(error), str(error)

    def progress(self):
        """Return what differs when something has come."""
        return self.taken, self.known, self.refused, self._size

    def keep_up(self):
        """See Intake.keep_up."""
        self._intake.keep_up()


class FetchLink(talk.Talk):
    """A talk.Talk that asks for studies and objects. Not for use by several threads at once."""

    taker = None

    def take_over(self, taker):
        """Say who takes objects; called once, by `associate`."""
        self.taker = taker
        self._field = None  # of the request under way
        self._context_id = None
        self._match = None  # of the answer whose identifier is coming
        self._answer = None
        self._storing = None  # the store.Request whose data set is coming

    def takes(self, sop_class):
        """Say whether the peer agreed to a context for `sop_class`."""
        return any([each.abstract_syntax == sop_class for each in self.accepted])

    def may_take(self):
        """Say whether the peer may send us objects: it agreed to a storage context, and to our being the provider."""
        ours = {each.sop_class for each in self.roles if each.scp}
        return any([each.abstract_syntax in ours for each in self.accepted])

    def ask(self, sop_class, request, level, keys):
        """Send a request with its identifier. request: function of a message ID, the command set; keys: of query."""
        self._context_id = self._context_of(sop_class)
        known = syntax.lookup(self._association.accepted[self._context_id].transfer_syntax)
        octets = request(self._next_message_id())
        self._field = command.decode(octets)[command.COMMAND_FIELD]
        self._association.command(self._context_id, octets)
        outgoing = self._association.outgoing()
        self._begin_from(outgoing, self._context_id, [query.identifier(known, level, keys)])

    def answers(self, elsewhere=lambda: None):
        """Yield (query.Answer, {tag: str}) of each answer, the last of which is not pending; None each second.

        elsewhere: function whose value differs when something has come that was asked for, over another association.
        LinkFailure when the link breaks, or nothing moves for too long.
        """
        now_ms = transport.now_ms()
        moved_ms = heard_ms = now_ms
        before = elsewhere(), self._progress()
        counters = None
        while True:
            until_ms = transport.now_ms() + _TICK_MS
            got, now_ms = None, 0
            while got is None and now_ms < until_ms:
                got, now_ms = self._next(until_ms), transport.now_ms()
            here = elsewhere(), self._progress()
            if here != before:
                before, moved_ms, heard_ms = here, now_ms, now_ms
            if got is not None:
                if self._field == command.C_FIND_RQ or got[0].counters != counters:
                    moved_ms = now_ms
                counters = got[0].counters
                heard_ms = now_ms
            if got is None and min(now_ms - heard_ms, self._association.quiet_ms(now_ms)) > self._terms.dimse_ms:
                raise self._give_up("%s did not answer within %d s" % (self.peer, self._terms.dimse_ms // 1000))
            if now_ms - moved_ms > _STALLS * self._terms.dimse_ms:
                seconds = _STALLS * self._terms.dimse_ms // 1000
                raise self._give_up("%s only said that it is busy, for %d s" % (self.peer, seconds))
            yield got
            if got is not None and not query.is_pending(got[0].status):
                self._field = None
                return

    def cancel(self):
        """Have the archive stop (C-CANCEL), and release; one that does not stop in time is aborted."""
        try:
            if self.is_open and self._field is not None:
                self._association.command(self._context_id, query.cancel(self._message_id))
                self._flush()
                deadline_ms = transport.now_ms() + _CANCEL_MS
                while transport.now_ms() < deadline_ms:
                    got = self._next(deadline_ms)
                    if got is not None and not query.is_pending(got[0].status):
                        self.release()
                        return
                self.abort()
            self.release()
        except outbound.LinkFailure:
            pass
        finally:
            self.close()

    def close(self):
        """Close the transport, and let go of an object that is not whole."""
        super().close()
        if self.taker is not None:
            self.taker.drop()

    def _progress(self):
        return None if self.taker is None else self.taker.progress()

    def _command(self, message):
        elements = message.elements
        context = self._association.accepted.get(message.context_id)
        if context is None:
            raise self._give_up("%s sent a message in a context that was not agreed on" % self.peer)
        field = elements[command.COMMAND_FIELD]
        if field == command.C_STORE_RQ and self.taker is not None:
            self._storing = store.asked(message)
            self.taker.begin(context, self._storing)
            return None
        responds = elements.get(command.MESSAGE_ID_RESPONDED_TO)
        if self._field is None or field != self._field | command.RESPONSE or responds != self._message_id:
            raise self._give_up("%s answered a message that was not sent" % self.peer)
        answer = query.answer(elements)
        if not answer.has_data_set:
            return answer, {}
        self._answer, self._match = answer, query.Match(syntax.lookup(context.transfer_syntax))
        return None

    def _payload(self, data):
        if self._match is not None:
            for view in data.views:
                self._match.feed(view)
            if data.is_last:
                match, self._match = self._match, None
                return self._answer, match.finish()
            return None
        if not self.taker.feed(data.views):
            raise self._give_up("%s sent a data set that is longer than object_bytes of [limits]" % self.peer)
        if data.is_last:
            asked, self._storing = self._storing, None
            code, comment = self.taker.end()
            self._association.command(asked.context_id, command.encode(dimse.answer_to(asked.elements, code, comment)))
            self._flush()
            self.taker.keep_up()
        return None
