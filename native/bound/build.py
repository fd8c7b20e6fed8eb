"""Build the bound codecs with cffi in API mode, each as an optional extension; run as a script, say which are there.

`edge._openjpeg`, `edge._openjph` and `edge._jpeg` have the functions of edge_bound.h, and nothing of one depends on
another: where a library is missing its extension is left out, and `report` says what would mend that.
`edge._confine` takes rights away from the process that runs them.
"""

import importlib.util
import shutil
import sys
import sysconfig
from collections import namedtuple
from pathlib import Path

HERE = Path(__file__).resolve().parent
WARNINGS = ("-Wall", "-Wextra", "-Wconversion")
PREFIXES = ("/usr/include", "/usr/local/include")

# extension: its module; source: in this folder; library: what it is linked with; header: what it must find, below a
# folder for headers; package: Debian's, with what else it takes; what: what is lost without it
Bound = namedtuple("Bound", "extension source library header package what")
BOUND = (
    Bound("edge._openjpeg", "openjpeg.c", "openjp2", "openjpeg-2.*/openjpeg.h", "libopenjp2-7-dev", "JPEG 2000"),
    Bound("edge._openjph", "openjph.cpp", "openjph", "openjph/ojph_codestream.h", "libopenjph-dev g++", "HTJ2K"),
    Bound("edge._jpeg", "jpeg.c", "jpeg", "jpeglib.h", "libjpeg62-turbo-dev", "lossy JPEG"),
)


def header_folder(bound):
    """Return the folder to put into the compiler's path for this library's header, or None where it is missing."""
    places = (*PREFIXES, "/usr/include/" + str(sysconfig.get_config_var("MULTIARCH")))
    for place in places:
        found = sorted(Path(place).glob(bound.header))
        if found:
            return str(found[-1].parent if "*" in bound.header else place)
    return None


def _declarations(header):
    """Return a header without its preprocessor lines and what they wrap around C++: what cffi takes."""
    kept, hidden = [], False
    for line in (HERE / header).read_text(encoding="ascii").splitlines():
        if line.startswith("#ifdef __cplusplus"):
            hidden = True
        elif line.startswith("#endif"):
            hidden = False
        elif not hidden and not line.startswith("#"):
            kept.append(line)
    return "\n".join(kept)


def _builder(bound):
    from cffi import FFI

    builder = FFI()
    builder.cdef(_declarations("edge_bound.h"))
    folder = header_folder(bound)
    is_cpp = bound.source.endswith(".cpp")
    builder.set_source(
        bound.extension,
        '#include "edge_bound.h"',
        # Relative to the project: setuptools refuses absolute paths, and always builds from there.
        sources=["native/bound/" + bound.source],
        include_dirs=["native/bound"] + ([folder] if folder and folder != "/usr/include" else []),
        libraries=[bound.library, "m"],
        extra_compile_args=["-O3", "-fvisibility=hidden", *WARNINGS],
        language="c++" if is_cpp else "c",
        optional=True,
    )
    return builder


def openjpeg():
    """Return the cffi builder of `edge._openjpeg`."""
    return _builder(BOUND[0])


def openjph():
    """Return the cffi builder of `edge._openjph`."""
    return _builder(BOUND[1])


def jpeg():
    """Return the cffi builder of `edge._jpeg`."""
    return _builder(BOUND[2])


def confine():
    """Return the cffi builder of `edge._confine`."""
    from cffi import FFI

    builder = FFI()
    builder.cdef(_declarations("edge_confine.h"))
    builder.set_source(
        "edge._confine",
        '#include "edge_confine.h"',
        sources=["native/bound/confine.c"],
        include_dirs=["native/bound"],
        extra_compile_args=["-O2", *WARNINGS],
        optional=True,
    )
    return builder


def report():
    """Return lines for a person: which of them are there, and for each other what is lost and what would mend it."""
    there, lines = [], []
    for bound in BOUND:
        if importlib.util.find_spec(bound.extension) is not None:
            there.append(bound.what)
            continue
        if header_folder(bound) is None:
            mend = f"apt-get install {bound.package}, then make clean setup"
        elif bound.source.endswith(".cpp") and shutil.which("c++") is None and shutil.which("g++") is None:
            mend = "there is no C++ compiler: apt-get install g++, then make clean setup"
        else:
            mend = "to see why: make clean setup PIP_FLAGS=-v"
        lines.append(f"native: no {bound.what}: {bound.extension} is not built; {mend}")
    if there:
        lines.insert(0, f"native: built, {', '.join(there)} by the libraries of this machine")
    return "\n".join(lines)


def packages():
    """Return a line for each library that is missing here: what for, without blanks, then Debian's packages for it."""
    if shutil.which("dpkg-query") is None:
        return []
    return [f"{each.what.replace(' ', '-')} {each.package}" for each in BOUND if header_folder(each) is None]


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1]))
    if sys.argv[1:] == ["--packages"]:
        sys.stdout.writelines(line + "\n" for line in packages())
    else:
        print(report())
