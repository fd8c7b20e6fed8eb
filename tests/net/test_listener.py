"""The listener at its limits: descriptors, threads and connections of one address run short, and it goes on."""

import contextlib
import os
import resource
import socket
import threading

import pytest

from edge.box import config, values
from edge.net import doors, listener
from edge.service import wiring
from tests.forward import stock
from tests.support.process import free_port, wait_until
from tests.support.rawpeer import IMPLICIT, VERIFICATION, RawPeer, associate_rq
from tests.support.service import Service

ACCEPTED = 2
CALLING_NOT_RECOGNIZED = (1, 1, 3)
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


# Other settings while it listens


def configured(port, bind="127.0.0.1", **dicom):
    settings = config.defaults()
    return settings._replace(dicom=settings.dicom._replace(bind=bind, port=port, drain_s=0, **dicom))


def renew(made, settings):
    """Have a Listener go over to the config.Config `settings`, as the running box does."""
    terms = wiring.listener_settings(settings, made.settings)
    made.renew(terms, None, made.prepare(terms))


def callers(*titles):
    return tuple([values.CALLER.read(title) for title in titles])


def refused(port):
    try:
        RawPeer(port).socket.close()
    except ConnectionRefusedError:
        return True
    return False


def test_newcomers_are_judged_by_other_settings_and_those_who_are_in_go_on(tmp_path):
    with listening(tmp_path) as made, RawPeer(made.port) as early, RawPeer(made.port) as half:
        assert answer(early) == ACCEPTED
        renew(made, configured(0, accept_calling=callers("CT1")))
        assert early.echo(1).status == 0
        assert answer(half) == CALLING_NOT_RECOGNIZED
        with RawPeer(made.port) as late:
            assert answer(late) == CALLING_NOT_RECOGNIZED
        renew(made, configured(0))
        with RawPeer(made.port) as late:
            assert answer(late) == ACCEPTED


def test_at_another_port_newcomers_are_taken_and_who_came_to_the_old_one_is_served_to_the_end(tmp_path):
    other = free_port()
    with listening(tmp_path) as made, contextlib.ExitStack() as stack:
        before = made.port
        early, half = [stack.enter_context(RawPeer(before)) for _ in range(2)]
        assert answer(early) == ACCEPTED
        renew(made, configured(other))
        assert made.port == other
        assert refused(before)
        assert answer(half) == ACCEPTED
        assert answer(stack.enter_context(RawPeer(other))) == ACCEPTED
        assert early.echo(1).status == half.echo(1).status == 0
        assert len(made.associations()) == 3
        renew(made, configured(before))
        assert refused(other)
        assert answer(stack.enter_context(RawPeer(before))) == ACCEPTED


def test_a_port_that_is_taken_is_refused_before_anything_has_changed(tmp_path):
    with listening(tmp_path) as made, socket.create_server(("127.0.0.1", 0)) as taken:
        before = made.port
        with pytest.raises(doors.CannotListen) as caught:
            renew(made, configured(taken.getsockname()[1]))
        assert caught.value.port == taken.getsockname()[1]
        assert made.port == before
        with RawPeer(before) as peer:
            assert answer(peer) == ACCEPTED


def test_the_same_port_at_all_addresses_and_back_at_one_of_them_is_no_moment_without_a_listener(tmp_path):
    port = free_port()
    with listening(tmp_path) as made, contextlib.ExitStack() as stack:
        renew(made, configured(port))
        for bind in ("0.0.0.0", "127.0.0.1", "0.0.0.0"):
            waiting = stack.enter_context(RawPeer(port))
            renew(made, configured(port, bind))
            assert answer(waiting) == ACCEPTED
            assert answer(stack.enter_context(RawPeer(port))) == ACCEPTED
        with pytest.raises(OSError):
            socket.create_server(("127.0.0.1", port))


def test_no_other_program_gets_at_a_port_that_was_shared_for_a_moment(tmp_path):
    port = free_port()
    with listening(tmp_path) as made:
        for bind in ("127.0.0.1", "0.0.0.0"):
            renew(made, configured(port, bind))
        with pytest.raises(doors.CannotListen):
            doors.opened("127.0.0.1", port, None, None)


def test_a_listener_that_was_stopped_takes_no_other_settings_and_keeps_nobody_waiting(tmp_path):
    with listening(tmp_path) as made:
        pass
    terms = wiring.listener_settings(configured(0))
    with pytest.raises(listener.Ended):
        made.renew(terms, None, made.prepare(terms))
