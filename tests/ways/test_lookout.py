"""While somebody looks, a destination that dies or comes back is seen to at once; when nobody does, all is quiet."""

import socket
import threading
import time

import pytest

from edge.box import load
from edge.ways import lookout
from tests.support.process import free_port, wait_until

SOON_S = 2


class Peer:
    """Takes connections at a port while it is up, and counts them."""

    def __init__(self):
        self.port = free_port()
        self.count = 0
        self._server = None

    def up(self):
        self._server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._run, args=(self._server,), daemon=True).start()

    def _run(self, server):
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return
            self.count += 1

    def down(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def peer():
    made = Peer()
    made.up()
    yield made
    try:
        made.down()
    except OSError:
        pass


@pytest.fixture
def watch(peer, tmp_path):
    table = '[[destination]]\nname = "there"\nae_title = "A"\nhost = "127.0.0.1"\nport = %d\n' % peer.port
    table += '[[destination]]\nname = "share"\nkind = "folder"\npath = "%s"\n' % (tmp_path / "share")
    known = load.parse(table, str(tmp_path / "edge.toml")).config.destinations
    woken = []
    made = lookout.Lookout(lambda: known, lambda name: True, woken.append)
    made.woken = woken
    yield made
    made.stop()


def test_the_first_look_waits_for_the_first_round(watch):
    found = watch.look(wait_s=5)
    assert found["there"].reachable and found["there"].words is None
    assert not found["share"].reachable and "is not there" in found["share"].words


def test_a_peer_that_dies_and_comes_back_is_seen_and_tried_at_once(watch, peer):
    assert watch.look(wait_s=5)["there"].reachable
    watch.woken.clear()
    peer.down()
    wait_until(lambda: not watch.look()["there"].reachable, SOON_S, "the peer to be seen dead")
    assert "refused" in watch.look()["there"].words
    assert watch.woken == []
    peer.up()
    wait_until(lambda: watch.look()["there"].reachable, SOON_S, "the peer to be seen alive")
    assert watch.woken == ["there"]


def test_a_page_that_was_left_open_knocks_now_and_then_only(watch, peer, monkeypatch):
    monkeypatch.setattr(lookout, "_ATTENTION_S", 0)
    watch.look(is_person=False, wait_s=5)
    wait_until(lambda: peer.count, SOON_S, "the first knock")
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        watch.look(is_person=False)
        threading.Event().wait(0.2)
    assert peer.count == 1


def test_nobody_is_knocked_at_when_nobody_looks(watch, peer, monkeypatch):
    monkeypatch.setattr(lookout, "ROUND_S", 0.05)
    monkeypatch.setattr(lookout, "IDLE_ROUND_S", 0.05)
    monkeypatch.setattr(lookout, "_PRESENCE_S", 0.3)
    assert peer.count == 0
    watch.look(wait_s=5)
    wait_until(lambda: watch._thread is None, 5, "the lookout to go home")
    count = peer.count
    assert count > 1
    threading.Event().wait(0.3)
    assert peer.count == count
