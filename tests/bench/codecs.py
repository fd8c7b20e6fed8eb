"""python -m tests.bench.codecs [--only NAME]... [--rounds N] [--markdown FILE]: the codecs against their peers.

Each codec has a file `codec_NAME.py` beside this one with a function `measure(images, timer)` that returns Rows. A
peer and we take turns within each round, in one process on one processor, so that both have the same neighbours; the
best of all rounds counts. Calls go through the extension as the box uses it, the conversion of arguments included.
"""

import argparse
import importlib
import importlib.util
import math
import os
import pkgutil
import subprocess
import sys
import sysconfig
import time
from collections import namedtuple
from pathlib import Path

import data_store
import numpy
import pydicom

import tests.bench

# Native pixels as the data set has them. pixels: bytes, little endian; array: the same for numpy, unsigned
Image = namedtuple("Image", "name columns rows components bits_allocated bits_stored is_signed pixels array")

# One comparison. codec, image: str; direction: "encode" or "decode"; peer: its name; theirs, ours: megabytes of pixels
# a second; mean, each: the ratios to reach as a geometric mean over the images, and for every image, or None;
# their_compression, our_compression: how many times smaller the pixels became; note: str, e.g. the octets of state
Row = namedtuple(
    "Row", "codec image direction peer theirs ours mean each their_compression our_compression note", defaults=("",)
)

_PROJECT = Path(__file__).resolve().parents[2]
_IN_A_ROW = 3
NAMES = ("693_UNCR", "MR2_UNCR", "RG1_UNCR", "RG3_UNCR", "US1_UNCR")


def images(names=NAMES):
    """Yield the images of pydicom-data that all codecs are measured with."""
    folder = Path(data_store.__file__).parent / "data"
    for name in names:
        dataset = pydicom.dcmread(folder / f"{name}.dcm")
        samples = dataset.get("SamplesPerPixel", 1)
        shape = (dataset.Rows, dataset.Columns) + ((samples,) if samples > 1 else ())
        pixels = bytes(dataset.PixelData[: math.prod(shape) * dataset.BitsAllocated // 8])
        array = numpy.frombuffer(pixels, f"u{dataset.BitsAllocated // 8}").reshape(shape)
        yield Image(name, dataset.Columns, dataset.Rows, samples, dataset.BitsAllocated, dataset.BitsStored,
                    dataset.PixelRepresentation, pixels, array)  # fmt: skip


class Timer:
    """Time functions by turns."""

    def __init__(self, rounds):
        self.rounds = rounds

    def rates(self, image, **functions):
        """Return by name how many megabytes of the image each function does in a second, at its best.

        In each round a function is called some times in a row, so that it meets the caches as it left them and not as
        its peer did.
        """
        best = dict.fromkeys(functions, math.inf)
        for _ in range(self.rounds):
            for name, function in functions.items():
                for _ in range(_IN_A_ROW):
                    began = time.perf_counter()
                    function()
                    best[name] = min(best[name], time.perf_counter() - began)
        return {name: len(image.pixels) / 1e6 / seconds for name, seconds in best.items()}


def codecs():
    """The names of all codecs that can be measured."""
    return [name.removeprefix("codec_") for _, name, _ in pkgutil.iter_modules(tests.bench.__path__)
            if name.startswith("codec_")]  # fmt: skip


def mean(numbers):
    """The geometric mean."""
    return math.exp(sum(math.log(number) for number in numbers) / len(numbers))


def lines(rows):
    """The table: a list of lists of str, with a line of means behind each codec and direction; and what was missed."""
    table, missed = [], []
    groups = {}
    for row in rows:
        groups.setdefault((row.codec, row.direction, row.peer), []).append(row)
    for (codec, direction, peer), group in groups.items():
        ratios = [row.ours / row.theirs for row in group]
        for row, ratio in zip(group, ratios):
            verdict = ""
            if row.each is not None:
                verdict = "" if ratio >= row.each else f"below {row.each:g}"
                missed += [f"{codec} {direction} {row.image}"] * (ratio < row.each)
            sizes = [f"{times:.3f}" for times in (row.their_compression, row.our_compression)]
            table.append([codec, direction, row.image, peer, f"{row.theirs:,.0f}", f"{row.ours:,.0f}", f"{ratio:.2f}",
                          *sizes, verdict, row.note])  # fmt: skip
        wanted = group[0].mean
        verdict = "" if wanted is None else ("pass" if mean(ratios) >= wanted else "MISS") + f" (>= {wanted:g})"
        missed += [f"{codec} {direction}"] * (wanted is not None and mean(ratios) < wanted)
        table.append([codec, direction, "geometric mean", peer, "", "", f"{mean(ratios):.2f}", "", "", verdict, ""])
    return table, missed


HEADINGS = ["", "image", "peer", "theirs MB/s", "ours MB/s", "ratio", "compression", "ours", "target", ""]


def parted(table):
    """Yield (codec, its lines without its name)."""
    for codec in dict.fromkeys(line[0] for line in table):
        yield codec, [line[1:] for line in table if line[0] == codec]


def plain(table):
    """A table for a terminal for each codec."""
    text = []
    for codec, part in parted(table):
        part = [HEADINGS, *part]
        widths = [max(len(line[column]) for line in part) for column in range(len(HEADINGS))]
        text += ["", codec]
        text += ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in part]
    return "\n".join(text)


def markdown(table):
    """A table for a page for each codec."""
    rule = ["---", "---", "---", "--:", "--:", "--:", "--:", "--:", "---", "---"]
    text = []
    for codec, part in parted(table):
        text += [f"**{codec}**", "", *("| " + " | ".join(line) + " |" for line in [HEADINGS, rule, *part]), ""]
    return "\n".join(text).rstrip()


def machine():
    """What ran: processor, compiler and flags, date."""
    with open("/proc/cpuinfo", encoding="utf-8") as lines_of_it:
        model = next((line.split(":", 1)[1].strip() for line in lines_of_it if line.startswith("model name")), "?")
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    spec = importlib.util.spec_from_file_location("native_build", _PROJECT / "native" / "build.py")
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    return f"{time.strftime('%Y-%m-%d')}, {model}, one thread, {version}, {' '.join(recipe.FLAGS)}"


def main():
    """Measure, print, and return 0 when every target is reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.codecs")
    parser.add_argument("--only", action="append", choices=codecs(), help="this codec; may be repeated")
    parser.add_argument("--image", action="append", choices=NAMES, help="this image; may be repeated")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--markdown", metavar="FILE", help="write the table for the README there, too")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows = []
    for name in asked.only or codecs():
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        module = importlib.import_module(f"tests.bench.codec_{name}")
        rows += module.measure(list(images(asked.image or NAMES)), Timer(asked.rounds))
    table, missed = lines(rows)
    print(machine())
    print(plain(table))
    for each in missed:
        print("missed:", each)
    if asked.markdown:
        Path(asked.markdown).write_text(f"{machine()}\n\n{markdown(table)}\n", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
