"""Presentation contexts, negotiated by pure functions (PS3.8 7.1.1.13, 9.3.2.2, 9.3.3.2).

An acceptor takes at most one transfer syntax a context. Which one matters more than the standard lets on: a sender that
offers several in one context converts to the one that is taken. The order of preference therefore puts first what
every sender can do without touching a pixel, then what loses nothing, and last what may lose something:

    explicit little endian, implicit little endian, explicit big endian, deflated,
    then the lossless encapsulated ones as the table says, then whatever else is offered, in the sender's order.

A sender that means to send compressed objects as they are proposes their syntax in a context of its own, and gets it.
"""

from collections import namedtuple

from edge.dicom import syntax, uid
from edge.protocol.pdu import (
    ABSTRACT_SYNTAX_NOT_SUPPORTED,
    ACCEPTANCE,
    TRANSFER_SYNTAXES_NOT_SUPPORTED,
    Answer,
    Proposal,
)

MAXIMUM = 128  # contexts an association can carry: the odd numbers of one octet

PREFERENCE = (
    syntax.EXPLICIT_LITTLE,
    syntax.IMPLICIT_LITTLE,
    syntax.EXPLICIT_BIG,
    syntax.DEFLATED_LITTLE,
    syntax.ENCAPSULATED_UNCOMPRESSED,
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless SV1
    "1.2.840.10008.1.2.4.57",  # JPEG Lossless
    "1.2.840.10008.1.2.4.201",  # HTJ2K Lossless
    "1.2.840.10008.1.2.4.202",  # HTJ2K Lossless RPCL
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 Lossless
    "1.2.840.10008.1.2.5",  # RLE Lossless
)

# takes: function of an abstract syntax (str), whether a context for it is accepted; preference: tuple of transfer
# syntaxes, best first; others_too: bool, whether a syntax that `preference` does not name is taken after those it does
Policy = namedtuple("Policy", ("takes", "preference", "others_too"))
# A context that both sides agreed on. id: int; abstract_syntax, transfer_syntax: str
Accepted = namedtuple("Accepted", ("id", "abstract_syntax", "transfer_syntax"))

_UNCOMPRESSED = (syntax.IMPLICIT_LITTLE, syntax.EXPLICIT_LITTLE, syntax.EXPLICIT_BIG)


def _choose(offered, policy):
    for preferred in policy.preference:
        if preferred in offered:
            return preferred
    if policy.others_too:
        for offer in offered:
            if uid.is_tolerable(offer):
                return offer
    return ""


def answer(proposals, policy):
    """Return a tuple of Answer, one for each Proposal in its order, as `policy` has it.

    A context for Verification carries no data set: the first uncompressed syntax offered is taken, whatever is
    preferred.
    """
    answers = []
    for proposal in proposals:
        if not policy.takes(proposal.abstract_syntax):
            answers.append(Answer(proposal.id, ABSTRACT_SYNTAX_NOT_SUPPORTED, syntax.IMPLICIT_LITTLE))
            continue
        chosen = _choose(proposal.transfer_syntaxes, policy)
        if not chosen and proposal.abstract_syntax == uid.VERIFICATION:
            chosen = _choose(proposal.transfer_syntaxes, Policy(policy.takes, _UNCOMPRESSED, False))
        if chosen:
            answers.append(Answer(proposal.id, ACCEPTANCE, chosen))
        else:
            answers.append(Answer(proposal.id, TRANSFER_SYNTAXES_NOT_SUPPORTED, syntax.IMPLICIT_LITTLE))
    return tuple(answers)


def agreed(proposals, answers):
    """Return {context id: Accepted} of the proposals that `answers` accept.

    An answer to what was not proposed, or with a syntax that its proposal did not offer, counts as a refusal: nothing
    could rightly be sent there.
    """
    offered = {}
    for proposal in proposals:
        offered[proposal.id] = proposal
    accepted = {}
    for given in answers:
        proposal = offered.get(given.id)
        if given.result == ACCEPTANCE and proposal is not None and given.transfer_syntax in proposal.transfer_syntaxes:
            accepted[given.id] = Accepted(given.id, proposal.abstract_syntax, given.transfer_syntax)
    return accepted


def propose(wanted):
    """Return a tuple of Proposal for `wanted`, pairs of (abstract syntax, tuple of transfer syntaxes), at most 128.

    Contexts are numbered 1, 3, 5 and on, in the order given.
    """
    if len(wanted) > MAXIMUM:
        raise ValueError("%d presentation contexts, an association carries %d" % (len(wanted), MAXIMUM))
    return tuple([Proposal(2 * n + 1, pair[0], tuple(pair[1])) for n, pair in enumerate(wanted)])
