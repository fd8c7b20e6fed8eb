"""python -m tests.bench [--only ROW]... [--quick] [--markdown FILE] [--profile receive|forward]"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.bench import rows, table, where

_MEMORY = "/dev/shm"


def _arguments():
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure the box against other software."
    )
    parser.add_argument(
        "--only", action="append", choices=list(rows.ROWS), help="measure this row only; may be repeated"
    )
    parser.add_argument("--quick", action="store_true", help="one round and a quarter of the material")
    parser.add_argument("--rounds", type=int, help="rounds of each run; figures are the best of them")
    parser.add_argument("--markdown", metavar="FILE", help="write the table for the README there, too")
    parser.add_argument("--disk", default=".", help="a folder on the disk that durable receive is measured on")
    parser.add_argument("--profile", choices=list(where.RUNS), help="show where the box spends its time instead")
    return parser.parse_args()


def main():
    """Measure what was asked for and print it; return 0 when every row reached its target."""
    asked = _arguments()
    with (
        tempfile.TemporaryDirectory(prefix="edge-bench-", dir=_MEMORY) as memory,
        tempfile.TemporaryDirectory(prefix=".edge-bench-", dir=os.path.abspath(asked.disk)) as disk,
    ):
        bench = rows.Bench(memory, disk, asked.quick)
        if asked.rounds:
            bench.rounds = asked.rounds
        if asked.profile:
            print(where.RUNS[asked.profile](bench))
            return 0
        measured = []
        for key in asked.only or rows.ROWS:
            print(f"measuring: {rows.ROWS[key].__doc__}", file=sys.stderr, flush=True)
            measured += rows.ROWS[key](bench)
    print(table.machine() + "; " + table.versions())
    print(table.plain(measured))
    if asked.markdown:
        Path(asked.markdown).write_text(table.markdown(measured) + "\n", encoding="utf-8")
    return 0 if all(table.passed(row) for row in measured) else 1


sys.exit(main())
