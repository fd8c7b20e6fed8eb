"""python -m tests.bench.link [--only ROW]... [--share N] [--markdown FILE]: the box on long and thin lines.

A line is emulated as tests.support.network has it: namespaces, a router with tc's tbf and a queue of 0.2 s, a delay of
50 ms each way, packets of 1500 octets. Drain time is from the box's start to its last delivery, to DCMTK's storescp;
the peer is one TCP connection that carries the same octets through the same line, right before it.
"""

import argparse
import contextlib
import os
import random
import shutil
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

from edge.console import control
from tests.bench import material, measure, table
from tests.bench.table import Row
from tests.link import weather
from tests.support import dcmtk, process
from tests.support.network import Network
from tests.support.service import Service, destination, route

ROUND_TRIP_MS = 100
SIDE = 512
# Mbit/s: how many objects of 0.5 MB; 1,000 would take an hour and more at the first, a quarter of one at the second
COUNTS = {1: 40, 10: 200, 100: 1000}
ASSOCIATIONS = {1: (1,), 10: (1, 4), 100: (1, 8)}  # a thin line is full with one
TARGET = 0.95
CAP_BYTES_PER_S = 500_000
CAP_S = 20
WINDOW_S = 10
CAP_WITHIN = 0.05
STORM_S = 180
PORT = 11112
_PAUSE_S = 0.05
_TCP_BUFFER = "4194304"  # of storescp, which otherwise would not take more than 64 KB in a round trip


def _bulk(network, line, paths):
    """Seconds that one TCP connection takes for the octets of `paths`, from its first packet to the last answer."""
    with line.far():
        server = socket.create_server((line.address, PORT + 1))

    def serve():
        connected, _ = server.accept()
        with connected:
            while connected.recv(1 << 18):
                pass

    reader = threading.Thread(target=serve)
    reader.start()
    with network.near():
        begun = time.perf_counter()
        with socket.create_connection((line.address, PORT + 1)) as connected:
            for path in paths:
                with open(path, "rb") as file:
                    connected.sendfile(file)
            connected.shutdown(socket.SHUT_WR)
            connected.recv(1)
            seconds = time.perf_counter() - begun
    reader.join()
    server.close()
    return seconds


@contextlib.contextmanager
def _archive(line):
    """A discarding storescp at the other end, a process for each association."""
    before = os.environ.get("TCP_BUFFER_LENGTH")
    os.environ["TCP_BUFFER_LENGTH"] = _TCP_BUFFER
    try:
        with line.far(), dcmtk.Storescp(fork=True, port=PORT) as archive:
            yield archive
    finally:
        os.environ.pop("TCP_BUFFER_LENGTH")
        if before is not None:
            os.environ["TCP_BUFFER_LENGTH"] = before


def _await_delivered(box, count, limit_s):
    """Return when the box says that so many were delivered; asks it over its socket, as a process each time is dear."""

    def is_all():
        channel = control.connect(str(box.state_dir))
        try:
            answer = control.ask(channel, "status")
            while True:
                next(answer)
        except StopIteration as end:
            return end.value["destinations"][0]["jobs"]["delivered"] >= count
        finally:
            channel.close()

    process.wait_until(is_all, limit_s, f"{count} deliveries", _PAUSE_S)


class Bench:
    """Material in a folder in memory, and how much of it."""

    def __init__(self, folder, share):
        self.folder = Path(folder)
        self.share = share
        self._paths = []

    def paths(self, count):
        """The first `count` objects."""
        if len(self._paths) < count:
            self._paths = material.ct_series(self.folder / "ct", count, SIDE)
        return self._paths[:count]

    def box(self, network, line, paths, **more):
        """A box with the objects in its queue, not started."""
        folder = self.folder / "box"
        shutil.rmtree(folder, ignore_errors=True)
        table = destination("archive", PORT, host=line.address, **more)
        box = Service(folder, [table], [route("archive")])
        box.write_config()
        box.edge("send", "archive", *paths, limit_s=600)
        return box


def drain(bench):
    """Drain a queue of objects of 0.5 MB, against one TCP connection with the same octets."""
    rows = []
    for mbit, count in sorted(COUNTS.items(), reverse=True):
        paths = bench.paths(count // bench.share)
        size = sum(path.stat().st_size for path in paths)
        limit_s = 60 + 20 * size * 8 / (mbit * 1e6)
        with Network() as network:
            line = network.line(rate_bit_per_s=mbit * 10**6, round_trip_ms=ROUND_TRIP_MS)
            for associations in ASSOCIATIONS[mbit]:
                bulk = _bulk(network, line, paths)
                box = bench.box(network, line, paths, **_several(associations))
                with _archive(line), contextlib.ExitStack() as stack:
                    stack.callback(box.kill)
                    sent = line.octets_out()
                    with network.near():
                        box.start()
                    begun = time.perf_counter()
                    measure.reset_peak(box.pid)
                    _await_delivered(box, len(paths), limit_s)
                    seconds = time.perf_counter() - begun
                    sent = line.octets_out() - sent
                    peak = measure.memory(box.pid).peak_bytes
                rows.append(
                    Row(
                        "drain",
                        f"drain {len(paths)} CT of 0.5 MB, {mbit} Mbit/s, round trip {ROUND_TRIP_MS} ms, "
                        f"associations: {associations}",
                        "Mbit/s",
                        "one TCP connection",
                        size * 8e-6 / bulk,
                        size * 8e-6 / seconds,
                        TARGET if associations == max(ASSOCIATIONS[mbit]) else None,
                        True,
                        f"{seconds:.1f} s and {bulk:.1f} s; octets on the wire / payload {sent / size:.3f}; "
                        f"peak memory {peak / 1e6:.1f} MB",
                    )
                )
                print(table.plain(rows[-1:]), file=sys.stderr, flush=True)
    return rows


def _several(associations):
    return {"associations": associations} if associations > 1 else {}


def cap(bench):
    """Keep to a rate, as the line's counters see it: the worst ten seconds."""
    paths = bench.paths(60)
    with Network() as network:
        line = network.line(rate_bit_per_s=10**8, round_trip_ms=ROUND_TRIP_MS)
        box = bench.box(network, line, paths, rate_bytes_per_s=CAP_BYTES_PER_S, **_several(4))
        with _archive(line), network.near(), contextlib.ExitStack() as stack:
            stack.callback(box.kill)
            box.start()
            process.wait_until(lambda: line.octets_out() > CAP_BYTES_PER_S, 60, "the box to send")
            looks = []
            end = time.monotonic() + CAP_S
            while time.monotonic() < end:
                looks.append((time.monotonic(), line.octets_out()))
                time.sleep(0.2)
    worst = 0.0
    for at, before in looks:
        later = next((look for look in looks if look[0] >= at + WINDOW_S), None)
        if later:
            rate = (later[1] - before) / (later[0] - at)
            worst = max(worst, rate / CAP_BYTES_PER_S - 1, key=abs)
    what = f"rate cap of {CAP_BYTES_PER_S / 1e6} MB/s: worst deviation over {WINDOW_S} s, frames counted"
    return [Row("cap", what, "", "", None, abs(worst), CAP_WITHIN, False, f"{worst:+.3f}")]


def waste(bench):
    """Send over a line that loses a tenth and breaks in every way: how much of what was sent was sent in vain."""
    with weather.Place(bench.folder / "storm") as place:
        place.fill([48] * 20)
        place.start()
        weather.storm(place, random.Random(1), STORM_S / bench.share)
        place.await_drained(weather.BAD, 600)
        place.judge()
        cost = place.cost()
        place.box.kill()
    loss = weather.TERMS["loss_percent"]
    what = f"waste: objects sent again / all, {loss} % loss, 300 ms, 512 kbit/s, black holes and resets"
    return [Row("waste", what, "", "", None, cost.twice / cost.payload, None, False, weather.words(cost))]


ROWS = {"drain": drain, "cap": cap, "waste": waste}


def main():
    """Measure what was asked for and print it; return 0 when every row reached its target."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.link", description=__doc__.partition(":")[2])
    parser.add_argument("--only", action="append", choices=list(ROWS), help="measure this row only; may be repeated")
    parser.add_argument("--share", type=int, default=1, help="measure with the Nth part of the material")
    parser.add_argument("--markdown", metavar="FILE", help="write the table for the README there, too")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="edge-bench-", dir="/dev/shm") as folder:
        bench = Bench(folder, asked.share)
        for key in asked.only or ROWS:
            print(f"measuring: {ROWS[key].__doc__}", file=sys.stderr, flush=True)
            rows += ROWS[key](bench)
    print(table.machine() + "; " + table.versions())
    print(table.plain(rows))
    if asked.markdown:
        Path(asked.markdown).write_text(table.markdown(rows) + "\n", encoding="utf-8")
    return 0 if all(table.passed(row) for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
