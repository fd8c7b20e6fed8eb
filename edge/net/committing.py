"""An association on which we ask an archive for storage commitment, and on which it may answer at once.

    link = associate(host, port, calling, called, terms, tls, reports)
    reply = link.ask(transaction, instances)
    link.linger(limit_ms)                    # reports that come meanwhile go to the spool

An archive may report before it has answered the request, between two requests, and of transactions that were asked on
another association: whatever comes is taken and answered.
"""

import logging

from edge.dicom import syntax
from edge.net import outbound, talk, transport
from edge.protocol import command, commitment, dimse, status

_log = logging.getLogger("edge.net")


def associate(host, port, calling, called, terms, tls, reports):
    """Open an association for storage commitment and return its CommitmentLink; outbound.LinkFailure when it cannot be.

    reports: report.Reports, which takes what is reported.
    """
    wanted = [(commitment.SOP_CLASS, commitment.SYNTAXES)]
    link = outbound.associate(host, port, calling, called, wanted, terms, tls, CommitmentLink)
    link.take_over(called, reports)
    return link


class CommitmentLink(talk.Talk):
    """A talk.Talk that asks for commitment, and takes reports."""

    def take_over(self, called, reports):
        """Say whom we called and who takes the reports; called once, by `associate`."""
        self._called = called
        self._reports = reports
        self._report = None  # the one under way
        self._asked = None  # the elements and context of the request that it came with
        self.taken = 0  # reports that were taken

    def has_service(self):
        """Say whether the peer takes requests for commitment."""
        return bool(self._association.accepted)

    def ask(self, transaction, instances):
        """Ask for commitment of `instances`, pairs of SOP Class and Instance UID; return the peer's Reply.

        Raises outbound.LinkFailure when the link breaks, or no answer comes in time.
        """
        context_id = self._context_of(commitment.SOP_CLASS)
        known = syntax.lookup(self._association.accepted[context_id].transfer_syntax)
        self._association.command(context_id, commitment.request(self._next_message_id()))
        chunks = commitment.request_data_set(known, transaction, instances)
        self._begin_from(self._association.outgoing(), context_id, chunks)
        deadline_ms = transport.now_ms() + self._terms.dimse_ms
        while True:
            reply = self._next(deadline_ms)
            if reply is not None:
                return reply
            if transport.now_ms() >= deadline_ms:
                seconds = self._terms.dimse_ms // 1000
                raise self._give_up("%s did not answer a request for commitment within %d s" % (self.peer, seconds))

    def linger(self, limit_ms, is_enough):
        """Take reports until `is_enough()` says so, `limit_ms` are over, or the peer ends the association."""
        deadline_ms = transport.now_ms() + limit_ms
        try:
            while self._open and not is_enough() and transport.now_ms() < deadline_ms:
                self._next(deadline_ms)
        except outbound.LinkFailure as failure:
            _log.info("waiting for a report on storage commitment: %s", failure.reason)

    def _command(self, message):
        elements = message.elements
        field = elements[command.COMMAND_FIELD]
        if field == command.N_ACTION_RQ | command.RESPONSE:
            if elements.get(command.MESSAGE_ID_RESPONDED_TO) != self._message_id:
                raise self._give_up("%s answered a message that was not sent" % self.peer)
            return outbound.Reply(elements.get(command.STATUS, status.SUCCESS), elements.get(command.ERROR_COMMENT, ""))
        if field & command.RESPONSE:
            raise self._give_up("%s answered a message that was not sent" % self.peer)
        context = self._association.accepted.get(message.context_id)
        if context is None:
            raise self._give_up("%s sent a message in a context that was not agreed on" % self.peer)
        self._asked = message
        if field == command.N_EVENT_REPORT_RQ:
            self._report = self._reports.begin(self._called, elements, context.transfer_syntax)
        if not command.has_data_set(elements):
            self._answer()
        return None

    def _payload(self, data):
        if self._report is not None:
            self._report.feed(data.views)
        if data.is_last:
            self._answer()

    def _answer(self):
        code, comment = status.UNRECOGNIZED_OPERATION, "only reports are taken here"
        if self._report is not None:
            code, comment = self._report.finish()
            self._report = None
            self.taken += 1
        answer = dimse.answer_to(self._asked.elements, code, comment)
        self._association.command(self._asked.context_id, command.encode(answer))
        self._flush()
