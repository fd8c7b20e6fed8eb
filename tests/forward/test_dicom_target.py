"""Objects reach DICOM peers: foreign ones, picky ones, and ones that misbehave."""

import socket
import threading
import time
import zlib

import pytest

from edge.demo import phantom
from edge.dicom import part10, syntax
from tests.forward import stock
from tests.support import samples
from tests.support.archive import CT, Archive
from tests.support.dcmtk import Storescp
from tests.support.process import free_port, wait_until


def test_storescp_gets_every_object_bit_for_bit_over_one_association(tmp_path):
    objects = stock.slices(20) + stock.slices(20, seed=2, syntax=syntax.IMPLICIT_LITTLE)
    objects += [phantom.us(phantom.study("US"), size=640, frames=3), phantom.cr(phantom.study("CR"), size=1024)]
    with stock.opened(tmp_path / "state") as spool, Storescp(tmp_path / "there") as archive:
        for made in objects:
            stock.put(spool, made, "archive")
        with stock.working(spool, "archive", stock.to(archive.port)):
            stock.await_count(spool, "archive", "delivered", len(objects))
    found = {samples.read(path).SOPInstanceUID: path for path in (tmp_path / "there").iterdir()}
    for made in objects:
        octets = found[made.sop_instance].read_bytes()
        assert octets[samples.data_set_offset(octets) :] == made.data_set


def test_objects_go_study_by_study_in_the_order_in_which_they_came(tmp_path):
    first, second = stock.slices(5, seed=1), stock.slices(5, seed=2)
    with stock.opened(tmp_path / "state") as spool, Archive() as archive:
        for one, other in zip(first, second):
            stock.put(spool, one, "archive")
            stock.put(spool, other, "archive")
        with stock.working(spool, "archive", stock.to(archive.port)):
            archive.await_received(10)
        assert [got.sop_instance for got in archive.received] == [made.sop_instance for made in first + second]
        assert archive.associations == 1


def test_an_object_that_comes_soon_after_uses_the_association_that_is_open(tmp_path):
    objects = stock.slices(6)
    with stock.opened(tmp_path / "state") as spool, Archive() as archive:
        with stock.working(spool, "archive", stock.to(archive.port)):
            for number, made in enumerate(objects):
                stock.put(spool, made, "archive")
                stock.await_count(spool, "archive", "delivered", number + 1)
        assert archive.associations == 1


@pytest.mark.parametrize("stored", [syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE, syntax.DEFLATED_LITTLE])
@pytest.mark.parametrize("taken", [syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE])
def test_a_peer_that_takes_one_syntax_gets_the_same_elements_in_it(tmp_path, stored, taken):
    (made,) = stock.slices(1, syntax=stored)
    with stock.opened(tmp_path / "state") as spool, Archive(syntaxes=[taken]) as archive:
        stock.put(spool, made, "archive")
        with stock.working(spool, "archive", stock.to(archive.port)):
            (got,) = archive.await_received(1)
    assert got.transfer_syntax == taken
    one, other = (tmp_path / "one.dcm"), (tmp_path / "other.dcm")
    one.write_bytes(part10.head(made.sop_class, made.sop_instance, stored) + made.data_set)
    other.write_bytes(part10.head(made.sop_class, made.sop_instance, taken) + got.data_set)
    assert samples.differences(samples.read(one), samples.read(other)) == []


def test_a_deflated_data_set_of_odd_length_leaves_padded_and_dcmtk_keeps_it(tmp_path):
    (made,) = stock.slices(1, syntax=syntax.DEFLATED_LITTLE)
    odd = made._replace(data_set=_deflated_odd(zlib.decompress(made.data_set, -15)))
    options = ["--prefer-deflated"]
    with stock.opened(tmp_path / "state") as spool:
        with Storescp(tmp_path / "there", options=options, accept_all=False) as archive:
            stock.put(spool, odd, "archive")
            with stock.working(spool, "archive", stock.to(archive.port)):
                stock.await_count(spool, "archive", "delivered", 1)
    (path,) = (tmp_path / "there").iterdir()
    octets = path.read_bytes()
    assert octets[samples.data_set_offset(octets) :] == odd.data_set + b"\0"
    assert samples.read(path).SOPInstanceUID == made.sop_instance


def _deflated_odd(data_set):
    """Deflate a data set to an odd number of octets, without the NUL that ought to follow."""
    for level in range(10):
        for memory in range(1, 10):
            packer = zlib.compressobj(level, zlib.DEFLATED, -15, memory)
            octets = packer.compress(data_set) + packer.flush()
            if len(octets) & 1:
                return octets
    raise ValueError("it always becomes even")


def test_an_object_that_nobody_there_takes_is_held_and_the_rest_goes_on(tmp_path):
    odd = phantom.mr(phantom.study("MR"), size=32)
    objects = stock.slices(4)
    with stock.opened(tmp_path / "state") as spool, Archive(classes=[CT]) as archive:
        stock.put(spool, objects[0], "archive")
        number = stock.put(spool, odd, "archive")
        for made in objects[1:]:
            stock.put(spool, made, "archive")
        with stock.working(spool, "archive", stock.to(archive.port)):
            stock.await_count(spool, "archive", "delivered", 4)
            stock.await_count(spool, "archive", "held", 1)
        job = stock.job_of(spool, "archive", number)
        assert job.state == "held"
        assert "MR Image Storage" in job.why and "Implicit VR" in job.why and "release" in job.why


def test_more_than_128_contexts_become_another_association(tmp_path):
    classes = [f"1.2.840.10008.5.1.4.1.1.999.{number}" for number in range(1, 151)]
    (made,) = stock.slices(1)
    with stock.opened(tmp_path / "state") as spool, Archive(classes=classes) as archive:
        for number, sop_class in enumerate(classes):
            # The data set has to name the class and the instance that the command announces
            data_set = made.data_set.replace(b"UI\x1a\x00" + CT.encode() + b"\0", _ui(sop_class))
            instance = f"1.2.3.1{number:0{len(made.sop_instance) - 7}d}"
            data_set = data_set.replace(made.sop_instance.encode(), instance.encode())
            stock.put(spool, made._replace(sop_class=sop_class, sop_instance=instance, data_set=data_set), "archive")
        with stock.working(spool, "archive", stock.to(archive.port)):
            stock.await_count(spool, "archive", "delivered", 150, 60)
        assert archive.associations >= 2
        assert len({got.sop_class for got in archive.received}) == 150


def _ui(value):
    octets = value.encode()
    octets += b"\0" * (len(octets) & 1)
    return b"UI" + len(octets).to_bytes(2, "little") + octets


@pytest.mark.parametrize("code, tries", [(0xA700, stock.TRIES), (0xC000, 3), (0xA900, 3), (0x0110, stock.TRIES)])
def test_an_object_that_is_refused_each_time_is_held_after_its_tries_with_the_reason(tmp_path, code, tries):
    good, bad = stock.slices(2)
    with stock.opened(tmp_path / "state") as spool:
        with Archive(answer=lambda got: code if got.sop_instance == bad.sop_instance else 0) as archive:
            number = stock.put(spool, bad, "archive")
            stock.put(spool, good, "archive")
            with stock.working(spool, "archive", stock.to(archive.port)):
                stock.await_count(spool, "archive", "held", 1)
                stock.await_count(spool, "archive", "delivered", 1)
            job = stock.job_of(spool, "archive", number)
            assert (job.state, job.tries, job.status) == ("held", tries, code)
            assert "%04X" % code in job.why and "ARCHIVE answered" in job.why
            assert [got.sop_instance for got in archive.received].count(bad.sop_instance) == tries
    with stock.opened(tmp_path / "state") as spool:  # through a restart
        assert stock.job_of(spool, "archive", number).state == "held"


def test_a_warning_counts_as_delivered(tmp_path):
    (made,) = stock.slices(1)
    with stock.opened(tmp_path / "state") as spool, Archive(answer=lambda got: 0xB000) as archive:
        number = stock.put(spool, made, "archive")
        with stock.working(spool, "archive", stock.to(archive.port)):
            stock.await_count(spool, "archive", "delivered", 1)
        assert stock.job_of(spool, "archive", number).status == 0xB000


def test_a_peer_that_never_answers_one_object_loses_only_that_one(tmp_path):
    silent = threading.Event()
    objects = stock.slices(4)
    with stock.opened(tmp_path / "state") as spool:

        def answer(got):
            if got.sop_instance == objects[0].sop_instance:
                silent.wait(10)
            return 0

        with Archive(answer=answer) as archive:
            numbers = [stock.put(spool, made, "archive") for made in objects]
            target = stock.to(archive.port, terms=stock.TERMS._replace(dimse_ms=300))
            with stock.working(spool, "archive", target):
                stock.await_count(spool, "archive", "delivered", 3)
                stock.await_count(spool, "archive", "held", 1)
            silent.set()
        job = stock.job_of(spool, "archive", numbers[0])
        assert job.tries == stock.TRIES
        assert "did not answer" in job.why


class Aborter:
    """A peer that accepts every association and aborts as soon as a C-STORE comes."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.stores = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()

    def _serve(self):
        while True:
            try:
                connected, _ = self.server.accept()
            except OSError:
                return
            with connected:
                request = connected.recv(65536)
                answer = b"\0\1\0\0" + request[10:74]
                contexts = b""
                at = 74
                while at < len(request):
                    kind, length = request[at], int.from_bytes(request[at + 2 : at + 4], "big")
                    if kind == 0x20:
                        chosen = b"\x40\0\0\x13" + b"1.2.840.10008.1.2.1"
                        contexts += b"\x21\0" + (4 + len(chosen)).to_bytes(2, "big")
                        contexts += request[at + 4 : at + 5] + b"\0\0\0" + chosen
                    at += 4 + length
                items = b"\x10\0\0\x15" + b"1.2.840.10008.3.1.1.1" + contexts
                items += b"\x50\0\0\x08\x51\0\0\4\0\0\x40\0"
                body = answer + items
                connected.sendall(b"\2\0" + len(body).to_bytes(4, "big") + body)
                message = connected.recv(100)
                if message:
                    self.stores += b"1.2.840.10008.1.1\0" not in message
                    connected.sendall(b"\7\0\0\0\0\4\0\0\0\0")


def test_a_peer_that_aborts_over_every_object_gets_bounded_tries_and_then_rest(tmp_path):
    objects = stock.slices(2)
    with stock.opened(tmp_path / "state") as spool, Aborter() as peer:
        for made in objects:
            stock.put(spool, made, "archive")
        with stock.working(spool, "archive", stock.to(peer.port)):
            stock.await_count(spool, "archive", "held", 2)
        assert peer.stores == 2 * stock.TRIES
        assert all("abort" in job.why for job in stock.jobs(spool, "archive"))


def test_a_dead_port_spends_no_tries_and_its_neighbour_does_not_notice(tmp_path):
    objects = stock.slices(10)
    dead = free_port()
    with stock.opened(tmp_path / "state") as spool, Archive() as archive:
        with stock.working(spool, "dead", stock.to(dead)), stock.working(spool, "archive", stock.to(archive.port)):
            numbers = [stock.put(spool, made, "dead", "archive") for made in objects]
            archive.await_received(10)
            stock.await_count(spool, "archive", "delivered", 10)
            wait_until(lambda: spool.jobs.link("dead").failures >= 3, 10, "three failures")
            link = spool.jobs.link("dead")
            assert "refused" in link.why and str(dead) in link.why
            assert {job.tries for job in stock.jobs(spool, "dead")} == {0}
            assert all(stock.job_of(spool, "dead", number).state in ("waiting", "sending") for number in numbers)
            with Archive(port=dead, ae_title="BACK") as back:
                stock.await_count(spool, "dead", "delivered", 10)
                assert [got.sop_instance for got in back.received] == [made.sop_instance for made in objects]
            assert spool.jobs.link("dead").failures == 0


def test_a_rejected_association_says_why_and_spends_no_tries(tmp_path):
    (made,) = stock.slices(1)
    with stock.opened(tmp_path / "state") as spool, Archive() as archive:
        archive._ae.require_called_aet = True
        number = stock.put(spool, made, "archive")
        with stock.working(spool, "archive", stock.to(archive.port, called="WRONG")):
            wait_until(lambda: spool.jobs.link("archive").failures >= 2, 10, "two rejections")
        assert "called AE title" in spool.jobs.link("archive").why
        assert stock.job_of(spool, "archive", number).tries == 0


def test_a_full_archive_is_left_alone_instead_of_being_offered_everything(tmp_path):
    objects = stock.slices(30)
    with stock.opened(tmp_path / "state") as spool, Archive(answer=lambda got: 0xA700) as archive:
        for made in objects:
            stock.put(spool, made, "archive")
        with stock.working(spool, "archive", stock.to(archive.port), first_s=30, cap_s=60):
            wait_until(lambda: spool.jobs.link("archive").failures, 10, "the destination to be put off")
            assert len(archive.received) <= 5
            assert "out of resources" in spool.jobs.link("archive").why
            assert stock.count(spool, "archive", "waiting") == 30


def test_a_rotten_object_is_reported_and_never_sent(tmp_path):
    objects = stock.slices(3)
    with stock.opened(tmp_path / "state") as spool, Archive() as archive:
        numbers = [stock.put(spool, made, "archive") for made in objects]
        path = spool.path_of(spool.index.get(numbers[1]))
        with open(path, "r+b") as file:
            file.seek(-3, 2)
            file.write(b"\xa5")
        with stock.working(spool, "archive", stock.to(archive.port)):
            stock.await_count(spool, "archive", "delivered", 2)
        assert objects[1].sop_instance not in [got.sop_instance for got in archive.received]
        assert stock.job_of(spool, "archive", numbers[1]).state == "held"
        assert spool.index.get(numbers[1]).hold == "rotten"
        assert [held[0] for held in spool.index.holds()] == ["rotten"]


def test_a_large_object_that_is_rotten_opens_no_association(tmp_path):
    made = phantom.cr(phantom.study("CR"), size=1024)
    with stock.opened(tmp_path / "state") as spool, Archive(classes=[made.sop_class]) as archive:
        number = stock.put(spool, made, "archive")
        with open(spool.path_of(spool.index.get(number)), "r+b") as file:
            file.truncate(2_000_000)
        with stock.working(spool, "archive", stock.to(archive.port)):
            stock.await_count(spool, "archive", "held", 1)
        assert archive.associations == 0


def test_stopping_finishes_the_object_under_way_and_leaves_the_rest_waiting(tmp_path):
    objects = stock.slices(5)
    begun, go_on = threading.Event(), threading.Event()

    def answer(got):
        begun.set()
        go_on.wait(5)
        return 0

    with stock.opened(tmp_path / "state") as spool, Archive(answer=answer) as archive:
        for made in objects:
            stock.put(spool, made, "archive")
        with stock.working(spool, "archive", stock.to(archive.port)) as running:
            assert begun.wait(5)
            running.stop()
            go_on.set()
            assert running.join(5)
        assert stock.count(spool, "archive", "delivered") == len(archive.received) <= 2
        assert stock.count(spool, "archive", "waiting") == 5 - len(archive.received)


def test_stopping_breaks_off_what_takes_too_long_and_counts_it_against_nobody(tmp_path, caplog):
    (made,) = stock.slices(1)
    begun, go_on = threading.Event(), threading.Event()

    def answer(got):
        begun.set()
        go_on.wait(10)
        return 0

    with stock.opened(tmp_path / "state") as spool, Archive(answer=answer) as archive:
        number = stock.put(spool, made, "archive")
        target = stock.to(archive.port, terms=stock.TERMS._replace(dimse_ms=60000))
        with stock.working(spool, "archive", target) as running:
            assert begun.wait(5)
            running.stop()
            began = time.monotonic()
            assert not running.join(0.2)
            assert time.monotonic() - began < 1.5
        go_on.set()
        job = stock.job_of(spool, "archive", number)
        assert (job.state, job.tries) == ("waiting", 0)
        assert spool.jobs.link("archive").failures == 0
        assert not [record for record in caplog.records if record.name == "edge.forward"]


def test_stopping_an_idle_worker_is_prompt(tmp_path):
    with stock.opened(tmp_path / "state") as spool:
        with stock.working(spool, "archive", stock.to(free_port())) as running:
            began = time.monotonic()
            running.stop()
            assert running.join(5)
            assert time.monotonic() - began < 1


def test_what_was_not_confirmed_before_a_crash_is_delivered_again(tmp_path):
    objects = stock.slices(3)
    with stock.opened(tmp_path / "state") as spool:
        for made in objects:
            stock.put(spool, made, "archive")
        claimed = spool.jobs.claim("archive", time.time(), 10)
        assert len(claimed) == 3
        spool.jobs.settle(claimed[0], "delivered", time.time(), 0)
    with stock.opened(tmp_path / "state") as spool, Archive() as archive:
        with stock.working(spool, "archive", stock.to(archive.port)):
            stock.await_count(spool, "archive", "delivered", 3)
        assert [got.sop_instance for got in archive.received] == [made.sop_instance for made in objects[1:]]
