"""What is measured: each function here makes one or more rows of the table.

Peer and box take turns within a row, and each figure is the best of the rounds. The box gets an empty state for
every round, because the same SOP Instance UID a second time is another, shorter way through it.
"""

import functools
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from tests.bench import bare, material, measure
from tests.bench.console import console
from tests.bench.media import media
from tests.bench.scale import scale
from tests.bench.table import Row
from tests.bench.volumes import volumes
from tests.support import dcmtk, process
from tests.support.console import Console
from tests.support.service import Service, destination, route

CT_COUNT, CT_SIDE = 300, 512
SMALL_COUNT, SMALL_SIDE = 1000, 138
BIG_BYTES = 10**9
DELIVERY_LIMIT_S = 120
_CPU = 2  # its column in what to_storescp and to_box return


class Bench:
    """Where the material lies, how often each run is repeated, and how much of it there is."""

    def __init__(self, memory, disk, quick):
        self.memory = Path(memory)  # a folder of its own on tmpfs
        self.disk = Path(disk)  # a folder of its own on the real disk
        self.rounds = 1 if quick else 5
        self.share = 4 if quick else 1
        self._made = {}
        self._number = 0

    @functools.cached_property
    def installed(self):
        """The environment of a Service that finds itself compiled, as an installation is: to compile takes memory."""
        env = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(self.memory / "compiled")}
        with Console(self.fresh(self.memory), env=env) as made:
            made.claim()
            made.get("/")
            made.box.stop()
        return env

    def series(self, kind):
        """The folder and the number of objects of "ct" or "small", made on first use."""
        count, side = {"ct": (CT_COUNT, CT_SIDE), "small": (SMALL_COUNT, SMALL_SIDE)}[kind]
        count //= self.share
        if kind not in self._made:
            self._made[kind] = material.ct_series(self.memory / kind, count, side)
        return self.memory / kind, count

    def parts(self, kind, number):
        """`number` folders that together hold the objects of `kind`, and their total."""
        folder, count = self.series(kind)
        if (kind, number) not in self._made:
            for position, path in enumerate(self._made[kind]):
                part = self.memory / f"{kind}-{number}-{position % number}"
                part.mkdir(exist_ok=True)
                os.link(path, part / path.name)
            self._made[kind, number] = True
        return [self.memory / f"{kind}-{number}-{position}" for position in range(number)], count

    def big(self):
        """The large multi-frame's path, made on first use."""
        if "big" not in self._made:
            self._made["big"] = material.multi_frame(self.memory / "big" / "big.dcm", BIG_BYTES // self.share)
        return self._made["big"]

    def fresh(self, where):
        """A new folder name below `where`."""
        self._number += 1
        return where / f"run-{self._number}"


def _bytes_of(paths):
    return sum(file.stat().st_size for path in paths for file in ([path] if path.is_file() else path.iterdir()))


def _payload_of(paths):
    """Octets of the data sets alone, which is what every receiver reads at least."""
    return sum(
        file.stat().st_size - material.data_set_offset(file)
        for path in paths
        for file in ([path] if path.is_file() else path.iterdir())
    )


def _check(found, wanted, who):
    if found != wanted:
        raise RuntimeError(f"{who} has {found} objects, {wanted} were sent")


def _send_all(tool, port, groups, nagle):
    """Start one sender for each group of paths, at once; return the seconds until the last has ended."""
    begun = time.perf_counter()
    senders = [dcmtk.start_sender(tool, port, [group], nagle) for group in groups]
    for sender in senders:
        dcmtk.finish(sender)
    return time.perf_counter() - begun


def to_storescp(bench, groups, count, tool=dcmtk.STORESCU, nagle=False):
    """Send to `storescp +B` on tmpfs; return (objects/s, bytes/s, its CPU seconds per GB)."""
    folder = bench.fresh(bench.memory)
    size = _bytes_of(groups)
    with dcmtk.Storescp(folder, nagle=nagle) as scp:
        before = measure.cpu_seconds(scp.pid)
        seconds = _send_all(tool, scp.port, groups, nagle)
        cpu = measure.cpu_seconds(scp.pid) - before
    _check(len(list(folder.iterdir())), count, "storescp")
    shutil.rmtree(folder)
    return count / seconds, size / seconds, cpu / (size / 1e9)


def to_box(bench, groups, count, tool=dcmtk.STORESCU, nagle=False, where=None):
    """Send to the box; return (objects/s, bytes/s, its CPU seconds per GB)."""
    folder = bench.fresh(where or bench.memory)
    size = _bytes_of(groups)
    with Service(folder) as box:
        before = measure.cpu_seconds(box.pid)
        seconds = _send_all(tool, box.port, groups, nagle)
        cpu = measure.cpu_seconds(box.pid) - before
        _check(len(box.stored()), count, "the box")
        box.stop()
    shutil.rmtree(folder)
    return count / seconds, size / seconds, cpu / (size / 1e9)


def receive(bench):
    """Receive on tmpfs from storescu without Nagle, against storescp +B: objects/s, MB/s, CPU."""
    rows, cpu = [], {}
    for kind, words in (("ct", "CT of 0.5 MB"), ("small", "CT of 40 KB"), ("big", "one multi-frame of 1 GB")):
        folder, count = (bench.big(), 1) if kind == "big" else bench.series(kind)
        to_box(bench, [folder], count)  # pages that were never touched are slower for whoever comes first
        theirs, ours = measure.interleave(
            bench.rounds,
            lambda: to_storescp(bench, [folder], count),
            lambda: to_box(bench, [folder], count),
            costs=(_CPU,),
        )
        cpu[kind] = theirs[2], ours[2]
        if kind == "big":
            rows.append(
                Row("receive", f"receive {words}", "MB/s", "storescp +B", theirs[1] / 1e6, ours[1] / 1e6, 1.0, True, "")
            )
        else:
            rows.append(
                Row(
                    "receive", f"receive {count} {words}", "objects/s", "storescp +B", theirs[0], ours[0], 1.0, True, ""
                )
            )
    for kind, words in (("ct", "0.5 MB objects"), ("big", "1 GB object"), ("small", "40 KB objects")):
        target = None if kind == "small" else 0.75
        rows.append(Row("receive", f"CPU, {words}", "s per GB", "storescp +B", *cpu[kind], target, False, ""))
    return rows


def nagle(bench):
    """Receive the small objects from senders as DCMTK ships them, Nagle's algorithm on, against storescp as shipped."""
    folder, count = bench.series("small")
    part = bench.memory / "small-nagle"
    if not part.exists():
        part.mkdir()
        for path in sorted(folder.iterdir())[: count // 5]:
            os.link(path, part / path.name)
    rows = []
    for tool in (dcmtk.STORESCU, dcmtk.DCMSEND):
        theirs = to_storescp(bench, [part], count // 5, tool, nagle=True)
        ours = [to_box(bench, [folder], count, tool, nagle=True)[0] for _ in range(bench.rounds)]
        name = Path(tool).name
        rows.append(
            Row(
                "nagle",
                f"receive {count} CT of 40 KB from {name} with Nagle on",
                "objects/s",
                "",
                None,
                max(ours),
                100,
                True,
                f"storescp: {theirs[0]:.0f} objects/s",
            )
        )
    return rows


def durable(bench):
    """Receive on the real disk with one association and with four, against a bare loop of the same writes and syncs."""
    rows = []
    for kind, words in (("ct", "0.5 MB"), ("small", "40 KB")):
        folder, count = bench.series(kind)
        four, _ = bench.parts(kind, 4)
        octets = next(folder.iterdir()).read_bytes()

        def loop():
            scratch = bench.fresh(bench.disk)
            rate = bare.durable_loop(str(scratch), octets, count)
            shutil.rmtree(scratch)
            return rate

        loop()
        theirs, one, parallel = measure.interleave(
            bench.rounds,
            loop,
            lambda: to_box(bench, [folder], count, where=bench.disk)[0],
            lambda: to_box(bench, four, count, where=bench.disk)[0],
        )
        note = _disk_cost(bench, [folder], count, len(octets))
        rows.append(
            Row("durable", f"durable, {words}, 1 association", "objects/s", "bare loop", theirs, one, 1.0, True, note)
        )
        note = _disk_cost(bench, four, count, len(octets))
        rows.append(
            Row(
                "durable",
                f"durable, {words}, 4 associations",
                "objects/s",
                "1 association",
                one,
                parallel,
                2.0,
                True,
                note,
            )
        )
    return rows


def _disk_cost(bench, groups, count, size):
    """Syncs and bytes an object cost, from a run of its own: strace slows the box."""
    folder = bench.fresh(bench.disk)
    with Service(folder) as box:
        written = measure.bytes_written(box.pid)
        device = measure.sectors_written(folder)
        _send_all(dcmtk.STORESCU, box.port, groups, nagle=False)
        os.sync()
        written = measure.bytes_written(box.pid) - written
        device = None if device is None else measure.sectors_written(folder) - device
        box.stop()
    shutil.rmtree(folder)
    with Service(folder) as box, tempfile.NamedTemporaryFile() as summary:
        tracer = subprocess.Popen(
            ["strace", "-f", "-c", "-qq", "-o", summary.name, "-e", "trace=fsync,fdatasync", "-p", str(box.pid)]
        )
        process.wait_until(lambda: process.is_traced(box.pid), 10, "strace to attach")
        _send_all(dcmtk.STORESCU, box.port, groups, nagle=False)
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        rows = [line.split() for line in _text(summary.name).splitlines()]
        calls = {row[-1]: int(row[3]) for row in rows if row[-1:] in (["fsync"], ["fdatasync"])}
        box.stop()
    shutil.rmtree(folder)
    syncs = ", ".join(f"{calls.get(name, 0) / count:.2f} {name}" for name in ("fsync", "fdatasync"))
    on_device = "" if device is None else f", device {device / count / size:.2f}"
    return f"per object: {syncs}; bytes written / payload: process {written / count / size:.2f}{on_device}"


def _text(path):
    return Path(path).read_text(encoding="ascii", errors="replace")


class Sink(dcmtk.Storescp):
    """A discarding storescp, and the clock that both senders are held against: how fast it reads, once it reads.

    What a sender does before it sends, such as dcmsend's scan of the files, does not count. The octets that storescp
    has read are looked at every two milliseconds, and the rate is taken between the first and the last look.
    """

    def __enter__(self):
        super().__enter__()
        self._before = measure.octets_read(self.pid)
        self._looks = []
        self._stopped = False
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *exception):
        self._stopped = True
        self._watcher.join()
        super().__exit__(*exception)

    def _watch(self):
        while not self._stopped:
            read = measure.octets_read(self.pid) - self._before
            if read:
                self._looks.append((time.perf_counter(), read))
            time.sleep(0.002)

    def seconds(self, size):
        """Wait until `size` octets have been read and return how long reading so many took."""
        process.wait_until(lambda: self._looks and self._looks[-1][1] >= size, DELIVERY_LIMIT_S, "deliveries", 0.002)
        begun, read_before = self._looks[0]
        ended, read_after = next(look for look in self._looks if look[1] >= size)
        return (ended - begun) * size / (read_after - read_before)


def by_dcmsend(groups, count):
    """Send to a discarding storescp with dcmsend; return (objects/s, bytes/s, objects/s of the whole process)."""
    size = _payload_of(groups)
    with Sink() as sink:
        begun = time.perf_counter()
        sender = dcmtk.start_sender(dcmtk.DCMSEND, sink.port, groups)
        seconds = sink.seconds(size)
        dcmtk.finish(sender)
        whole = time.perf_counter() - begun
    return count / seconds, size / seconds, count / whole


class Filled:
    """A box whose queue holds objects for a destination, to be started as often as it takes to forward them."""

    def __init__(self, bench, groups, count):
        self.folder = bench.fresh(bench.memory)
        self.count = count
        self.size = _payload_of(groups)
        self.port = process.free_port()
        self.service = Service(self.folder, [destination("sink", self.port)], [route("sink")])
        self.service.write_config()
        self.service.edge("send", "sink", *groups, limit_s=600)
        self.kept = bench.fresh(bench.memory)
        self._copy(self.service.state_dir, self.kept)

    def refill(self):
        """Make everything due again."""
        shutil.rmtree(self.service.state_dir)
        self._copy(self.kept, self.service.state_dir)

    @staticmethod
    def _copy(state, into):
        """Copy a state, but link the objects, which nobody writes to."""

        def copy(source, target):
            (os.link if source.endswith(".dcm") else shutil.copy2)(source, target)

        shutil.copytree(state, into, copy_function=copy)

    def forward(self):
        """Forward everything to a discarding storescp; return (objects/s, bytes/s)."""
        self.refill()
        with Sink(port=self.port) as sink:
            self.service.start()
            seconds = sink.seconds(self.size)
            self.await_delivered()
            self.service.stop()
        return self.count / seconds, self.size / seconds

    def await_delivered(self):
        """Return when the box says that every object was delivered."""

        def delivered():
            return sum(job["state"] == "delivered" for job in self.service.queue()) == self.count

        process.wait_until(delivered, DELIVERY_LIMIT_S, f"{self.count} deliveries", 0.2)

    def remove(self):
        """Take its folders away."""
        shutil.rmtree(self.folder)
        shutil.rmtree(self.kept)


def forward(bench):
    """Forward from the queue to a discarding storescp, against dcmsend: objects/s and MB/s."""
    rows = []
    for kind, words in (("ct", "CT of 0.5 MB"), ("small", "CT of 40 KB"), ("big", "one multi-frame of 1 GB")):
        folder, count = (bench.big(), 1) if kind == "big" else bench.series(kind)
        filled = Filled(bench, [folder], count)
        filled.forward()
        theirs, ours = measure.interleave(bench.rounds, lambda: by_dcmsend([folder], count), filled.forward)
        filled.remove()
        note = f"dcmsend with its start and scan: {theirs[2]:.3g} objects/s"
        if kind == "big":
            figures = ("MB/s", "dcmsend", theirs[1] / 1e6, ours[1] / 1e6)
            rows.append(Row("forward", f"forward {words}", *figures, 1.0, True, note))
        else:
            figures = ("objects/s", "dcmsend", theirs[0], ours[0])
            rows.append(Row("forward", f"forward {count} {words}", *figures, 1.0, True, note))
    return rows


def memory(bench):
    """Resident memory of the idle box, and by how much its peak grows while a 1 GB object comes in, and goes out."""
    big = bench.big()
    with Service(bench.fresh(bench.memory), env=bench.installed) as box:
        idle = measure.settled_memory(box.pid)
        measure.reset_peak(box.pid)
        dcmtk.send(dcmtk.STORESCU, box.port, [big])
        received = measure.memory(box.pid).peak_bytes - idle.rss_bytes
        box.stop()
    shutil.rmtree(box.folder)
    filled = Filled(bench, [big], 1)
    filled.refill()
    with filled.service as box:  # nobody listens yet: the box waits for its next try
        waiting = measure.settled_memory(box.pid)
        measure.reset_peak(box.pid)
        with Sink(port=filled.port) as sink:
            sink.seconds(filled.size)
            filled.await_delivered()
        forwarded = measure.memory(box.pid).peak_bytes - waiting.rss_bytes
        box.stop()
    filled.remove()
    note = f"{idle.anonymous_bytes / 1e6:.1f} MB of it anonymous"
    return [
        Row("memory", "memory, idle", "MB", "", None, idle.rss_bytes / 1e6, 24, False, note),
        Row("memory", "memory, growth while 1 GB is received", "MB", "", None, received / 1e6, 2, False, ""),
        Row("memory", "memory, growth while 1 GB is forwarded", "MB", "", None, forwarded / 1e6, 2, False, ""),
    ]


def start(bench):
    """Wall time from the start of the command to the line that says ready: on an empty state, and on a full one."""
    folder, count = bench.series("small")
    box = Service(bench.fresh(bench.memory))
    empty = [_start_seconds(box) for _ in range(5)]
    box.start()
    dcmtk.send(dcmtk.STORESCU, box.port, [folder])
    box.stop()
    full = [_start_seconds(box) for _ in range(5)]
    shutil.rmtree(box.folder)
    return [
        Row("start", "from start to ready, empty state", "s", "", None, min(empty), 0.5, False, ""),
        Row("start", f"from start to ready, {count} objects", "s", "", None, min(full), 0.5, False, ""),
    ]


def _start_seconds(box):
    begun = time.perf_counter()
    box.start()
    seconds = time.perf_counter() - begun
    box.stop()
    return seconds


ROWS = {
    "receive": receive,
    "nagle": nagle,
    "durable": durable,
    "forward": forward,
    "memory": memory,
    "start": start,
    "scale": scale,
    "console": console,
    "media": media,
    "volumes": volumes,
}
