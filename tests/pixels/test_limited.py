"""The confined process: what goes wrong in it costs the one frame, and leaves nothing behind."""

import gc
import os
import signal
import sys
import threading
import time

import pytest

from edge.dicom.errors import LimitError, LocalError, PeerError
from edge.pixels import limited
from edge.pixels.image import Image
from edge.pixels.limited import Decoders
from tests.pixels import material

SMALL = Image(64, 48, 1, 16, 12, 0, 0)
LARGE = Image(2000, 1500, 1, 16, 16, 0, 0)  # OpenJPEG works on its noise for about a second


@pytest.fixture
def decoders():
    with Decoders() as made:
        yield made


@pytest.fixture(scope="module")
def small():
    with Decoders() as made:
        pixels = material.picture(SMALL)
        return pixels, bytes(made.encode("j2k", pixels, SMALL, material.J2K, False))


def child_of(decoders):
    """The process id of the child at work."""
    return decoders._child.process.pid


def works(decoders, small):
    """Whether the next frame is decoded as ever."""
    return decoders.decode("j2k", small[1], SMALL) == small[0]


def open_descriptors():
    gc.collect()  # what earlier tests left behind is none of this one's
    return len(os.listdir("/proc/self/fd"))


def children():
    return {int(pid) for pid in open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii").read().split()}


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.002)


def processor_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as line:
        return int(line.read().rsplit(")", 1)[1].split()[11])


@pytest.fixture(scope="module")
def large():
    """A coded frame that OpenJPEG works on for about a second."""
    with Decoders() as made:
        pixels = material.picture(LARGE, 1.0)
        return pixels, bytes(made.encode("j2k", pixels, LARGE, material.J2K, False))


def in_the_midst(decoders, work, *deeds):
    """Do `work()`, and each of `deeds` with a child's id once that is at work; return what came of it or was raised."""
    came = []

    def run():
        try:
            came.append(work())
        except Exception as error:  # whatever it is, the test judges it
            came.append(error)

    decoders.versions()
    pid, began = child_of(decoders), processor_ticks(child_of(decoders))
    thread = threading.Thread(target=run)
    thread.start()
    for number, do in enumerate(deeds):
        if number:
            former = pid
            wait_for(lambda: decoders._child is not None and child_of(decoders) != former)
            pid, began = child_of(decoders), 10  # what starting takes
        wait_for(lambda: processor_ticks(pid) > began + 5)
        do(pid)
    thread.join(20)
    assert not thread.is_alive() and len(came) == 1
    return came[0]


def killed(pid):
    os.kill(pid, signal.SIGKILL)


def test_every_library_is_there_and_says_its_version():
    assert {name: there for name, (there, _) in limited.available().items()} == dict.fromkeys(
        ("openjpeg", "openjph", "jpeg"), True
    )
    found = limited.versions()
    assert found["openjpeg"].startswith("OpenJPEG 2.") and found["openjph"].startswith("OpenJPH 0.")
    assert found["jpeg"].startswith("libjpeg-turbo ")


def test_asking_what_is_available_loads_nothing_and_starts_nothing():
    before = children(), set(sys.modules)
    limited.available()
    assert (children(), set(sys.modules)) == before


def test_a_library_that_is_missing_is_named_with_what_mends_it(monkeypatch):
    monkeypatch.setitem(limited._LIBRARIES, "openjph", limited._Library("edge._nothing", "HTJ2K", "libopenjph-dev g++"))
    monkeypatch.setattr(limited, "_CHOSEN", {})
    there, words = limited.available()["openjph"]
    assert not there and "apt-get install libopenjph-dev g++, then make clean setup" in words
    with Decoders() as decoders:
        with pytest.raises(LocalError, match="HTJ2K cannot be encoded: .*apt-get install libopenjph-dev"):
            decoders.encode("htj2k", bytes(6144), SMALL, material.HTJ2K, False)
        assert limited._library("htj2k", False) == "openjpeg"  # which decodes it as well


def test_the_child_has_no_rights_no_core_and_little_memory(decoders):
    assert decoders.versions()["confined"] == "7"
    with open(f"/proc/{child_of(decoders)}/status", encoding="ascii") as lines:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)
    assert status["NoNewPrivs"] == "1" and status["Seccomp"].strip() == "2"
    with open(f"/proc/{child_of(decoders)}/limits", encoding="ascii") as lines:
        limits = {line[:26].strip(): line[26:].split()[:2] for line in lines}
    assert limits["Max core file size"] == ["0", "0"] and limits["Max file size"] == ["0", "0"]
    for name in ("Max address space", "Max data size"):
        assert int(limits[name][1]) < 3 << 30


def test_it_starts_quickly():
    quickest = 9
    for _ in range(3):
        began = time.perf_counter()
        with Decoders() as decoders:
            decoders.versions()
        quickest = min(quickest, time.perf_counter() - began)
    assert quickest < 0.5  # 0.04 s on a quiet machine


def test_one_child_serves_many_frames_and_ends_with_its_owner(small):
    before = open_descriptors(), children()
    with Decoders() as decoders:
        assert works(decoders, small)
        pid = child_of(decoders)
        for _ in range(50):
            assert works(decoders, small)
        assert child_of(decoders) == pid and pid in children()
    assert (open_descriptors(), children()) == before


def test_a_result_outlives_a_change_of_memory_and_the_decoders(small):
    with Decoders() as decoders:
        first = decoders.decode("j2k", small[1], SMALL)
        big = Image(1000, 900, 1, 8, 8, 0, 0)
        decoders.encode("htj2k", material.picture(big), big, material.HTJ2K, False)
        assert first == small[0]
    assert first == small[0]


def test_a_stream_that_contradicts_the_data_set_is_refused_before_anything_is_made_of_it(decoders, small):
    for change in ({"columns": 65}, {"rows": 65535}, {"components": 3}, {"bits_allocated": 8, "bits_stored": 8}):
        with pytest.raises(PeerError, match="the data set (says|allocates)"):
            decoders.decode("j2k", small[1], SMALL._replace(**change))
    assert works(decoders, small)


def test_huge_dimensions_are_refused_by_their_size(decoders, small):
    huge = Image(65535, 65535, 4, 16, 16, 0, 0)
    with pytest.raises(LimitError, match="exceeds the 1073741824 allowed"):
        decoders.decode("j2k", small[1], huge)
    head = bytearray(small[1])
    head[8:16] = bytes.fromhex("ffffffffffffffff")
    with pytest.raises(PeerError, match="the data set says 64 x 48"):
        decoders.decode("j2k", head, SMALL)
    assert works(decoders, small)


def test_a_child_that_is_killed_while_it_decodes_costs_one_frame(decoders, small, large):
    error = in_the_midst(decoders, lambda: decoders.decode("j2k", large[1], LARGE), killed)
    assert isinstance(error, PeerError) and "the decoder was ended by SIGKILL; the stream may be" in str(error)
    assert works(decoders, small)


def test_a_child_that_crashes_while_it_decodes_costs_one_frame(decoders, small, large):
    error = in_the_midst(
        decoders, lambda: decoders.decode("j2k", large[1], LARGE), lambda pid: os.kill(pid, signal.SIGSEGV)
    )
    assert isinstance(error, PeerError) and "SIGSEGV" in str(error)
    assert works(decoders, small)


@pytest.mark.parametrize("lent", [False, True], ids=["given", "read into its memory"])
def test_a_child_that_is_killed_while_it_encodes_costs_nothing(decoders, large, lent):
    pixels = large[0]

    def encode():
        room = decoders.room(len(pixels), LARGE)
        room[:] = pixels
        return bytes(decoders.encode("j2k", room if lent else pixels, LARGE, material.J2K, False))

    assert in_the_midst(decoders, encode, killed) == large[1]


def test_a_result_that_is_encoded_as_it_is_is_not_mixed_up_by_a_second_attempt(decoders, large):
    pixels = decoders.decode("j2k", large[1], LARGE)

    def encode():
        return bytes(decoders.encode("j2k", pixels, LARGE, material.J2K, False))

    assert in_the_midst(decoders, encode, killed) == large[1]


def test_a_second_child_killed_while_it_encodes_is_our_trouble_in_words(decoders, small, large):
    error = in_the_midst(decoders, lambda: decoders.encode("j2k", large[0], LARGE, material.J2K, False), killed, killed)
    assert isinstance(error, LocalError)
    assert str(error) == (
        "JPEG 2000: the encoder was ended by SIGKILL, the second in a row; the machine may be short of memory: free"
        " some and try again, or choose another transfer syntax, or uncompressed"
    )
    assert works(decoders, small)


def test_a_child_that_hangs_while_it_encodes_is_replaced_once(large):
    with Decoders(seconds=5) as decoders:
        error = in_the_midst(
            decoders,
            lambda: decoders.encode("j2k", large[0], LARGE, material.J2K, False) == large[1],
            lambda pid: os.kill(pid, signal.SIGSTOP),
        )
        assert error is True


def test_an_encoder_that_never_finishes_is_our_trouble_in_words(monkeypatch, small):
    monkeypatch.setattr(limited, "_START_S", 0)
    monkeypatch.setattr(limited, "command", lambda *_: [sys.executable, "-c", "import time; time.sleep(60)"])
    with Decoders(seconds=0.1) as decoders, pytest.raises(LocalError) as raised:
        decoders.encode("j2k", small[0], SMALL, material.J2K, False)
    assert str(raised.value) == (
        "JPEG 2000: the encoder did not finish this frame within 0.1 s and was stopped, the second in a row; the"
        " machine may be overloaded: try again later, or choose another transfer syntax, or uncompressed"
    )


def test_a_child_that_dies_with_nothing_to_do_costs_nothing(decoders, small):
    assert works(decoders, small)
    os.kill(child_of(decoders), signal.SIGKILL)
    wait_for(lambda: open(f"/proc/{child_of(decoders)}/stat", encoding="ascii").read().split(")")[1].split()[0] == "Z")
    assert works(decoders, small)


def test_a_child_that_hangs_is_stopped_at_its_deadline(small):
    with Decoders(seconds=0.5) as decoders:
        assert works(decoders, small)
        os.kill(child_of(decoders), signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(PeerError, match="did not finish this frame within 0.5 s and was stopped"):
            decoders.decode("j2k", small[1], SMALL)
        assert time.monotonic() - began < 5
        assert works(decoders, small)


def test_a_frame_that_needs_more_memory_than_is_allowed_costs_that_frame(small):
    with Decoders() as generous:
        stream = bytes(generous.encode("j2k", bytes(LARGE.columns * LARGE.rows * 2), LARGE, material.J2K, False))
    with Decoders(memory_bytes=10 << 20) as decoders:
        with pytest.raises(PeerError, match="needs more memory than its 10485760 octets"):
            decoders.decode("j2k", stream, LARGE)
        assert works(decoders, small)


def test_closing_from_another_thread_stops_the_work():
    decoders = Decoders()
    before = open_descriptors()
    pixels = material.picture(LARGE, 1.0)
    error = in_the_midst(
        decoders, lambda: decoders.encode("j2k", pixels, LARGE, material.J2K, False), lambda _: decoders.close()
    )
    assert isinstance(error, LocalError) and "was stopped" in str(error)
    with pytest.raises(LocalError, match="closed"):
        decoders.versions()
    assert open_descriptors() == before


def test_threads_share_one_child_by_turns(decoders, small):
    failed = []

    def decode():
        for _ in range(20):
            # Another thread may begin its frame while this one looks at its result, so only that it comes is sure.
            if len(decoders.decode("j2k", small[1], SMALL)) != len(small[0]):
                failed.append(1)

    threads = [threading.Thread(target=decode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not failed


LIES = {
    "noise": "line.send(b'x' * 40)",
    "too long": "line.send(b'x' * 5000)",
    "another number": "line.send(wire.pack_reply(wire.Reply(request.number + 1, 0, request.out_room, b'')))",
    "more than the room": "line.send(wire.pack_reply(wire.Reply(request.number, 0, request.out_room + 1, b'')))",
    "less than the frame": "line.send(wire.pack_reply(wire.Reply(request.number, 0, 1, b'')))",
    "no such result": "line.send(wire.pack_reply(wire.Reply(request.number, 77, 0, b'well')))",
    "no words": "line.send(wire.pack_reply(wire.Reply(request.number, 2, 0, b'')))",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_child_that_lies_is_not_believed(monkeypatch, small, lie):
    program = (
        "import socket, sys; from edge.pixels import wire\n"
        "line = socket.socket(fileno=int(sys.argv[1]))\n"
        "while octets := socket.recv_fds(line, 4096, 1)[0]:\n"
        f"    request = wire.unpack_request(octets)\n    {LIES[lie]}\n"
    )
    folder = os.path.dirname(os.path.dirname(os.path.dirname(limited.__file__)))
    program = f"import sys; sys.path.append({folder!r})\n" + program
    honest = limited.command
    with Decoders() as decoders:
        monkeypatch.setattr(limited, "command", lambda fd, _: [sys.executable, "-I", "-c", program, str(fd)])
        with pytest.raises(PeerError, match="answered out of bounds and was stopped"):
            decoders.decode("j2k", small[1], SMALL)
        if "frame" not in lie:  # an encoder may make one octet
            with pytest.raises(LocalError, match="the encoder answered out of bounds and was stopped"):
                decoders.encode("j2k", small[0], SMALL, material.J2K, False)
        decoders._end()
        monkeypatch.setattr(limited, "command", honest)
        assert works(decoders, small)


def test_a_child_cannot_pull_the_memory_away(decoders):
    decoders.versions()
    decoders._child.room(100_000)
    for octets in (0, 1_000_000):
        with pytest.raises(PermissionError):
            os.ftruncate(decoders._child._unsent, octets)


def test_a_frame_can_be_read_straight_into_the_memory_that_the_child_sees(decoders, small):
    for image in (SMALL, SMALL, LARGE):
        pixels = material.picture(image)
        room = decoders.room(len(pixels), image)
        room[:] = pixels
        stream = bytes(decoders.encode("htj2k", room, image, material.HTJ2K, False))
        room = decoders.room(len(stream), image)
        room[:] = stream
        assert decoders.decode("htj2k", room, image) == pixels
    room = decoders.room(len(small[1]), SMALL)
    room[:] = small[1]
    os.kill(child_of(decoders), signal.SIGKILL)
    wait_for(lambda: open(f"/proc/{child_of(decoders)}/stat", encoding="ascii").read().split(")")[1].split()[0] == "Z")
    assert decoders.decode("j2k", room, SMALL) == small[0]


def test_a_result_can_be_given_to_the_next_call_as_it_is(decoders, small):
    coded = decoders.encode("htj2k", decoders.decode("j2k", small[1], SMALL), SMALL, material.HTJ2K, False)
    assert decoders.decode("htj2k", coded, SMALL) == small[0]


def test_an_empty_frame_is_refused_in_words(decoders):
    with pytest.raises(PeerError, match="JPEG 2000 frame is empty"):
        decoders.decode("j2k", b"", SMALL)


def test_a_child_that_cannot_start_is_our_fault_in_words(monkeypatch):
    monkeypatch.setattr(limited, "command", lambda *_: ["/nonexistent/python"])
    with Decoders() as decoders, pytest.raises(LocalError, match="cannot be started"):
        decoders.versions()
    monkeypatch.setattr(limited, "command", lambda *_: [sys.executable, "-c", "raise SystemExit(3)"])
    with Decoders() as decoders, pytest.raises(LocalError, match="ended with code 3 before its first frame"):
        decoders.versions()
