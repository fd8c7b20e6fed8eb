"""Whom a listener lets in, and how: its settings, and what they say of an association request."""

import logging
from collections import namedtuple

from edge.net import witness
from edge.protocol import commitment, echo, pdu

_log = logging.getLogger("edge.net")

# What the listener is to do. address, port: where to listen (port 0: any, None: not without TLS); called: AE titles we
# answer to, empty for any; admits: function of (calling AE title, address), whether it may open an association; knows:
# function of an address, whether the configuration names it; policy: contexts.Policy; max_associations, per_address:
# caps; object_limit: octets of the longest data set; limits: association.Limits; drain_ms: how long a drain waits;
# manner_of: function of (calling AE title, address), the Manner in which such a peer is met, or None; tls_port: where
# to listen with TLS, None for nowhere; server: the tls.Server for that; keeps: function of (calling AE title,
# channel.Holder or None), whether that title is kept for the holder of another certificate
Settings = namedtuple(
    "Settings",
    (
        "address",
        "port",
        "called",
        "admits",
        "knows",
        "policy",
        "max_associations",
        "per_address",
        "object_limit",
        "limits",
        "drain_ms",
        "manner_of",
        "tls_port",
        "server",
        "keeps",
    ),
    defaults=(lambda calling, address: None, None, None, lambda calling, holder: False),
)
# How a peer is met that needs it otherwise. called: AE titles that it may call beside ours, with "*" any; policy:
# contexts.Policy; max_pdu_bytes: the longest PDU it is asked to send
Manner = namedtuple("Manner", ("called", "policy", "max_pdu_bytes"))


def refusal(settings, request, address, holder):
    """Return the witness.Refusal of an association request, None when nothing speaks against who asks.

    address: his; holder: channel.Holder of the certificate that he showed, or None.
    """
    if request.application_context != pdu.APPLICATION_CONTEXT:
        return witness.APPLICATION
    manner = settings.manner_of(request.calling, address)
    called = settings.called + (manner.called if manner is not None else ())
    if settings.called and request.called not in called and "*" not in called:
        return witness.CALLED
    if not settings.admits(request.calling, address):
        return witness.CALLING
    if settings.keeps(request.calling, holder):
        _log.warning("the title %s is kept for the holder of another certificate", request.calling)
        return witness.KEPT
    return None


def wants_storage(request):
    """Say whether an association request asks for more than verification and commitment."""
    for proposal in request.proposals:
        if proposal.abstract_syntax not in (echo.SOP_CLASS, commitment.SOP_CLASS):
            return True
    return False
