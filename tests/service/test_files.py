"""Verbs that read or write a file: the command line hands its open descriptor over, to the box or to itself."""

import os
import threading
from pathlib import Path

import pytest

from edge.box import load
from edge.console import control, handing, reaching
from edge.service.control import Server
from edge.verbs import table
from edge.verbs.box import Box
from edge.verbs.verb import VIEWER, Argument, Refused, Verb
from tests.spool.data import open_spool
from tests.support import process


def write(box, request, who):
    yield {"begins": True}
    for _ in range(request["times"]):
        request["file"].write(b"0123456789" * 1000)
    if request.get("fails"):
        raise Refused("that was all")
    return {"written": 10000 * request["times"]}


def read(box, request, who):
    yield {"begins": True}
    return {"read": len(request["file"].read())}


SHAPE = {"begins": "truth"}
VERBS = (
    Verb(
        "write", "write a file", write, VIEWER, (Argument("times", "number", "How often.", True),
        Argument("fails", "truth", "Fail after it.")), SHAPE, {"written": "number"}, file="out",
    ),
    Verb("read", "read a file", read, VIEWER, (), SHAPE, {"read": "number"}, file="in"),
)  # fmt: skip


@pytest.fixture
def loaded(tmp_path):
    return load.parse('[box]\nstate_dir = "state"\n', str(tmp_path / "edge.toml"))


@pytest.fixture(autouse=True)
def verbs(monkeypatch):
    for each in VERBS:
        monkeypatch.setitem(table.VERBS, each.name, each)


@pytest.fixture(params=["running", "alone"])
def box(request, loaded, tmp_path):
    """Where the verbs are done: in the running box, over its socket, or in this process."""
    spool = open_spool(tmp_path / "state")
    if request.param == "alone":
        spool.close()
        yield request.param
        return
    server = Server(Box(loaded.config, spool, lambda: ()))
    server.start()
    yield request.param
    server.stop()
    spool.close()


def outcome(loaded, verb, file, **request):
    answer = reaching.Answer(reaching.do(loaded, verb, request, file))
    assert list(answer) == [{"begins": True}]
    return answer.summary


def test_a_verb_writes_to_the_file_that_came_with_its_request(box, loaded, tmp_path):
    with handing.Output(str(tmp_path / "out")) as file:
        assert outcome(loaded, "write", file, times=30) == {"written": 300000}
    assert (tmp_path / "out").read_bytes() == b"0123456789" * 30000
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600


def test_a_verb_reads_the_file_that_came_with_its_request(box, loaded, tmp_path):
    (tmp_path / "in").write_bytes(b"x" * 200000)
    with open(tmp_path / "in", "rb") as file:
        assert outcome(loaded, "read", file) == {"read": 200000}


def test_a_verb_writes_to_a_pipe_that_is_read_slowly(box, loaded):
    out, into = os.pipe()
    found = bytearray()

    def take():
        while octets := os.read(out, 1000):
            found.extend(octets)

    reader = threading.Thread(target=take)
    reader.start()
    with os.fdopen(into, "wb") as file:
        outcome(loaded, "write", file, times=20)
    reader.join(10)
    os.close(out)
    assert len(found) == 200000


def test_a_file_that_cannot_be_written_is_said_with_the_reason(box, loaded):
    with open("/dev/full", "wb") as file:
        with pytest.raises((Refused, control.Failed), match="the file cannot be written: no space left on device"):
            outcome(loaded, "write", file, times=1)


def test_a_file_that_is_open_the_other_way_is_said(box, loaded, tmp_path):
    (tmp_path / "in").write_bytes(b"x")
    with open(tmp_path / "in", "rb") as file:
        with pytest.raises((Refused, control.Failed), match="the file cannot be written: bad file descriptor"):
            outcome(loaded, "write", file, times=30)


def test_a_verb_that_fails_leaves_no_file_behind(box, loaded, tmp_path):
    with pytest.raises((Refused, control.Failed), match="that was all"):
        with handing.Output(str(tmp_path / "out")) as file:
            outcome(loaded, "write", file, times=1, fails=True)
    assert not list(tmp_path.glob("out*"))


def test_a_file_that_is_there_already_is_left_alone(tmp_path):
    (tmp_path / "out").write_text("dear")
    with pytest.raises(Refused, match="is there already"):
        with handing.Output(str(tmp_path / "out")):
            pass
    assert (tmp_path / "out").read_text() == "dear"


@pytest.mark.parametrize("box", ["running"], indirect=True)
def test_a_file_is_refused_where_none_belongs_or_it_is_missing(box, loaded, tmp_path):
    (tmp_path / "in").write_bytes(b"x")
    with open(tmp_path / "in", "rb") as file:
        for verb, given, words in (
            ("queue", file, "queue has no argument file"),
            ("no such", file, "no verb no such"),
            ("read", None, "read needs a file"),
        ):
            with pytest.raises(control.Failed, match=words):
                list(reaching.do(loaded, verb, {}, given))
        channel = control.connect(loaded.config.box.state_dir)
        control.tell(channel, {"verb": "read", "file": "/etc/passwd"})
        with pytest.raises(control.Failed, match="a file comes as an open descriptor"):
            control.hear(channel)
        channel.close()
    process.wait_until(lambda: not descriptors_of(tmp_path / "in"), 10, "what was handed over to be closed")


def descriptors_of(path):
    """The open descriptors of this process, which is the box too, that are of the file at `path`."""
    return [each for each in Path("/proc/self/fd").iterdir() if os.path.realpath(each) == str(path)]
