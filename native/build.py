"""Build the C extension `edge._native` with cffi in API mode; run as a script, say whether it is there.

`pip install` calls `extension`. The extension is optional: where no compiler or no Python.h is found the install goes
on without it, and the box takes the slower way in Python, or has none (the codecs).
"""

import shutil
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = (
    "crc32.c", "differences.c", "huffman.c", "jpeg_lossless_decoder.c", "jpeg_lossless_encoder.c",
    "jpeg_lossless_headers.c", "jpeg_ls_decoder.c", "jpeg_ls_encoder.c", "jpeg_ls_headers.c", "jpeg_ls_model.c",
    "jpeg_ls_ways.c", "lossless_codes.c", "packbits.c", "planes.c", "reconstruct.c", "result.c", "rle_decoder.c",
    "rle_encoder.c", "step.c", "stuffing.c",
)
# What make bench-codecs measures; jpeg_ls_ways.c raises it to -O3 for itself under gcc.
FLAGS = ("-std=c11", "-O2")
WARNINGS = ("-Wall", "-Wextra", "-Wconversion")


def declarations():
    """Return the header without its preprocessor lines: what cffi takes for declarations."""
    header = (HERE / "include" / "edge_codec.h").read_text(encoding="ascii")
    return "\n".join(line for line in header.splitlines() if not line.startswith("#"))


def extension():
    """Return the cffi builder of `edge._native`."""
    from cffi import FFI

    builder = FFI()
    builder.cdef(declarations())
    builder.set_source(
        "edge._native",
        '#include "edge_codec.h"',
        # Relative to the project: setuptools refuses absolute paths, and always builds from there.
        sources=["native/src/" + name for name in SOURCES],
        include_dirs=["native/include"],
        extra_compile_args=[*FLAGS, *WARNINGS],
        optional=True,
    )
    return builder


def report():
    """Return one line for a person: the extension is there, or what is slower without it and what would mend that."""
    try:
        from edge import _native
    except ImportError as missing:
        slower = "native: not built, so there are no codecs, and checksums take zlib (about seven times the time); "
        if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
            return slower + "Python.h is missing: apt-get install python3-dev, then make clean setup"
        if shutil.which("cc") is None:
            return slower + "there is no C compiler: apt-get install gcc libc6-dev, then make clean setup"
        return slower + "%s; to see why: make clean setup PIP_FLAGS=-v" % missing
    return "native: built, checksums by %s" % _native.ffi.string(_native.lib.edge_crc32_way()).decode("ascii")


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    print(report())
