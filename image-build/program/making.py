"""Make the packaged program for one processor: a folder that runs on Debian 13 with nothing installed but NEEDED.

OUT/edge/          the folder: it goes to /usr/lib/edge, and `edge` in it is the command
OUT/edge.tar       the same as a file that is equal whenever its inputs are, with its SHA-256 in OUT/edge.tar.sha256
OUT/edge.cdx.json  what it is made of (CycloneDX)
OUT/edge.needs     the Debian packages that it needs of the system, one a line

The C is compiled by this machine's compilers, also for another processor; only PyInstaller runs in the build root.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bill
import extensions
import packing
import roots
from edge import VERSION

PROJECT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
RELEASE = "trixie"
PYTHON = "3.13"
# What the program binds, and what PyInstaller reads libraries with. Headers are for the compilers of this machine.
PACKAGES = (
    f"libpython{PYTHON}", f"libpython{PYTHON}-dev", f"libpython{PYTHON}-stdlib", "python3-minimal",
    "binutils", "bash", "libc-bin",
    "libopenjp2-7-dev", "libopenjph-dev", "libjpeg62-turbo-dev",
)  # fmt: skip
# Wheels of which nothing ends in the program. PyInstaller's own does: its first steps are the file `edge`.
MAKERS = ("altgraph", "packaging", "pyinstaller-hooks-contrib", "setuptools")
# Of the system, and not in the folder: every Debian system has them, they are kept up to date with it, and other
# programs share their memory. edge.spec names their libraries.
NEEDED = ("libc6", "libexpat1", "libgcc-s1", "libssl3t64", "libzstd1", "zlib1g")


def main(arguments):
    """Make what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="image-build/program/build", description=__doc__.split("\n", 1)[0])
    parser.add_argument("processor", nargs="?", choices=sorted(roots.PROCESSORS), default=roots.native())
    parser.add_argument("out", type=Path, help="the folder to make; it is replaced")
    options = parser.parse_args(arguments)
    os.umask(0o022)  # whatever the builder's is: it would be that of what is made
    try:
        if os.geteuid() != 0:
            raise roots.Failed("a build root is unpacked as root: run this as root")
        out = options.out.absolute()
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=out) as work:
            _make(roots.PROCESSORS[options.processor], out, Path(work))
    except (roots.Failed, OSError) as failure:
        print(f"the program was not made: {failure}", file=sys.stderr)
        return 1
    return 0


def _make(processor, out, work):
    begun = time.monotonic()
    date = source_date()

    def say(what):
        print(f"{time.monotonic() - begun:5.1f} s  {processor.debian}: {what}", flush=True)

    say(f"unpacking Debian {RELEASE}")
    root = work / "root"
    roots.make(root, RELEASE, processor, PACKAGES)
    place = root / "build"
    _lay_source(place / "source")
    say("getting the wheels")
    wheels = install_wheels(processor, place / "packages", work / "wheels.json")
    say("compiling the C")
    extensions.build(root, processor, place / "source" / "edge", work / "c")
    say("putting it together")
    made = _freeze(root, processor, date)
    say("writing it down")
    folder = out / "edge"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder, symlinks=True)
    packing.tidy(folder, date)
    digest = packing.pack(folder, out / "edge.tar", date)
    listed = bill.write(
        out / "edge.cdx.json", VERSION, folder, digest, root, processor, wheels, NEEDED, date
    )
    (out / "edge.needs").write_text("".join(f"{each}\n" for each in NEEDED), encoding="ascii")
    (out / "edge.tar.sha256").write_text(f"{digest}  edge.tar\n", encoding="ascii")
    size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    say(f"{out}/edge: {size / 1e6:.1f} MB of {listed} components, SHA-256 of edge.tar {digest}")


def source_date():
    """Return the time (s since 1970) that all files get: SOURCE_DATE_EPOCH, or that of the last commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    last = subprocess.run(["git", "-C", PROJECT, "log", "-1", "--format=%ct"], capture_output=True, text=True)
    if last.returncode:
        raise roots.Failed("the source is no clone of a repository: set SOURCE_DATE_EPOCH to its date (s since 1970)")
    return int(last.stdout)


def _lay_source(target):
    """Copy what is to be packaged: no tests, and nothing that was compiled for this machine."""
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyc")
    shutil.copytree(PROJECT / "edge", target / "edge", ignore=ignored)
    shutil.copytree(HERE, target / "image-build" / "program", ignore=ignored)


def install_wheels(processor, target, report, python=PYTHON, only=()):
    """Install the wheels into `target`; return [(name, version, SHA-256)] of those that end in the program.

    report: a file for pip's report; only: names of the wheels wanted, all without it.
    """
    wanted = report.with_suffix(".txt")
    text = (HERE / "requirements.txt").read_text(encoding="ascii")
    blocks = [each for each in re.split(r"\n(?=[a-z])", text) if "==" in each]
    wanted.write_text(
        "\n".join(each.split("\n#")[0] for each in blocks if not only or each.split("==")[0] in only), encoding="ascii"
    )
    platforms = [f"--platform={kind}_{processor.wheel}" for kind in ("manylinux2014", "manylinux_2_17")]
    roots.run(
        [
            sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile",
            "--no-deps", "--require-hashes", "--only-binary=:all:", f"--python-version={python}", *platforms,
            "--target", target, "--report", report, "-r", wanted,
        ],
        "getting the wheels",
    )  # fmt: skip
    found = []
    for each in json.loads(report.read_text(encoding="utf-8"))["install"]:
        digest = each["download_info"]["archive_info"]["hashes"]["sha256"]
        found.append((each["metadata"]["name"], each["metadata"]["version"], digest))
    return sorted(each for each in found if each[0].lower() not in MAKERS)


def _freeze(root, processor, date):
    """Run PyInstaller in the root; return the folder it made."""
    environment = {
        "EDGE_SOURCE": "/build/source",
        "HOME": "/tmp",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": "/build/source:/build/packages",
        "SOURCE_DATE_EPOCH": str(date),
    }
    command = [
        f"/usr/bin/python{PYTHON}", "-m", "PyInstaller", "--noconfirm", "--log-level=WARN", "--distpath=/build/dist",
        "--workpath=/build/work", "/build/source/image-build/program/edge.spec",
    ]  # fmt: skip
    said = roots.enter(root, processor, command, environment, "putting the program together")
    if said.strip():
        print(said.strip(), file=sys.stderr)
    return root / "build" / "dist" / "edge"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
