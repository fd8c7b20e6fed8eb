"""Objects go up to a relay in pieces, and after a cut from where they were."""

import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from edge.forward.relay import RelayTarget
from edge.forward.resume import Resume
from edge.forward.target import LinkFailure
from edge.spool.spool import Limits
from tests.forward import stock
from tests.spool import data
from tests.support.cutting import CutLink
from tests.support.process import free_port, wait_until
from tests.support.relay import MB, Relay, large

# A large object, and how much of it gets through before the link is cut; in MB
LARGE, CUT = (1000, 20) if "EDGE_TORTURE_SEED" in os.environ else (60, 5)


def put_large(spool, uid, megabytes, *names):
    """Take an object of so many MB in; return its data set's octets."""
    octets = large(uid, megabytes)
    data.receive(spool, uid, octets, names)
    return octets


def to(port, folder, path="/uploads", **more):
    """A RelayTarget on this machine."""
    return RelayTarget("127.0.0.1", port, path, None, "EDGE", Resume(str(folder)), 2, 5, **more)


def kept(relay):
    """The data sets that a relay has, by UID."""
    found = {}
    for stored in relay.objects():
        with open(relay.spool.path_of(stored), "rb") as file:
            found[stored.uid] = file.read()[stored.offset :]
    return found


def test_objects_arrive_as_they_were_with_where_they_came_from(tmp_path):
    with Relay(tmp_path / "relay") as relay, stock.opened(tmp_path / "box") as spool:
        made = stock.slices(4)
        for each in made:
            stock.put(spool, each, "relay", calling="CT7")
        octets = put_large(spool, "1.2.3", 3, "relay")
        with stock.working(spool, "relay", to(relay.port, tmp_path / "resume")):
            stock.await_count(spool, "relay", "delivered", 5)
        assert kept(relay) == {"1.2.3": octets, **{each.sop_instance: each.data_set for each in made}}
        stored = relay.spool.index.find(made[0].sop_instance)[0]
        assert (stored.calling, stored.called, stored.address) == ("CT7", "EDGE", "127.0.0.1")
        assert not os.listdir(tmp_path / "resume")


def test_a_large_object_arrives_over_a_link_that_is_cut_again_and_again_without_a_try_or_a_wait(tmp_path):
    with (
        Relay(tmp_path / "relay") as relay,
        CutLink(relay.port, CUT * MB) as link,
        stock.opened(tmp_path / "box") as spool,
    ):
        octets = put_large(spool, "1.2.3", LARGE, "relay")
        target = to(link.port, tmp_path / "resume")
        with stock.working(spool, "relay", target, first_s=60, cap_s=60):  # one wait would be too long for this test
            stock.await_count(spool, "relay", "delivered", 1, 30 + LARGE)
        assert stock.jobs(spool, "relay")[0].tries == 1
        assert kept(relay) == {"1.2.3": octets}
        assert link.cuts >= LARGE // CUT
        assert link.sent <= 1.1 * len(octets)


def test_the_same_link_never_brings_it_over_by_c_store(tmp_path):
    with (
        stock.opened(tmp_path / "relay") as far,
        listening(far) as port,
        CutLink(port, 5 * MB) as link,
        stock.opened(tmp_path / "box") as spool,
    ):
        put_large(spool, "1.2.3", 60, "archive")
        with stock.working(spool, "archive", stock.to(link.port)):
            wait_until(lambda: link.sent >= 60 * MB, 30, "as many octets as the object has")
        assert not far.objects() and stock.count(spool, "archive", "delivered") == 0


class listening:  # noqa: N801
    """A box's own listener on a spool, while the block lasts; its port."""

    def __init__(self, spool):
        from edge.box import config
        from edge.service import wiring

        settings = config.defaults()
        dicom = settings.dicom._replace(bind="127.0.0.1", port=0, called_aliases=("*",))
        routes = wiring.Routes(spool)
        routes.renew(settings)
        self._listener = wiring.make_listener(settings._replace(dicom=dicom), spool, routes)
        self._thread = threading.Thread(target=self._listener.run)

    def __enter__(self):
        self._thread.start()
        return self._listener.port

    def __exit__(self, *exception):
        self._listener.stop()
        self._thread.join()
        self._listener.close()


def test_a_box_that_starts_again_goes_on_where_it_was(tmp_path):
    with (
        Relay(tmp_path / "relay") as relay,
        CutLink(relay.port, 8 * MB) as link,
        stock.opened(tmp_path / "box") as spool,
    ):
        octets = put_large(spool, "1.2.3", 20, "relay")
        with stock.working(spool, "relay", to(link.port, tmp_path / "resume"), first_s=60, cap_s=60):
            wait_until(lambda: link.cuts, 20, "a cut")
            link.cut_bytes = 0
            wait_until(lambda: spool.jobs.link("relay").failures, 20, "the link to be given up for now")
        (upload,) = relay.spool.uploads.listing()
        reached = wait_until(lambda: upload.offset >= 7 * MB and upload.offset, 10, "what came to be durable")
        sent = link.sent
        link.cut_bytes = None
        spool.jobs.wake("relay")
        with stock.working(spool, "relay", to(link.port, tmp_path / "resume")):
            stock.await_count(spool, "relay", "delivered", 1)
        assert link.sent - sent <= len(octets) - reached + 16384
        assert kept(relay) == {"1.2.3": octets}


def test_a_relay_that_starts_again_goes_on_where_it_was(tmp_path):
    port = free_port()
    with CutLink(port, 8 * MB) as link, stock.opened(tmp_path / "box") as spool:
        octets = put_large(spool, "1.2.3", 20, "relay")
        with stock.working(spool, "relay", to(link.port, tmp_path / "resume")):
            with Relay(tmp_path / "relay", port=port):
                wait_until(lambda: link.cuts, 20, "a cut")
            wait_until(lambda: spool.jobs.link("relay").failures, 20, "the link to be given up for now")
            link.cut_bytes = None
            with Relay(tmp_path / "relay", port=port) as relay:
                stock.await_count(spool, "relay", "delivered", 1)
                assert kept(relay) == {"1.2.3": octets}
        assert link.sent <= len(octets) + 10 * MB


def test_a_relay_that_forgot_an_upload_gets_it_anew(tmp_path):
    with Relay(tmp_path / "relay") as relay, stock.opened(tmp_path / "box") as spool:
        put_large(spool, "1.2.3", 20, "relay")
        with CutLink(relay.port, 8 * MB) as link:
            with stock.working(spool, "relay", to(link.port, tmp_path / "resume")):
                wait_until(lambda: link.cuts, 20, "a cut")
                for each in relay.spool.uploads.listing():
                    relay.spool.uploads.forget(each)
                link.cut_bytes = None
                stock.await_count(spool, "relay", "delivered", 1)
        assert list(kept(relay)) == ["1.2.3"]


def test_what_the_relay_refuses_is_held_with_its_words_and_the_rest_goes_on(tmp_path):
    with Relay(tmp_path / "relay", object_limit=2 * MB) as relay, stock.opened(tmp_path / "box") as spool:
        put_large(spool, "1.2.3", 3, "relay")
        put_large(spool, "1.2.4", 1, "relay")
        with stock.working(spool, "relay", to(relay.port, tmp_path / "resume")):
            stock.await_count(spool, "relay", "delivered", 1)
            stock.await_count(spool, "relay", "held", 1)
        held = stock.job_of(spool, "relay", 1)
        assert held.cause == "413" and "object_bytes" in held.why
        assert list(kept(relay)) == ["1.2.4"]


def test_a_relay_without_room_is_tried_again_later(tmp_path):
    short = Limits(reserve_bytes=1 << 60, reserve_files=0)
    with Relay(tmp_path / "relay", limits=short) as relay, stock.opened(tmp_path / "box") as spool:
        stock.put(spool, stock.slices(1)[0], "relay")
        with stock.working(spool, "relay", to(relay.port, tmp_path / "resume")):
            wait_until(lambda: stock.jobs(spool, "relay")[0].tries >= 1, 20, "a try")
        job = stock.jobs(spool, "relay")[0]
        assert job.state == "waiting" and job.cause == "507" and "reserve" in job.why


def test_what_is_no_relay_is_named_so(tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(LinkFailure) as failed:
                to(server.server_address[1], tmp_path / "resume").open(())
        finally:
            server.shutdown()
            thread.join()
    assert failed.value.layer == "http" and "no relay" in failed.value.reason


def test_nothing_that_listens_is_named_so(tmp_path):
    with pytest.raises(LinkFailure) as failed:
        to(free_port(), tmp_path / "resume").open(())
    assert failed.value.layer == "tcp" and "nothing listens there" in failed.value.reason


def test_an_interrupt_ends_an_upload_that_hangs(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent, stock.opened(tmp_path / "box") as spool:
        stock.put(spool, stock.slices(1)[0], "relay")
        resume = Resume(str(tmp_path / "resume"))
        target = RelayTarget("127.0.0.1", silent.getsockname()[1], "/", None, "EDGE", resume, answer_s=60)
        failed = []

        def work():
            try:
                target.open(())
            except LinkFailure as failure:
                failed.append(failure)

        thread = threading.Thread(target=work)
        thread.start()
        silent.accept()
        target.interrupt()
        thread.join(5)
        assert not thread.is_alive() and failed
        target.close()
