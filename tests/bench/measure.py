"""Read what a run cost: time, CPU seconds, memory, bytes written. Linux's /proc is the only source."""

import os
import time
from collections import namedtuple
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_SCHEDULER_CLOCK = 2  # what clock_getcpuclockid(3) makes of a process: its time to the nanosecond

Memory = namedtuple("Memory", "rss_bytes peak_bytes anonymous_bytes")


def descendants(pid):
    """The ids of a process and all below it."""
    pids, waiting = [], [pid]
    while waiting:
        parent = waiting.pop()
        pids.append(parent)
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                waiting += [int(child) for child in Path(f"/proc/{parent}/task/{task}/children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return pids


def cpu_seconds(pid):
    """User and system time of a process with all its threads, and of its children, living and waited for."""
    total = 0.0
    for each in descendants(pid):
        try:
            own = time.clock_gettime(~each << 3 | _SCHEDULER_CLOCK)
            fields = Path(f"/proc/{each}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except (OSError, ProcessLookupError):
            continue
        total += own + (int(fields[13]) + int(fields[14])) / TICKS_PER_S
    return total


def memory(pid):
    """Resident set now, its peak since the last reset, and its anonymous part, of one process."""
    values = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in ("VmRSS", "VmHWM", "RssAnon"):
            values[name] = int(rest.split()[0]) * 1024
    return Memory(values["VmRSS"], values["VmHWM"], values["RssAnon"])


def settled_memory(pid, still_s=1.0, limit_s=30.0):
    """Memory of a process once its resident set has not changed for `still_s`; TimeoutError when it never rests."""
    seen = memory(pid)
    since = begun = time.monotonic()
    while time.monotonic() - since < still_s:
        time.sleep(0.05)
        now = memory(pid)
        if now.rss_bytes != seen.rss_bytes:
            seen, since = now, time.monotonic()
        if time.monotonic() - begun > limit_s:
            raise TimeoutError(f"the memory of process {pid} still changes after {limit_s} s")
    return seen


def reset_peak(pid):
    """Let VmHWM start again at what is resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def threads(pid):
    """How many threads a process has."""
    return len(os.listdir(f"/proc/{pid}/task"))


def octets_read(pid):
    """Octets that a process has read, from sockets too."""
    with open(f"/proc/{pid}/io", encoding="ascii") as file:
        return int(file.readline().split()[1])


def bytes_written(pid):
    """Bytes that a process and its children caused to be sent to the storage layer."""
    total = 0
    for each in descendants(pid):
        for line in Path(f"/proc/{each}/io").read_text().splitlines():
            if line.startswith("write_bytes:"):
                total += int(line.split()[1])
    return total


def disk_of(path):
    """The /sys folder of the block device that holds `path`, or None where there is none (tmpfs, overlay)."""
    device = os.stat(path).st_dev
    folder = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    return folder if folder.exists() else None


def sectors_written(path):
    """Bytes written to the block device below `path` since boot, journal and metadata included; None if unknown."""
    folder = disk_of(path)
    return int((folder / "stat").read_text().split()[6]) * 512 if folder else None


def interleave(rounds, *runs, costs=()):
    """Call every run once a round, in turn, and return the best of what each one returned.

    A run returns a number or a tuple of numbers: more is better, but less in the columns (numbers from 0) that `costs`
    names. Taking turns keeps a machine that slows down from favouring whoever came first; the best is taken because
    what else goes on in a shared machine only takes away, and on a virtual one halves every other round of the same
    program: a page that the host took back is ten times as dear at its next touch.
    """
    figures = [[] for _ in runs]
    for _ in range(rounds):
        for run, into in zip(runs, figures):
            result = run()
            into.append(result if isinstance(result, tuple) else (result,))
    best = [
        tuple((min if number in costs else max)(column) for number, column in enumerate(zip(*rows))) for rows in figures
    ]
    return [each if len(each) > 1 else each[0] for each in best]
