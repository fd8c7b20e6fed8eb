from edge.protocol import contexts, pdu
from tests.protocol.pair import CT, EXPLICIT, IMPLICIT, POLICY, VERIFICATION

BIG = "1.2.840.10008.1.2.2"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG = "1.2.840.10008.1.2.4.50"
PRIVATE = "1.2.3.4.5.6"


def chosen(offered, policy=POLICY, abstract_syntax=CT):
    answer = contexts.answer((pdu.Proposal(1, abstract_syntax, tuple(offered)),), policy)[0]
    return answer.transfer_syntax if answer.result == pdu.ACCEPTANCE else answer.result


def test_the_order_offered_does_not_matter_among_those_that_are_preferred():
    assert chosen([IMPLICIT, EXPLICIT]) == EXPLICIT
    assert chosen([BIG, IMPLICIT]) == IMPLICIT
    assert chosen([JPEG_LS, BIG]) == BIG


def test_nothing_lossy_is_taken_while_something_lossless_is_offered():
    assert chosen([JPEG, JPEG_LS]) == JPEG_LS
    assert chosen([JPEG, PRIVATE]) == JPEG


def test_a_syntax_nobody_knows_is_taken_when_it_is_all_there_is():
    assert chosen([PRIVATE]) == PRIVATE


def test_a_narrow_policy_refuses_with_the_reason_of_the_standard():
    narrow = contexts.Policy(lambda uid: uid == CT, (EXPLICIT,), False)
    assert chosen([IMPLICIT, EXPLICIT], narrow) == EXPLICIT
    assert chosen([IMPLICIT], narrow) == pdu.TRANSFER_SYNTAXES_NOT_SUPPORTED
    assert chosen([EXPLICIT], narrow, PRIVATE) == pdu.ABSTRACT_SYNTAX_NOT_SUPPORTED
    assert chosen([], POLICY) == pdu.TRANSFER_SYNTAXES_NOT_SUPPORTED


def test_verification_is_taken_in_any_uncompressed_syntax():
    narrow = contexts.Policy(lambda uid: True, (JPEG_LS,), False)
    assert chosen([IMPLICIT], narrow, VERIFICATION) == IMPLICIT


def test_only_what_was_proposed_counts_as_agreed():
    proposals = contexts.propose([(CT, (EXPLICIT,)), (VERIFICATION, (IMPLICIT,))])
    answers = (
        pdu.Answer(1, pdu.ACCEPTANCE, IMPLICIT),
        pdu.Answer(3, pdu.ACCEPTANCE, IMPLICIT),
        pdu.Answer(5, pdu.ACCEPTANCE, IMPLICIT),
    )
    assert contexts.agreed(proposals, answers) == {3: contexts.Accepted(3, VERIFICATION, IMPLICIT)}
