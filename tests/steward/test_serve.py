"""A steward is asked over its socket: by whom, in what shape, with what limits."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge.steward import client, serve, wire
from edge.steward.errors import Busy, Misused, Refused, Unreachable
from edge.steward.shapes import Argument, Role, State, Verb
from tests.support.process import end, wait_until

EDGE = str(Path(sys.executable).parent / "edge")


class Rehearsal(State):
    """A role for tests: it keeps what was asked, and waits where a test wants it to."""

    def __init__(self):
        self.said = []
        self.go = threading.Event()
        self.waits = threading.Event()
        self.ticks = 0
        self.is_due = False

    def due_s(self):
        """Due as soon as a test says so."""
        return 0 if self.is_due else None

    def tick(self):
        """Count."""
        self.ticks += 1
        self.is_due = False


def _say(state, request):
    state.said.append(request["what"])
    return {"said": request["what"]}


def _wait(state, _):
    yield {"stage": "begun"}
    state.waits.set()
    state.go.wait(10)
    yield {"stage": "ending"}
    state.said.append("waited")
    return {"waited": True}


def _refuse(_, __):
    raise Refused("the stick is write-protected")


_ANY = Argument("any", "any", "Anything.", required=False)
VERBS = (
    Verb("say", "says", _say, (Argument("what", "text", "A word.", like="[a-z]+", most=9),)),
    Verb("wait", "waits", _wait),
    Verb("look", "looks", lambda state, _: {"said": list(state.said)}, alone=False),
    Verb("refuse", "refuses", _refuse),
    Verb("count", "counts", lambda _, request: request, (Argument("n", "number", "It.", most=5), _ANY)),
)


@pytest.fixture
def steward(tmp_path):
    """A served Rehearsal as (folder, its state, its Server)."""
    state = Rehearsal()
    path = tmp_path / "rehearsal.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        server = serve.Server(Role("rehearsal", "rehearses", VERBS, lambda: state), listening, {os.geteuid()})
        thread = threading.Thread(target=server.run)
        thread.start()
        yield tmp_path, state, server
        state.go.set()
        server.stop()
        thread.join(10)
    assert not thread.is_alive()


def raw(folder, octets):
    """What a steward says to these octets."""
    with socket.socket(socket.AF_UNIX) as connected:
        connected.settimeout(10)
        connected.connect(str(folder / "rehearsal.sock"))
        try:
            connected.sendall(octets)
            connected.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it may have heard enough
        return json.loads(b"".join(iter(lambda: connected.recv(65536), b"")).splitlines()[-1])


def test_a_verb_is_done_and_answered(steward):
    folder, state, _ = steward
    assert client.answer(folder, "rehearsal", "say", what="hello") == {"said": "hello"}
    assert state.said == ["hello"]


def test_progress_comes_before_the_answer(steward):
    folder, state, _ = steward
    state.go.set()
    asked = client.ask(folder, "rehearsal", "wait")
    assert next(asked) == {"stage": "begun"} and next(asked) == {"stage": "ending"}
    with pytest.raises(StopIteration) as ended:
        next(asked)
    assert ended.value.value == {"waited": True}


@pytest.mark.parametrize(
    "given, words",
    [
        ({"what": "../etc"}, "what of say: expected text like [a-z]+"),
        ({"what": "hello\n"}, "expected text like"),
        ({"what": "a" * 10}, "at most 9 characters"),
        ({"what": ["a"]}, "expected text"),
        ({}, "say needs what: A word."),
        ({"what": "a", "more": 1}, "say has no argument 'more'; it takes: what"),
    ],
)
def test_an_argument_of_another_shape_is_refused_before_anything_is_done(steward, given, words):
    folder, state, _ = steward
    with pytest.raises(Misused) as refused:
        client.answer(folder, "rehearsal", "say", **given)
    assert words in str(refused.value)
    assert state.said == []


@pytest.mark.parametrize("number", [6, -1, True, "1", 1.0])
def test_a_number_out_of_its_range_is_refused(steward, number):
    with pytest.raises(Misused, match="expected a whole number, 0 to 5"):
        client.answer(steward[0], "rehearsal", "count", n=number)


def test_what_is_nested_too_deeply_is_refused(steward):
    deep = 1
    for _ in range(20):
        deep = [deep]
    with pytest.raises(Misused, match="levels"):
        client.answer(steward[0], "rehearsal", "count", n=1, any=deep)


@pytest.mark.parametrize(
    "octets, words",
    [
        (b"not json\n", "a line is no JSON"),
        (b"[1]\n", "a line is no object"),
        (b'{"verb": "say"', "it ended within a line"),
        (b'{"verb": "shell", "with": {}}\n', "no verb 'shell'; rehearsal has: say, wait"),
        (b'{"verb": ["say"]}\n', "no verb"),
        (b'{"verb": "look", "as": "root"}\n', "no 'as'"),
        (b'{"verb": "say", "with": []}\n', "is an object"),
        (b"[" * 100000 + b"\n", "no JSON"),
        (b"x" * (wire.REQUEST_LIMIT + 9), "longer than 262144 octets"),
        (b"", "nothing was asked"),
    ],
)
def test_a_request_that_is_none_is_answered_in_words(steward, octets, words):
    assert words in raw(steward[0], octets)["error"]


def test_a_request_that_never_ends_is_given_up(steward, monkeypatch):
    monkeypatch.setattr(serve, "_FIRST_LINE_S", 0.1)
    with socket.socket(socket.AF_UNIX) as connected:
        connected.settimeout(10)
        connected.connect(str(steward[0] / "rehearsal.sock"))
        connected.sendall(b'{"verb"')
        assert b"no whole line came" in connected.recv(4096)


def test_one_thing_is_done_at_a_time_and_looking_is_possible_meanwhile(steward):
    folder, state, _ = steward
    asked = client.ask(folder, "rehearsal", "wait")
    next(asked)
    with pytest.raises(Busy, match="at `wait`"):
        client.answer(folder, "rehearsal", "say", what="a")
    assert client.answer(folder, "rehearsal", "look") == {"said": []}
    state.go.set()
    assert list(asked) == [{"stage": "ending"}]
    client.answer(folder, "rehearsal", "say", what="a")


def test_what_has_begun_goes_on_though_nobody_listens_any_more(steward):
    folder, state, _ = steward
    asked = client.ask(folder, "rehearsal", "wait")
    next(asked)
    asked.close()
    state.go.set()
    wait_until(lambda: state.said == ["waited"], 10, "the verb's end")


def test_what_is_due_is_done_once_nothing_else_is(steward):
    folder, state, _ = steward
    asked = client.ask(folder, "rehearsal", "wait")
    next(asked)
    wait_until(state.waits.is_set, 10, "the verb")
    state.is_due = True
    client.answer(folder, "rehearsal", "look")
    assert state.ticks == 0
    state.go.set()
    list(asked)
    wait_until(lambda: state.ticks == 1, 10, "what is due")


def test_a_refusal_comes_in_its_words(steward):
    with pytest.raises(Refused, match="^the stick is write-protected$"):
        client.answer(steward[0], "rehearsal", "refuse")


def test_another_user_is_refused_by_the_kernels_word(steward):
    folder, state, server = steward
    server._users = {4711}
    assert raw(folder, b'{"verb": "say", "with": {"what": "a"}}\n')["error"] == (
        f"user {os.geteuid()} may not ask this steward"
    )
    assert state.said == []


def test_a_steward_that_is_not_there_is_named_with_its_unit(tmp_path):
    with pytest.raises(Unreachable, match="`network` does not run: .*edge-steward-network.socket"):
        client.answer(tmp_path, "network", "state")


def test_a_path_too_long_for_a_socket_is_said(tmp_path):
    with pytest.raises(Unreachable, match="longer than the 107 octets"):
        client.answer(tmp_path / ("x" * 120), "network", "state")


# As a process


def start(tmp_path, *words, before=()):
    """A steward as a process of its own, for resetting, with its order in a file of the test."""
    (tmp_path / "bootstate").write_bytes(bytes(1 << 20))
    return subprocess.Popen(
        [*before, EDGE, "steward", "resetting", *words],
        env={**os.environ, "EDGE_RESET_ORDER": str(tmp_path / "bootstate")},
        stderr=subprocess.PIPE,
    )


def test_a_process_serves_its_role_at_a_path_and_takes_it_away_again(tmp_path):
    path = tmp_path / "run" / "resetting.sock"
    process = start(tmp_path, "--socket", str(path), "--for", "nobody")
    try:
        wait_until(lambda: client.is_there(path.parent, "resetting"), 10, "the socket")
        wait_until(lambda: path.stat().st_uid == 65534, 10, "its owner")
        assert path.stat().st_mode & 0o777 == 0o600
        wait_until(lambda: client.answer(path.parent, "resetting", "state") == {"is_ordered": False}, 10, "an answer")
        assert client.answer(path.parent, "resetting", "order") == {"is_ordered": True}
    finally:
        assert end(process) == 0
    assert not path.exists()


def _listens(path):
    """Say whether somebody listens at a path, without knocking there: between bind and listen nobody does."""
    lines = [line.split() for line in Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()]
    return any(words[3] == "00010000" and words[-1] == str(path) for words in lines)


def test_systemd_passes_the_socket_and_the_steward_is_started_when_it_is_asked(tmp_path):
    path = tmp_path / "resetting.sock"
    process = start(tmp_path, before=["systemd-socket-activate", "-E", "EDGE_RESET_ORDER", "--listen", str(path)])
    try:
        wait_until(lambda: _listens(path), 10, "the socket")
        assert client.answer(tmp_path, "resetting", "state") == {"is_ordered": False}
        assert client.answer(tmp_path, "resetting", "state") == {"is_ordered": False}
    finally:
        assert end(process) == 0


def test_a_steward_that_systemd_started_ends_when_nothing_is_asked(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "rehearsal.sock"))
        listening.listen()
        role = Role("rehearsal", "rehearses", VERBS, Rehearsal)
        server = serve.Server(role, listening, {os.geteuid()}, idle_s=0.05)
        thread = threading.Thread(target=server.run)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()


def test_the_command_line_asks_and_says_what_it_does_not_understand(tmp_path):
    def edge(*words):
        return subprocess.run([EDGE, "steward", *words], capture_output=True, text=True, check=False)

    unknown = edge("cooking")
    assert unknown.returncode == 2 and "no steward 'cooking'; there are: network" in unknown.stderr
    absent = edge("resetting", "state", "--socket", str(tmp_path / "resetting.sock"))
    assert absent.returncode == 1 and "does not run" in absent.stderr
