"""Networks of a test's own, with real faults: rate, delay, loss, black holes, resets, and cuts in mid-transfer.

with Network() as network:
    line = network.line(rate_bit_per_s=512_000, round_trip_ms=300, loss_percent=10)
    with network.near():
        ... what is started or bound here, threads too, is in the box's namespace ...
    with line.far():
        ... and here at the other end, which the box reaches at line.address ...

A line is a namespace with a router and one with whoever is at its other end, so that what the router drops is lost on
the way, as it is in a modem, and not held back by the sender's own kernel:

    near  out ──veth── in  router  up ──TUN, delay_line── down  far

The rate is tc's tbf on `up` and `down`, faults are nft's on what the router forwards, and the delay is a small program
between the TUN devices, as netem is not in every kernel. Packets are of 1500 octets, not merged before they are
dropped. It needs root; whatever cannot be made raises. Names hold the process ID, and what a process that was killed
left behind is removed by the next one.
"""

import contextlib
import ctypes
import itertools
import json
import os
import subprocess
import tempfile
import threading
from pathlib import Path

from tests.support import process

_SPACES = Path("/run/netns")
_PREFIX = "edge-test-"
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_QUEUE_S = 0.2  # what the router holds of a direction's rate, before it drops
_QUEUE_BYTES = 32 << 10  # and at least
_SOURCE = Path(__file__).with_name("delay_line.c")

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()
_built = threading.Lock()
_program = None  # the folder with the built delay line


def _run(*words, given=None):
    """Run a command; RuntimeError with its words when it fails."""
    done = subprocess.run([str(word) for word in words], input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip()} {given or ''}")
    return done.stdout


def _delay_line():
    """The path of the built delay line."""
    global _program
    with _built:
        if _program is None:
            folder = tempfile.TemporaryDirectory(prefix="edge-delay-line-")
            _run("gcc", "-O2", "-o", Path(folder.name) / "delay_line", _SOURCE)
            _program = folder
    return Path(_program.name) / "delay_line"


def _enter(descriptor):
    if _libc.setns(descriptor, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "setns: " + os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def inside(space):
    """Have this thread, and what it starts, in the namespace `space` while the block lasts."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(_SPACES / space, os.O_RDONLY)
    try:
        _enter(there)
        try:
            yield
        finally:
            _enter(before)
    finally:
        os.close(there)
        os.close(before)


def _remove_left_behind():
    if not _SPACES.is_dir():
        return
    for path in _SPACES.glob(_PREFIX + "*"):
        pid = path.name[len(_PREFIX) :].partition("-")[0]
        if not Path("/proc", pid).exists():
            subprocess.run(["ip", "netns", "delete", path.name], capture_output=True, check=False)


class Network:
    """The box's namespace and the lines that lead out of it, while the `with` block lasts."""

    def __init__(self):
        self._name = f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
        self._stack = contextlib.ExitStack()
        self._lines = 0
        self.space = self._name + "-near"

    def __enter__(self):
        _remove_left_behind()
        try:
            self.make_space(self.space, self._stack)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *exception):
        self._stack.close()

    @staticmethod
    def make_space(space, stack):
        """Make a namespace that goes when `stack` closes."""
        _run("ip", "netns", "add", space)
        stack.callback(_run, "ip", "netns", "delete", space)
        _run("ip", "-n", space, "link", "set", "lo", "up")

    def near(self):
        """Be where the box is while the block lasts."""
        return inside(self.space)

    def line(self, **terms):
        """Lay a line out of the box's namespace, see Line; it goes with the network."""
        number = self._lines
        self._lines += 1
        line = Line(self.space, f"{self._name}-{number}", number)
        self._stack.callback(line.close)
        line.lay()
        line.change(**terms)
        return line


class Line:
    """A line from a box to what is at `address`; its faults may be changed while it is used.

    rate_bit_per_s: each way, 0 for none; round_trip_ms; jitter_ms: by how much more a round trip may take;
    loss_percent: of the packets each way.
    """

    def __init__(self, near, name, number):
        self.address = f"10.{number + 1}.1.2"
        self._near = near
        self._number = number
        self._router, self._space = name + "-router", name + "-far"
        self._stack = contextlib.ExitStack()
        self._relay = None
        self._loss_percent = 0
        self._fault = None

    def far(self):
        """Be at the other end while the block lasts."""
        return inside(self._space)

    def close(self):
        """Take the line away."""
        self._stack.close()

    def lay(self):
        """Make namespaces and devices; called once."""
        outer, inner = f"10.{self._number + 1}.0", f"10.{self._number + 1}.1"
        out = f"out{self._number}"
        for space in (self._router, self._space):
            Network.make_space(space, self._stack)
        pair = ["type", "veth", "peer", "name", "in", "netns", self._router]
        _run("ip", "link", "add", out, "netns", self._near, *pair)
        self._stack.callback(_run, "ip", "-n", self._router, "link", "delete", "in")
        self._start_relay()
        ends = (
            (self._near, out, outer + ".1/24"),
            (self._router, "in", outer + ".2/24"),
            (self._router, "up", inner + ".1/24"),
            (self._space, "down", inner + ".2/24"),
        )
        for space, device, address in ends:
            _run("ip", "-n", space, "address", "add", address, "dev", device)
            _run("ip", "-n", space, "link", "set", "dev", device, "up", "mtu", 1500, "gso_max_segs", 1)
        _run("ip", "-n", self._near, "route", "add", inner + ".0/24", "via", outer + ".2")
        _run("ip", "-n", self._space, "route", "add", outer + ".0/24", "via", inner + ".1")
        self._switch_on(self._router, "net/ipv4/ip_forward", "net/netfilter/nf_conntrack_acct")
        for space in (self._near, self._space):
            self._switch_on(space, "net/ipv4/tcp_no_metrics_save")  # no run is to learn from the one before

    @staticmethod
    def _switch_on(space, *paths):
        with inside(space):
            for path in paths:
                Path("/proc/sys", path).write_text("1", encoding="ascii")

    def _start_relay(self):
        command = [_delay_line(), self._router, "up", self._space, "down"]
        self._relay = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._stack.callback(self._end_relay)
        if self._relay.stdout.readline() != "ready\n":
            raise RuntimeError("the delay line did not start; its words are on stderr")

    def _end_relay(self):
        process.end(self._relay)
        self._relay.stdin.close()
        self._relay.stdout.close()

    def change(self, rate_bit_per_s=None, round_trip_ms=None, jitter_ms=0, loss_percent=None):
        """Change what is given, and leave the rest as it is."""
        if rate_bit_per_s is not None:
            for space, device in ((self._router, "up"), (self._space, "down")):
                self._limit(space, device, rate_bit_per_s)
        if round_trip_ms is not None:
            self._relay.stdin.write(f"{round(round_trip_ms * 500)} {round(jitter_ms * 500)}\n")
            self._relay.stdin.flush()
        if loss_percent is not None:
            self._loss_percent = loss_percent
            self._set_rules()

    def _limit(self, space, device, rate_bit_per_s):
        if not rate_bit_per_s:
            subprocess.run(["tc", "-n", space, "qdisc", "delete", "dev", device, "root"], capture_output=True)
            return
        queue = max(_QUEUE_BYTES, round(rate_bit_per_s / 8 * _QUEUE_S))
        burst = max(3200, rate_bit_per_s // 8 // 250)
        shape = ["rate", f"{rate_bit_per_s}bit", "burst", burst, "limit", queue]
        _run("tc", "-n", space, "qdisc", "replace", "dev", device, "root", "tbf", *shape)

    # Faults

    def black_hole(self):
        """Lose everything, and tell nobody."""
        self._break("drop")

    def reset(self):
        """Reset every connection as soon as something passes on it, and let none be made."""
        self._break("meta l4proto tcp reject with tcp reset")

    def cut_after(self, octets, by_reset=False):
        """Let no connection live beyond `octets` in both directions: it falls silent, or is reset, in mid-transfer."""
        self._break(f"meta l4proto tcp ct bytes > {octets} {'reject with tcp reset' if by_reset else 'drop'}")

    def mend(self):
        """Let everything pass again but what is lost by chance."""
        self._break(None)

    def _break(self, rule):
        self._fault = rule
        self._set_rules()

    def _set_rules(self):
        rules = [self._fault] if self._fault else []
        if self._loss_percent:
            rules.append(f"numgen random mod 1000 < {round(self._loss_percent * 10)} drop")
        chain = "\n".join(["type filter hook forward priority 0; policy accept;", *rules])
        table = "table inet faults"
        given = f"{table} {{}}\ndelete {table}\n{table} {{\nchain forward {{\n{chain}\n}}\n}}\n"
        with inside(self._router):
            _run("nft", "-f", "-", given=given)

    # What passed

    def octets_out(self):
        """How many octets, with the headers of all frames, the box has sent into the line; lost ones count."""
        (link,) = json.loads(_run("ip", "-n", self._router, "-s", "-j", "link", "show", "dev", "in"))
        return link["stats64"]["rx"]["bytes"]

