"""The rate holds as a network interface counts: octets of frames, on lines of the test's own, slow and fast."""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from edge.net import transport
from edge.net.pace import Pace

RATES = (64_000, 1_000_000, 10_000_000)
SPAN_S = 6.0

_libc = ctypes.CDLL(None, use_errno=True)


def enter(space):
    """Have this thread, and what it starts, in a network namespace."""
    with open(f"/run/netns/{space}", "rb") as file:
        if _libc.setns(file.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def lines(count):
    """Two namespaces with `count` lines between them: near0 to far0 and so on, whose far ends are 10.99.N.2."""
    near, far = f"edge-pace-{os.getpid()}-near", f"edge-pace-{os.getpid()}-far"
    run = lambda words: subprocess.run(words.split(), check=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    made = []
    try:
        for space in (near, far):
            run(f"ip netns add {space}")
            made.append(space)
        for number in range(count):
            run(f"ip link add near{number} netns {near} type veth peer name far{number} netns {far}")
            for place, (space, end) in enumerate(((near, "near"), (far, "far")), 1):
                run(f"ip -n {space} addr add 10.99.{number}.{place}/24 dev {end}{number}")
                run(f"ip -n {space} link set {end}{number} up")
        yield near, far
    finally:
        _libc.setns(before, 0x40000000)
        os.close(before)
        for space in made:
            run(f"ip netns del {space}")


def cut_frames_here(device):
    """Have the kernel cut segments into frames before the interface counts them, as a wire would see them."""
    with socket.socket() as control:
        for command in (0x1F, 0x24):  # ETHTOOL_STSO, ETHTOOL_SGSO
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sQ8x", device.encode(), ctypes.addressof(value))
            fcntl.ioctl(control, 0x8946, request)


def sent(device):
    """The octets of all frames that a device of this thread's namespace has sent."""
    for line in Path("/proc/thread-self/net/dev").read_text(encoding="ascii").splitlines():
        if line.split(":")[0].strip() == device:
            return int(line.split(":")[1].split()[8])
    raise LookupError(device)


def drain(connected, buffer):
    with connected, contextlib.suppress(OSError):
        while connected.recv_into(buffer):
            pass


def swallow(server):
    buffer = bytearray(1 << 18)
    with contextlib.suppress(OSError):
        while True:
            connected, _ = server.accept()
            threading.Thread(target=drain, args=(connected, buffer)).start()


def test_the_rate_holds_to_five_percent_in_frames_with_one_connection_and_with_three():
    with lines(len(RATES)) as (near, far):
        enter(far)
        servers = [socket.create_server((f"10.99.{number}.2", 7000)) for number in range(len(RATES))]
        for server in servers:
            threading.Thread(target=swallow, args=(server,)).start()
        enter(near)
        over = threading.Event()
        file = os.memfd_create("payload")
        os.truncate(file, 1 << 20)

        def send(number, pace):
            connected = socket.create_connection((f"10.99.{number}.2", 7000))
            wire = transport.Paced(transport.Wire(connected, 20000), pace)
            with contextlib.suppress(OSError):
                while not over.is_set():
                    wire.send_file(b"head", file, 0, 100_000)
                    wire.send_parts([bytes(100), bytes(40_000)])
            wires.append(wire)

        wires, senders, counts = [], [], []
        for number, rate in enumerate(RATES):
            cut_frames_here(f"near{number}")
            pace = Pace(rate)
            for _ in range(1 if number == 1 else 3):
                senders.append(threading.Thread(target=send, args=(number, pace)))
        for sender in senders:
            sender.start()
        until = time.monotonic() + SPAN_S
        while time.monotonic() < until:
            counts.append((time.monotonic(), [sent(f"near{number}") for number in range(len(RATES))]))
            over.wait(0.1)
        over.set()
        for sender in senders:
            sender.join(10)
        for wire in wires:
            wire.close()
        for server in servers:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
        os.close(file)
    (began, first), (ended, last) = counts[5], counts[-1]
    for number, rate in enumerate(RATES):
        found = (last[number] - first[number]) / (ended - began)
        assert 0.95 * rate <= found <= 1.05 * rate, (rate, found)
