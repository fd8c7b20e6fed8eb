"""What was typed is told from noise, however it comes."""

from hypothesis import given, strategies

from edge.terminal import line


def typed(octets):
    """Return what comes of octets, and what is echoed."""
    one = line.Line()
    found, echoed = [], b""
    for octet in octets:
        event, echo = one.feed(octet)
        echoed += echo
        found += [event] if event is not None else []
    return found, echoed


def test_a_line_ends_with_cr_lf_or_both():
    words = [line.Entered(text, False) for text in ("a", "b", "c", "d")]
    assert typed(b"a\rb\nc\r\nd\r")[0] == words
    assert [each.text for each in typed(b"\n\n\r\n\r\r")[0]] == ["", "", "", "", ""]


def test_backspace_and_delete_take_the_last_character_back():
    assert typed(b"\x08ab\x08c\x7fd\r")[0] == [line.Entered("ad", False)]
    assert typed(b"ab\x7f")[1] == b"ab\b \b"


def test_ctrl_u_takes_the_whole_line_back():
    assert typed(b"abc\x15d\r")[0] == [line.Entered("d", False)]


def test_ctrl_c_drops_what_was_typed():
    assert typed(b"abc\x03d\r")[0] == [line.BACK, line.Entered("d", False)]


def test_cursor_keys_type_nothing():
    assert typed(b"a\x1b[A\x1b[1;5C\x1bOPb\x1bxc\r")[0] == [line.Entered("abc", False)]


def test_a_break_is_nothing():
    assert typed(b"\0\0ab\0c\r")[0] == [line.Entered("abc", False)]


def test_a_line_with_octets_that_nobody_types_is_noise():
    for octets in (b"ye\xffs", b"\x80yes", b"yes\x01", b"\x1b\xf0yes"):
        assert typed(octets + b"\r")[0][0].noisy


def test_a_line_longer_than_any_is_noise_and_takes_no_more_room():
    found, echoed = typed(b"x" * 100000 + b"\r")
    assert found[0].noisy and len(found[0].text) == line.LIMIT and len(echoed) == line.LIMIT + 2


def test_a_hidden_line_is_not_echoed():
    one = line.Line()
    one.is_hidden = True
    assert b"".join(one.feed(octet)[1] for octet in b"secret\x08\x15abc") == b""


@given(strategies.binary(max_size=400))
def test_whatever_comes_only_clean_lines_are_not_noise(octets):
    found, echoed = typed(octets)
    for each in found:
        if isinstance(each, line.Entered):
            assert each.text.isascii() and (not each.text or each.text.isprintable())
    assert all(one in b"\r\n\b^C" or 32 <= one < 127 for one in echoed)
