"""Standard programs at work: whatever they say takes little memory, and none of them outlives whoever started it."""

import pytest

from edge.media.child import Child, run
from edge.media.errors import MediaError
from tests.support import volume


def test_a_program_that_says_a_million_lines_and_one_without_end_is_kept_short():
    said = "yes word | head -c 3000000; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last >&2; exit 3"
    with Child("sh", "-c", said) as child:
        longest = max(len(line) for line in child.lines())
        assert child.finish() == 3
        assert longest <= 400 and len(child.said) <= 12 and child.said[-1] == "last"


def test_data_and_words_come_side_by_side_however_much_there_is_of_both():
    said = "for n in 1 2 3; do head -c 1000000 /dev/zero; yes word | head -c 200000 >&2; done"
    octets, buffer = 0, bytearray(1 << 16)
    with Child("sh", "-c", said, data=True) as child:
        while count := child.read(buffer):
            octets += count
        assert child.finish() == 0
    assert octets == 3_000_000


def test_a_program_that_closes_its_words_and_works_on_is_ended():
    with Child("sh", "-c", "exec >&- 2>&-; exec sleep 1000") as child:
        assert list(child.lines()) == []
    assert volume.children() == []


def test_a_program_that_does_not_end_when_it_is_told_to_is_killed():
    with Child("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.01; done", patience_s=0.1) as child:
        assert next(child.lines()) == "ready"
    assert volume.children() == []


def test_a_program_that_fails_is_reported_with_its_last_words():
    with pytest.raises(MediaError, match="^sh failed: one; two$"):
        run("sh", "-c", "echo one; echo two >&2; exit 1")
