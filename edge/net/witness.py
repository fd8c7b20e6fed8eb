"""What receiving and sending tell whoever keeps count: events, each a namedtuple, for one function, the witness.

It is called on the way of an object and by the thread that holds all half-open connections, so it has to be quick, and
never raises. Who keeps no count gives `nobody`.
"""

import time
from collections import namedtuple

from edge.protocol import pdu

# An object was answered. octets: of its data set; received_s: from its request to its last octet; settled_s: from then
# until it was durable, or refused; is_stored: whether it was answered with success
Received = namedtuple("Received", ("octets", "received_s", "settled_s", "is_stored"))
# An association has ended. summary: inbound.Summary; seconds: how long it was open
Ended = namedtuple("Ended", ("summary", "seconds"))
# A connection became no association. calling, called: AE titles, "" when it came to no request; certificate: words for
# the one shown; proposals: of contexts; began: s since 1970; end: REFUSED or UNFINISHED; reason: a word, see below;
# words: the same for a person
Turned = namedtuple(
    "Turned", ("address", "calling", "called", "certificate", "proposals", "began", "seconds", "end", "reason", "words")
)

# An object was sent. destination: its name; octets: of its data set as it is stored; seconds: how long it took;
# is_delivered: whether the destination has it now; recoded: (transfer syntax, another), where pixels were transcoded
Sent = namedtuple("Sent", ("destination", "octets", "seconds", "is_delivered", "recoded"))
# An association, or what another kind of destination has instead, was opened; or the way there failed, at a layer
Opened = namedtuple("Opened", ("destination",))
Broken = namedtuple("Broken", ("destination", "layer"))

# How it ended
RELEASED, ABORTED, LOST, FAILED, REFUSED, UNFINISHED = "released", "aborted", "lost", "failed", "refused", "unfinished"

# Why a request was refused. reason: a word; result, source: as pdu has them
Refusal = namedtuple("Refusal", ("reason", "result", "source"))
APPLICATION = Refusal("application-context", pdu.REJECTED_PERMANENT, pdu.APPLICATION_CONTEXT_NOT_SUPPORTED)
CALLED = Refusal("called", pdu.REJECTED_PERMANENT, pdu.CALLED_NOT_RECOGNIZED)
CALLING = Refusal("calling", pdu.REJECTED_PERMANENT, pdu.CALLING_NOT_RECOGNIZED)
KEPT = Refusal("certificate", pdu.REJECTED_PERMANENT, pdu.CALLING_NOT_RECOGNIZED)
TOO_MANY = Refusal("too-many", pdu.REJECTED_TRANSIENT, pdu.LOCAL_LIMIT_EXCEEDED)
NO_ROOM = Refusal("no-room", pdu.REJECTED_TRANSIENT, pdu.TEMPORARY_CONGESTION)
NO_THREAD = Refusal("no-thread", pdu.REJECTED_TRANSIENT, pdu.TEMPORARY_CONGESTION)

# Why a connection came to no request
TLS, NOT_TLS, LATE, PROTOCOL, NO_CERTIFICATE = "tls", "not-tls", "late", "protocol", "no-certificate"

_WORDS = {
    APPLICATION: "it asked for another application than DICOM",
    CALLED: "it called the box %(called)s, which is not its AE title; let the device call it as ae_title under [box] "
    "has it, or add this title to called_aliases under [dicom]",
    CALLING: "%(calling)s at %(address)s is not among accept_calling under [dicom]; add it there if it may send",
    KEPT: "the title %(calling)s is kept for the holder of another certificate, by titles under [tls]",
    TOO_MANY: "too many associations were open, of all or of this address; see max_associations under [dicom] and "
    "per_address under [limits]",
    NO_ROOM: "room was short; see the troubles of the box",
    NO_THREAD: "the system gave the box no thread for it; let the box have more (TasksMax=, ulimit -u)",
}


def nobody(event):
    """Keep no count."""


def refused(half, request, refusal):
    """Return the Turned of a request that was refused. half: half.Half; request: pdu.AssociateRequest."""
    named = {"calling": request.calling or "(no title)", "called": request.called or "(no title)"}
    words = _WORDS[refusal] % dict(named, address=half.address)
    return Turned(
        half.address, request.calling, request.called, half.certificate_words(), request.proposals, time.time(), 0.0,
        REFUSED, refusal.reason, words,
    )  # fmt: skip


def unfinished(address, seconds, reason, words):
    """Return the Turned of a connection on which no association was asked for."""
    return Turned(address, "", "", "", (), time.time() - seconds, seconds, UNFINISHED, reason, words)
