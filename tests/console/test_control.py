"""Both ends of the control socket: JSON lines cut anywhere, and each open file beside the line it belongs to."""

import os
import socket
import threading

import pytest

from edge.console import control


@pytest.fixture
def ends():
    one, other = socket.socketpair()
    here, there = control.Channel(one), control.Channel(other)
    yield here, there
    here.close()
    there.close()


def test_lines_arrive_one_by_one_however_they_were_cut(ends):
    here, there = ends
    here.send({"row": "Ö"})
    here.send({"row": 2})
    assert there.receive() == ({"row": "Ö"}, None)
    assert there.receive() == ({"row": 2}, None)


def test_a_line_longer_than_a_read_arrives_whole(ends):
    here, there = ends
    words = "x" * 150000
    sender = threading.Thread(target=here.send, args=({"row": words},))
    sender.start()
    assert there.receive() == ({"row": words}, None)
    sender.join()


def test_each_file_arrives_with_its_own_line(ends, tmp_path):
    here, there = ends
    for number in range(3):
        path = tmp_path / str(number)
        path.write_text("file %d" % number)
        with open(path) as file:
            here.send({"path": number}, file.fileno())
        message, descriptor = there.receive()
        assert message == {"path": number}
        assert os.read(descriptor, 100) == b"file %d" % number
        os.close(descriptor)


def test_the_end_is_none(ends):
    here, there = ends
    here.close()
    assert there.receive() is None


def test_a_line_without_end_is_refused(ends):
    here, there = ends
    sender = threading.Thread(target=_send_without_end, args=(here._socket,), daemon=True)
    sender.start()
    with pytest.raises(ValueError, match="longer than"):
        there.receive()
    there.close()
    sender.join(10)
    assert not sender.is_alive()


def _send_without_end(connected):
    try:
        while True:
            connected.sendall(b"x" * 65536)
    except OSError:
        pass


def test_the_rows_and_the_summary_of_an_answer_are_told_apart(ends):
    here, there = ends
    for line in ({"row": 1}, {"row": 2}, {"done": {"rows": 2}}):
        there.send(line)
    answer = control.ask(here, "count", upto=2)
    rows = []
    with pytest.raises(StopIteration) as end:
        while True:
            rows.append(next(answer))
    assert (rows, end.value.value) == ([1, 2], {"rows": 2})
    assert there.receive()[0] == {"verb": "count", "upto": 2}


def test_a_refusal_is_raised_with_its_words_and_code(ends):
    here, there = ends
    there.fail("not today", 4)
    with pytest.raises(control.Failed, match="not today") as caught:
        list(control.ask(here, "count"))
    assert caught.value.code == 4


def test_a_box_that_goes_away_in_the_middle_is_said(ends):
    here, there = ends
    there.send({"row": 1})
    there.close()
    with pytest.raises(control.Failed, match="went away"):
        list(control.ask(here, "count"))


def test_where_no_box_runs_there_is_no_channel(tmp_path):
    assert control.connect(str(tmp_path)) is None
    assert control.connect(str(tmp_path / "none")) is None
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(tmp_path / control.NAME))
    assert control.connect(str(tmp_path)) is None
    assert not control.answers(str(tmp_path))


def test_a_box_that_does_not_answer_is_said_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(control, "PATIENCE_S", 1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / control.NAME))
        silent.listen(0)
        channel = control.connect(str(tmp_path))
        with pytest.raises(control.Failed, match="did not answer within 1 s"):
            list(control.ask(channel, "status"))
        with pytest.raises(control.Failed, match="did not answer within 1 s"):  # nor is the next one even taken
            control.connect(str(tmp_path))
        channel.close()


def test_a_box_that_refused_before_it_was_asked_is_heard(ends):
    here, there = ends
    there.fail("busy", 1)
    there.close()
    with pytest.raises(control.Failed, match="busy"):
        list(control.ask(here, "status"))
