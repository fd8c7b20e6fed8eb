from edge.dicom import ascii
from edge.dicom.errors import LocalError
from tests.dicom.data import error_of


def test_an_identifier_that_is_not_printable_ascii_is_refused():
    assert ascii.strict("EDGE 1") == b"EDGE 1"
    for wrong in ("\u00e9", "a\n", "\0", "\x7f"):
        assert isinstance(error_of(ascii.strict, wrong), LocalError)


def test_what_a_peer_sends_is_shown_with_question_marks():
    assert ascii.lossy(b"EDGE") == "EDGE"
    assert ascii.lossy(memoryview(b"caf\xc3\xa9 \xff")) == "caf?? ?"
