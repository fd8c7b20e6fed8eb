"""A terminal that misbehaves harms nothing: noise, floods, silence, mirrors."""

import random

from hypothesis import given, settings, strategies

from edge.terminal import session
from edge.terminal.effects import Ask, Back, Known, Rest, Show, Step
from tests.terminal.far import Far

SOMEBODY = object()


def parrot():
    """Say again what was typed, until somebody says so long."""
    yield Known(SOMEBODY)
    while True:
        try:
            word = yield Ask("say: ")
        except Back:
            yield Show(["no more"])
            continue
        if word == "so long":
            return
        if word == "sleep":
            yield Rest(30)
        yield Show(["heard " + word])


def test_a_line_is_answered_and_the_next_is_asked_for():
    far = Far(parrot)
    assert far.type("hello") == "hello\nheard hello\nsay: "


def test_octets_may_come_one_by_one_or_all_at_once():
    far = Far(parrot)
    for one in b"a\rb\r":
        far.take(far.session.feed(bytes((one,)), far.now))
    assert far.seen == "say: a\nheard a\nsay: b\nheard b\nsay: "
    assert Far(parrot).type(b"a\rb\r") == "a\nheard a\nsay: b\nheard b\nsay: "


def test_ctrl_c_reaches_who_asks():
    assert Far(parrot).type(b"abc\x03").endswith("no more\nsay: ")


def test_noise_is_named_and_acts_on_nothing():
    seen = Far(parrot, rate="9600 8N1").type(b"so long\xfe\r")
    assert "That was noise on the line: is the other end set to 9600 8N1?" in seen and "heard" not in seen


def test_noise_without_end_is_soon_met_with_silence():
    far = Far(parrot)
    written = 0
    chance = random.Random(1)
    for _ in range(200):
        far.now += 0.02
        written += len(far.session.feed(bytes(chance.choice(b"\xf0\x80\r") for _ in range(200)), far.now))
    assert written < 1500
    far.wait(2)
    assert far.type("still there?").endswith("heard still there?\nsay: ")


def test_silence_logs_out_after_the_idle_time_and_not_before():
    far = Far(parrot, idle_s=600)
    assert far.session.who is SOMEBODY
    assert "Logged out" not in far.wait(599)
    far.type("a")
    assert "Logged out" not in far.wait(599)
    assert "Logged out: nothing was typed for 10 min." in far.wait(1)


def test_what_is_typed_during_a_rest_is_dropped():
    far = Far(parrot)
    far.type("sleep")
    assert far.type("so long") == ""
    assert far.wait(30) == "heard sleep\nsay: "


def test_ctrl_s_holds_the_page_until_ctrl_q():
    far = Far(parrot)
    assert far.type(b"\x13") == ""
    assert far.type(b"\x11") == ""
    assert far.type("a") == "a\nheard a\nsay: "


def test_ctrl_c_breaks_off_what_takes_long():
    def counts():
        try:
            for number in range(10**9):
                yield Show([str(number)])
                yield Step()
        except Back:
            yield Show(["broken off"])
        yield Ask("> ")

    one = session.Session(counts, 0)
    one.begin(0)
    for _ in range(5):
        one.tick(0)
    one.feed(b"\x03", 0)
    assert one.tick(0).endswith(b"broken off\r\n> ")


def test_a_flood_is_read_no_faster_than_anybody_types():
    far = Far(parrot)
    octets = b"x" * 4096
    taken = 0
    while far.session.pause_until(far.now) <= far.now:
        far.session.feed(octets, far.now)
        taken += len(octets)
    assert taken == session.FULL_BYTES_PER_S
    assert far.session.pause_until(far.now) <= far.now + 1
    far.now += 1
    far.session.feed(b"\x15", far.now)
    assert far.session.pause_until(far.now) <= far.now


def test_a_screen_that_fails_ends_the_conversation_with_words(caplog):
    def broken():
        yield Ask("> ")
        raise ValueError("the screen is broken")

    far = Far(broken)
    assert "It failed inside the box; see its log." in far.type("a")
    assert far.session.is_over and "the screen is broken" in caplog.text


@settings(max_examples=60, deadline=None)
@given(strategies.lists(strategies.tuples(strategies.binary(max_size=60), strategies.floats(0, 3)), max_size=30))
def test_nothing_that_comes_brings_the_line_down(pieces):
    far = Far(parrot, idle_s=60)
    for octets, wait_s in pieces:
        far.take(far.session.feed(octets, far.now))
        far.now += wait_s
        far.settle()
    far.wait(2)
    far.type(b"\x11\x1b[A\x15\r")
    far.wait(40)
    far.session.restart(far.now)
    assert far.type("hello").endswith("heard hello\nsay: ")
