"""The listener at its limits: descriptors, threads and connections of one address run short, and it goes on."""

import contextlib
import os
import resource
import threading

import pytest

from edge.box import config
from edge.net import listener
from edge.service import wiring
from tests.forward import stock
from tests.support.process import wait_until
from tests.support.rawpeer import IMPLICIT, VERIFICATION, RawPeer, associate_rq
from tests.support.service import Service

ACCEPTED = 2
LOCAL_LIMIT_EXCEEDED = (2, 3, 2)
TEMPORARY_CONGESTION = (2, 3, 1)
REQUEST = associate_rq([(1, VERIFICATION, [IMPLICIT])])


@contextlib.contextmanager
def listening(folder, **limits):
    """A Listener on a free port of this machine, run by a thread; its Settings with `limits` replaced."""
    with stock.opened(folder) as spool:
        settings = config.defaults()
        dicom = settings.dicom._replace(bind="127.0.0.1", port=0, drain_s=0)
        settings = settings._replace(dicom=dicom, limits=settings.limits._replace(**limits))
        made = wiring.make_listener(settings, spool, lambda: lambda facts: [])
        thread = threading.Thread(target=made.run)
        thread.start()
        try:
            yield made
        finally:
            made.stop()
            thread.join(10)
            made.close()
    assert not thread.is_alive()


def answer(peer):
    """Ask for an association; return ACCEPTED, or what an A-ASSOCIATE-RJ says."""
    peer.write(REQUEST)
    pdu = peer.read_pdu()
    return ACCEPTED if pdu.kind == 2 else tuple(pdu.body[1:4])


def processor_ticks(pid):
    fields = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_without_descriptors_for_newcomers_it_rests_says_so_once_and_recovers(box):
    limits = resource.prlimit(box.pid, resource.RLIMIT_NOFILE)
    opened = len(os.listdir("/proc/%d/fd" % box.pid))
    resource.prlimit(box.pid, resource.RLIMIT_NOFILE, (opened, limits[1]))
    began = processor_ticks(box.pid)
    with RawPeer(box.port) as peer:
        wait_until(lambda: "cannot take connections" in box.log(), 10, "the complaint")
        with pytest.raises(TimeoutError):
            peer.socket.settimeout(2.5)
            peer.socket.recv(1)
        peer.socket.settimeout(20)
        assert processor_ticks(box.pid) - began < 50  # of 250 that a loop would take
        resource.prlimit(box.pid, resource.RLIMIT_NOFILE, limits)
        assert answer(peer) == ACCEPTED
        assert peer.echo(1).status == 0
    assert box.log().count("cannot take connections") == 1
    assert box.log().count("connections are taken again") == 1


def test_an_association_for_which_there_is_no_thread_is_refused_for_now_and_the_next_is_taken(tmp_path, monkeypatch):
    failures = []

    class Scarce(threading.Thread):
        def start(self):
            if not failures:
                failures.append(self)
                raise RuntimeError("can't start new thread")
            super().start()

    with listening(tmp_path) as made:
        monkeypatch.setattr(listener.threading, "Thread", Scarce)
        with RawPeer(made.port) as peer:
            assert answer(peer) == TEMPORARY_CONGESTION
        assert made.associations() == []
        with RawPeer(made.port) as peer:
            assert answer(peer) == ACCEPTED
            assert peer.echo(1).status == 0


def test_one_association_too_many_of_an_address_is_refused_and_of_another_is_taken(tmp_path):
    with listening(tmp_path, per_address=3) as made, contextlib.ExitStack() as stack:
        peers = []
        for expected in [ACCEPTED] * 3 + [LOCAL_LIMIT_EXCEEDED]:
            peers.append(stack.enter_context(RawPeer(made.port)))
            assert answer(peers[-1]) == expected
        assert answer(stack.enter_context(RawPeer(made.port, source="127.0.0.2"))) == ACCEPTED
        peers[0].socket.close()
        wait_until(lambda: len(made.associations()) == 3, 10, "an association to end")
        assert answer(stack.enter_context(RawPeer(made.port))) == ACCEPTED


def test_by_default_one_address_may_have_all_the_associations_there_are():
    settings = config.defaults()
    assert settings.limits.per_address >= settings.dicom.max_associations


# Descriptors


def open_files_limit(pid):
    return resource.prlimit(pid, resource.RLIMIT_NOFILE)


def test_a_box_lets_itself_have_the_descriptors_that_its_configuration_needs(tmp_path):
    limited = ["prlimit", "--nofile=256:"]
    with Service(tmp_path, dicom={"max_associations": 300}, wrap=limited) as box:
        assert open_files_limit(box.pid)[0] >= 3 * 300 + 256
        assert "raise the limit" not in box.log()


def test_a_box_that_may_not_have_the_descriptors_it_needs_says_so_and_takes_what_it_may(tmp_path):
    with Service(tmp_path, dicom={"max_associations": 300}, wrap=["prlimit", "--nofile=256:1000"]) as box:
        assert open_files_limit(box.pid) == (1000, 1000)
        assert "this box may open 1000 files at a time and would need" in box.log()
