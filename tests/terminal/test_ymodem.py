"""YMODEM against lrzsz, over a line that is a pair of pipes, and against a bad line."""

import io
import os
import random
import select
import shutil
import subprocess
import time

import pytest

from edge.terminal import ymodem

LIMIT_S = 20


def carry(transfer, process, damage=None):
    """Connect a transfer to a process's input and output until it is done; return whether both ended well."""
    came, out = process.stdout.fileno(), process.stdin.fileno()
    os.set_blocking(came, False)
    until = time.monotonic() + LIMIT_S
    while not transfer.done and time.monotonic() < until:
        now = time.monotonic()
        octets = transfer.tick(now)
        wait_s = max(0, min(transfer.deadline() - now, 1))
        if octets:
            os.write(out, octets)
        if select.select([came], [], [], wait_s)[0]:
            octets = os.read(came, 4096)
            if not octets:
                break
            if damage:
                octets = damage(octets)
            answer = transfer.feed(octets, time.monotonic())
            if answer:
                os.write(out, answer)
    process.stdin.close()
    return transfer.done and transfer.error is None


def run(*command, **more):
    """Start one of lrzsz's programs."""
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0, **more
    )


def received(paths, damage=None, options=(), **more):
    kept = {}
    receiver = ymodem.Receiver(kept.__setitem__, time.monotonic(), **more)
    with run("sb", *options, *map(str, paths)) as process:
        good = carry(receiver, process, damage)
        process.kill()
    return good, kept, receiver


def test_lrzsz_is_there():
    assert shutil.which("sb") and shutil.which("rb"), "install lrzsz: .ci/debian-packages has it"


@pytest.mark.parametrize("length", [0, 1, 127, 128, 129, 1023, 1024, 1025, 70000])
def test_a_file_of_any_length_arrives_whole_from_lrzsz(tmp_path, length):
    path = tmp_path / "edge.toml"
    path.write_bytes(random.Random(length).randbytes(length))
    good, kept, _ = received([path])
    assert good and kept == {"edge.toml": path.read_bytes()}


def test_short_blocks_and_several_files_arrive(tmp_path):
    paths = [tmp_path / "cert.pem", tmp_path / "key.pem"]
    for each in paths:
        each.write_bytes(os.urandom(3000))
    for options in ((), ("-k",)):
        good, kept, receiver = received(paths, options=options)
        assert good and kept == {each.name: each.read_bytes() for each in paths}
        assert receiver.files == list(kept.items())


def test_garbled_octets_are_sent_again(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_bytes(os.urandom(9000))
    chance = random.Random(4)
    left = [4]

    def damage(octets):
        if left[0] and chance.random() < 0.3:
            left[0] -= 1
            octets = bytearray(octets)
            octets[chance.randrange(len(octets))] ^= 0x55
        return bytes(octets)

    good, kept, _ = received([path], damage)
    assert left[0] < 4
    assert good and kept == {"edge.toml": path.read_bytes()}


def test_a_file_that_is_too_long_is_refused_by_its_header(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(200_000))
    good, kept, receiver = received([path], limit_bytes=100 << 10)
    assert not good and kept == {} and receiver.error == "it is longer than the 100 KiB that are taken"


def test_what_cannot_be_kept_is_not_acknowledged(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_bytes(b"x" * 300)

    def keep(name, octets):
        raise OSError(28, "No space left on device")

    receiver = ymodem.Receiver(keep, time.monotonic())
    with run("sb", str(path)) as process:
        assert not carry(receiver, process)
        assert process.wait(LIMIT_S) != 0
    assert receiver.error == "it cannot be kept: No space left on device"


def test_lrzsz_receives_what_is_sent(tmp_path):
    content = os.urandom(50_001)
    sender = ymodem.Sender("bundle.zip", io.BytesIO(content), len(content), time.monotonic())
    with run("rb", cwd=tmp_path) as process:
        assert carry(sender, process), sender.error
        process.wait(LIMIT_S)
    assert (tmp_path / "bundle.zip").read_bytes() == content


def test_each_end_stops_when_the_other_says_so():
    for transfer in (ymodem.Receiver(dict().__setitem__, 0), ymodem.Sender("a", io.BytesIO(b"x"), 1, 0)):
        transfer.feed(bytes((ymodem.CAN, ymodem.CAN)), 1)
        assert transfer.done and transfer.error == "the other end stopped the transfer"


def test_a_line_on_which_nothing_comes_is_given_up():
    receiver = ymodem.Receiver(dict().__setitem__, 0)
    asked = 0
    while not receiver.done:
        asked += receiver.tick(receiver.deadline()) == b"C"
    assert asked == 30 and receiver.error == "nothing came that is a YMODEM transfer"


def test_noise_is_no_file_and_costs_no_memory():
    chance = random.Random(7)
    receiver = ymodem.Receiver(lambda name, octets: pytest.fail("a file was made of noise"), 0)
    now = 0.0
    for _ in range(3000):
        now += chance.choice((0.01, 0.5))
        receiver.feed(chance.randbytes(chance.randrange(1, 400)), now)
        receiver.tick(now)
        assert len(receiver._core._buffer) <= 1029
        if receiver.done:
            break
    assert receiver.files == []
