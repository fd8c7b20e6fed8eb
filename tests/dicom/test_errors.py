from edge.dicom import errors


def test_an_error_says_where_when_that_is_known():
    assert str(errors.PeerError("too long", 12)) == "too long (at offset 12)"
    assert str(errors.LimitError("too deep")) == "too deep"


def test_who_is_wrong_is_told_by_the_type():
    assert issubclass(errors.TruncatedError, errors.PeerError)
    for kind in (errors.PeerError, errors.LocalError, errors.LimitError):
        assert issubclass(kind, errors.DicomError)


def test_what_repeats_is_noted_once_and_notes_have_a_limit():
    notices = []
    for offset in range(100):
        errors.note(notices, "odd length", offset)
    assert notices == [errors.Notice("odd length", 0)]
    for number in range(100):
        errors.note(notices, "number %d" % number, number)
    assert len(notices) == 32
