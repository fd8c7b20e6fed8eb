"""Show where the box spends its time: one run of a row under a profiler, as a listing of functions."""

import io
import pstats
import sys
from pathlib import Path

from tests.bench import rows
from tests.support import dcmtk
from tests.support.service import Service

_PROFILED = Path(__file__).with_name("profiled.py")
_LINES = 45


def _listing(path, count):
    text = io.StringIO()
    stats = pstats.Stats(str(path), stream=text)
    stats.strip_dirs().sort_stats("tottime").print_stats(_LINES)
    return f"{text.getvalue()}\n(divide by {count} for one object)"


def _wrap(bench):
    into = bench.memory / "profile"
    return into, [sys.executable, str(_PROFILED), str(into)]


def _receive(kind):
    def run(bench):
        folder, count = (bench.big(), 1) if kind == "big" else bench.series(kind)
        into, wrap = _wrap(bench)
        with Service(bench.fresh(bench.memory), wrap=wrap) as box:
            dcmtk.send(dcmtk.STORESCU, box.port, [folder])
            box.stop()
        return _listing(into, count)

    return run


def _forward(kind):
    def run(bench):
        folder, count = (bench.big(), 1) if kind == "big" else bench.series(kind)
        into, wrap = _wrap(bench)
        filled = rows.Filled(bench, [folder], count)
        filled.service.wrap = wrap
        filled.forward()
        return _listing(into, count)

    return run


RUNS = {
    "receive-ct": _receive("ct"),
    "receive-small": _receive("small"),
    "receive-big": _receive("big"),
    "forward-ct": _forward("ct"),
    "forward-small": _forward("small"),
    "forward-big": _forward("big"),
}
