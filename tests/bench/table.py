"""Print what was measured: for people at once, and as Markdown for the README."""

import datetime
import os
import platform
import re
import sqlite3
import subprocess
from collections import namedtuple

from edge import VERSION
from tests.support import dcmtk

# One line of the table. key: what --only takes; what: str; unit: str; peer: the peer's name; theirs, ours: numbers,
# theirs None where the target is absolute; target: the ratio or the number to reach; at_least: bool, whether more is
# better; note: str
Row = namedtuple("Row", "key what unit peer theirs ours target at_least note")

_HEADINGS = ("what", "unit", "peer", "theirs", "ours", "ratio", "target", "")


def figure(row):
    """What is held against the target: the ratio to the peer, or our own number."""
    return row.ours if row.theirs is None else row.ours / row.theirs


def passed(row):
    """Whether the row reaches its target; True for a row that has none."""
    if row.target is None:
        return True
    return figure(row) >= row.target if row.at_least else figure(row) <= row.target


def _number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cells(row):
    ratio = "" if row.theirs is None else f"{figure(row):.2f}"
    if row.target is None:
        target, verdict = "", ""
    else:
        target = f"{'>=' if row.at_least else '<='} {row.target:g}"
        verdict = "pass" if passed(row) else "MISS"
    return (row.what, row.unit, row.peer, _number(row.theirs), _number(row.ours), ratio, target, verdict)


def plain(rows):
    """The table for a terminal."""
    lines = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    text = []
    for number, line in enumerate(lines):
        cells = [
            cell.rjust(width) if 3 <= column <= 6 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        ]
        text.append("  ".join(cells).rstrip())
        if number == 0:
            text.append("  ".join("-" * width for width in widths))
        elif rows[number - 1].note:
            text.append("    " + rows[number - 1].note)
    return "\n".join(text)


def markdown(rows):
    """The table for the README, with the date, the machine and the versions above it."""
    lines = [f"Measured {datetime.date.today().isoformat()} by `make bench` on {machine()}; {versions()}.", ""]
    lines.append("| what | unit | peer | theirs | ours | ratio | target | |")
    lines.append("|---|---|---|--:|--:|--:|--:|---|")
    for row in rows:
        cells = list(_cells(row))
        if row.note:
            cells[0] += f" ({row.note})"
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def machine():
    """One phrase on the machine."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = re.search(r"model name\s*:\s*(.*)", file.read())
    with open("/proc/meminfo", encoding="ascii") as file:
        memory_kb = int(file.readline().split()[1])
    name = " ".join(model.group(1).split()) if model else platform.machine()
    return f"{os.cpu_count()} cores of {name}, {memory_kb / 1e6:.0f} GB, Linux {platform.release()}"


def versions():
    """The versions of what took part."""
    said = subprocess.run([dcmtk.STORESCP, "--version"], capture_output=True, text=True).stdout
    found = re.search(r"storescp v(\S+)", said)
    return (
        f"edge {VERSION}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"DCMTK {found.group(1) if found else 'unknown'}"
    )
