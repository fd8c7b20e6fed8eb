"""What the console costs: memory, the first page, and receiving while fifty pages that update themselves are open."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import sys
import time

from tests.bench import material, measure
from tests.bench.table import Row
from tests.support import dcmtk, process
from tests.support.console import Console
from tests.support.service import Service, destination, route

_PAGES = 50
_LOOKED_AT = ("/live/home", "/live/queue")  # in turn
_TIMES = 4  # so many times the series, so that a run lasts for more than one update


def console(bench):
    """Measure it; runs with and without pages take turns, either first in every other round."""
    with Service(bench.fresh(bench.memory), env=bench.installed) as without:
        alone = measure.settled_memory(without.pid)
        without.stop()
    shutil.rmtree(without.folder)
    with Console(bench.fresh(bench.memory), env=bench.installed) as made:
        idle = measure.settled_memory(made.box.pid)
        first_s = _page_seconds(made)
        made.claim()
        made.get("/")
        seen = measure.settled_memory(made.box.pid)
        made.box.stop()
    shutil.rmtree(made.box.folder)
    (closed, closed_cpu), (opened, opened_cpu) = _receive(bench)
    what = f"{bench.series('ct')[1] * _TIMES} CT of 0.5 MB while {_PAGES} live pages are open"
    return [
        _memory("memory that the console adds before anybody looks", idle, alone, 8),
        _memory("memory that the console adds once it was looked at", seen, alone, None),
        Row("console", "from connecting to the first page ever, with TLS", "s", "", None, first_s, 0.3, False, ""),
        Row("console", f"receive {what}", "objects/s", "no page", closed, opened, 0.95, True, ""),
        Row("console", f"CPU, {what}", "s per GB", "no page", closed_cpu, opened_cpu, None, False, ""),
    ]


def _memory(what, found, alone, target):
    added = (found.rss_bytes - alone.rss_bytes) / 1e6
    note = f"{(found.anonymous_bytes - alone.anonymous_bytes) / 1e6:.1f} MB of it anonymous"
    return Row("console", what, "MB", "", None, added, target, False, note)


def _receive(bench):
    """Return the best (objects/s, CPU seconds of the box per GB) without pages, and with them, of a box each round."""
    folder, count = bench.series("ct")
    paths = sorted(folder.iterdir())
    best = {}
    for turn in range(bench.rounds):
        archive = destination("archive", process.free_port())  # nobody listens there: what is queued changes all along
        box = Console(bench.fresh(bench.memory), destinations=[archive], routes=[route("archive")], env=bench.installed)
        with box:
            box.claim()
            cookie = _cookie(box)
            _send(bench, box, paths)  # pages that were never touched are slower for whoever comes first
            for is_open in (False, True) if turn % 2 else (True, False):
                with _looking(box, cookie) if is_open else contextlib.nullcontext():
                    rate, cpu = _send(bench, box, paths)
                fastest, cheapest = best.get(is_open, (rate, cpu))
                best[is_open] = max(rate, fastest), min(cpu, cheapest)
            box.box.stop()
        shutil.rmtree(box.box.folder)
    return best[False], best[True]


def _send(bench, box, paths):
    """Send objects that the box has not seen before; return (objects/s, CPU seconds of the box per GB)."""
    folders = [bench.fresh(bench.memory) for _ in range(_TIMES)]
    sent = [each for folder in folders for each in material.ct_fresh(paths, folder)]
    size = sum(each.stat().st_size for each in sent)
    before = measure.cpu_seconds(box.box.pid)
    seconds = dcmtk.send(dcmtk.STORESCU, box.box.port, folders)
    cpu = measure.cpu_seconds(box.box.pid) - before
    for folder in folders:
        shutil.rmtree(folder)
    return len(sent) / seconds, cpu / (size / 1e9)


def _page_seconds(made):
    begun = time.perf_counter()
    with _connected(made) as peer:
        peer.sendall(b"GET /claim HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        while peer.recv(65536):
            pass
    return time.perf_counter() - begun


def _connected(made):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", made.port), timeout=20))


def _cookie(made):
    lines = made.jar.read_text(encoding="ascii").splitlines()
    return [line.split("\t")[-1] for line in lines if "__Host-edge\t" in line][0]


@contextlib.contextmanager
def _looking(made, cookie):
    """Fifty pages that have all of their content, and are told more before the block ends."""
    paths = [_LOOKED_AT[number % len(_LOOKED_AT)] for number in range(_PAGES)]
    command = [sys.executable, "-m", "tests.bench.looking", str(made.port), cookie, *paths]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as looker:
        if looker.stdout.readline() != "open\n":
            raise RuntimeError("the pages cannot be looked at")
        try:
            yield
        finally:
            said, _ = looker.communicate()
        *messages, _ = [int(each) for each in said.split()]
        if not all(messages):
            raise RuntimeError(f"{messages.count(0)} of {_PAGES} pages were not told what had changed")
