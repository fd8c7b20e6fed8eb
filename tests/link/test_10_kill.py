"""SIGKILL at either end, at each point of a delivery: everything arrives whole, and only what was unconfirmed again."""

import contextlib
import hashlib
import time

from edge.demo import phantom
from tests.bench import material
from tests.crash.oracle import dice, rounds
from tests.crash.strace import injecting
from tests.forward import stock
from tests.link.receiver import Receiver
from tests.support import dcmtk, faults, process
from tests.support.archive import Archive
from tests.support.network import Network
from tests.support.service import Service, destination, route

# The system calls that a delivery is made of, in the box and in the archive; None: a moment by chance
OF_THE_BOX = ("connect", "sendto", "sendmsg", "sendfile", "recvfrom", "preadv2", "pwrite64", "fdatasync", None)
OF_THE_ARCHIVE = ("accept4", "recvfrom", "sendto", "write", None)
LAST = {"connect": 1, "accept4": 1, "fdatasync": 2, "write": 2}  # of those that are made less than six times
IN_FLIGHT = 2  # one on its way, and one that was answered and of which that is not put down yet
LIMIT_S = 60
ROUND_S = 30
PER_ROUND = 5
RETRY = {"retry_first_s": 0.1, "retry_cap_s": 1, "attempts": 1000}


def fill(state, sent, count=PER_ROUND):
    """Let `count` more objects wait for the archive in a state that nobody has open, one of them above 1 MB."""
    head = phantom.study("CT", len(sent))
    with stock.opened(state) as spool:
        for number in range(count):
            made = phantom.ct(head, number + 1, count, size=64 if number != 1 else 800)
            stock.put(spool, made, "archive")
            sent[made.sop_instance] = hashlib.sha256(made.data_set).hexdigest()


def delivered(state):
    """The UIDs that the state of a dead box says were delivered."""
    found, after, first = set(), None, True
    with stock.opened(state) as spool:
        while first or after is not None:
            rows, after = spool.jobs.listing("delivered", "archive", after)
            found.update([spool.index.get(row.object_id).uid for row in rows])
            first = False
    return found


def await_delivered(box, count):
    """Wait until the running box has delivered `count` objects."""

    def is_all():
        return box.status()["destinations"][0]["jobs"]["delivered"] == count

    process.wait_until(is_all, LIMIT_S, f"{count} deliveries", 0.2)


def to(folder, port, host="127.0.0.1"):
    """A box in `folder` that forwards to `port`, not started."""
    tables = [destination("archive", port, host=host, **RETRY)], [route("archive")]
    return Service(folder, *tables, state_dir=folder / "state")


def points(calls, chance, quick):
    """Give for each round the system call that is the last one, and which of them."""
    for number in rounds(quick):
        call = calls[number % len(calls)]
        yield call, chance.randrange(1, LAST.get(call, 6) + 1)


def test_a_box_killed_at_any_point_delivers_everything_and_nothing_confirmed_once_more(tmp_path):
    chance, state, sent = dice(), tmp_path / "state", {}
    confirmed, looked, kills = set(), 0, 0
    with Receiver(tmp_path) as receiver, contextlib.ExitStack() as stack:
        box = to(tmp_path, receiver.port)
        stack.callback(box.kill)

        def look_again():
            again = [uid for uid, _ in receiver.arrived()[looked:] if uid in confirmed]
            assert not again, f"confirmed and sent once more: {again}"

        for call, when in points(OF_THE_BOX, chance, quick=9):
            fill(state, sent)
            there = len(receiver.arrived())
            box.wrap = injecting(call, "error=EIO:signal=KILL", when) if call else []
            box.pid = None
            box.launch()
            if call is None:
                process.wait_until(lambda: len(receiver.arrived()) > there, ROUND_S, "arrivals", 0.001)
                time.sleep(chance.random() * 0.01)  # no waiting for anything: the moment of the kill
            else:
                process.wait_until(
                    lambda: box.process.poll() is not None, ROUND_S, f"the box to die at {call} {when}"
                )
            box.kill()
            kills += 1
            look_again()
            confirmed, looked = delivered(state), len(receiver.arrived())
        box.wrap = []
        box.restart()
        await_delivered(box, len(sent))
        look_again()
        box.kill()
    judge(receiver, sent, kills)


def judge(receiver, sent, kills):
    """All of it arrived, whole, and not much of it more than once."""
    arrived = receiver.arrived()
    assert {uid for uid, _ in arrived} == set(sent)
    assert all(sent[uid] == digest for uid, digest in arrived)
    assert len(arrived) - len(sent) <= IN_FLIGHT * kills


def send(box, folder, sent, count=PER_ROUND):
    """Give a running box `count` more objects."""
    folder.mkdir()
    head = phantom.study("CT", len(sent))
    for number in range(count):
        made = phantom.ct(head, number + 1, count, size=64 if number != 1 else 800)
        phantom.save(made, folder)
        sent[made.sop_instance] = hashlib.sha256(made.data_set).hexdigest()
    box.edge("send", "archive", folder)


def test_an_archive_killed_at_any_point_gets_everything_and_little_of_it_twice(tmp_path):
    chance, sent, kills = dice(), {}, 0
    receiver = Receiver(tmp_path)
    with to(tmp_path, receiver.port) as box:
        for call, when in points(OF_THE_ARCHIVE, chance, quick=5):
            receiver.start()
            with faults.failing(receiver.pid, call, "EIO:signal=KILL", when) if call else contextlib.nullcontext():
                there = len(receiver.arrived())
                send(box, tmp_path / f"sent-{kills}", sent)
                if call:
                    process.wait_until(lambda: receiver.is_dead, ROUND_S, f"the archive to die at {call} {when}")
                else:
                    process.wait_until(lambda: len(receiver.arrived()) > there, ROUND_S, "an arrival", 0.001)
            receiver.kill()
            kills += 1
        with receiver:
            await_delivered(box, len(sent))
    judge(receiver, sent, kills)


def test_a_storescp_killed_again_and_again_ends_up_with_every_file_whole(tmp_path):
    chance, sent, folder = dice(), {}, tmp_path / "archive"
    port = process.free_port()
    with to(tmp_path, port) as box:
        for number in rounds(quick=3):
            send(box, tmp_path / f"sent-{number}", sent)
            there = len(list(folder.glob("*")))
            with dcmtk.Storescp(folder, port=port):
                process.wait_until(lambda: len(list(folder.glob("*"))) > there, ROUND_S, "an object to begin", 0.001)
                time.sleep(chance.random() * 0.01)  # no waiting for anything: the moment of the kill
        with dcmtk.Storescp(folder, port=port):
            await_delivered(box, len(sent))
    found = {path.name.partition(".")[2]: path for path in folder.iterdir()}
    assert set(found) == set(sent)
    for uid, path in found.items():
        assert material.digest(path, material.data_set_offset(path)) == sent[uid]


def test_a_box_killed_in_a_long_transfer_does_not_send_again_what_went_before_it(tmp_path):
    head = phantom.study("CT", 1)
    small, large = phantom.ct(head, 1, 2, size=64), phantom.ct(head, 2, 2, size=1200)
    with stock.opened(tmp_path / "state") as spool:
        for made in (small, large):
            stock.put(spool, made, "archive")
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network())
        line = network.line(rate_bit_per_s=4_000_000, round_trip_ms=20)
        with line.far():
            archive = stack.enter_context(Archive(address=line.address, port=104))
        box = to(tmp_path, 104, line.address)
        stack.callback(box.kill)
        with network.near():
            box.start()
            process.wait_until(lambda: line.octets_out() > 400_000, LIMIT_S, "the large one to be on its way")
            box.kill()
            box.restart()
        archive.await_received(2)
        await_delivered(box, 2)
    assert [each.sop_instance for each in archive.received] == [small.sop_instance, large.sop_instance]
