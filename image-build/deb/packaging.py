"""Make the .deb for Debian and Raspberry Pi OS: the Python modules, on the Python and the libraries of that system.

The appliance has its program in one folder with an interpreter of its own; a system that somebody else keeps up to date
has an interpreter, an OpenSSL and codecs that are kept up to date with it, and the package takes those. It is made for
one release, since the libraries' names change between them. microdot, tomlkit and segno come along as they are pinned:
Debian has other versions of them, or none.

The C is compiled by this machine's compilers against the release's headers and libraries; nothing is emulated.
"""

import argparse
import email.utils
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
sys.path.insert(1, str(PROJECT / "image-build" / "program"))

import extensions  # noqa: E402
import making  # noqa: E402
import roots  # noqa: E402
from edge import VERSION  # noqa: E402

# release: (Debian's number, its Python)
RELEASES = {"bookworm": (12, "3.11"), "trixie": (13, "3.13")}
DEVELOPMENT = ("libopenjp2-7-dev", "libopenjph-dev", "libjpeg62-turbo-dev")
CARRIED = ("microdot", "tomlkit", "segno")
# Of the system: what Python does with cffi is done by its own.
DEPENDS = ("python3 (>= 3.11)", "python3-cffi", "python3-serial", "libc6 (>= 2.36)")


def main(arguments):
    """Make what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="image-build/deb/build", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--revision", type=int, default=1, help="of the package, for the same version of edge")
    parser.add_argument("processor", nargs="?", choices=sorted(roots.PROCESSORS), default=roots.native())
    parser.add_argument("release", nargs="?", choices=sorted(RELEASES), default="trixie")
    parser.add_argument("out", type=Path, help="the folder for the package")
    options = parser.parse_args(arguments)
    os.umask(0o022)
    try:
        if os.geteuid() != 0:
            raise roots.Failed("a root is unpacked as root: run this as root")
        options.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="edge-deb-") as work:
            made = _make(roots.PROCESSORS[options.processor], options.release, options.revision, Path(work))
            print(shutil.copy2(made, options.out))
    except (roots.Failed, OSError) as failure:
        print(f"the package was not made: {failure}", file=sys.stderr)
        return 1
    return 0


def _make(processor, release, revision, work):
    number, python = RELEASES[release]
    root, source = work / "root", work / "edge"
    roots.make(root, release, processor, (f"libpython{python}-dev", *DEVELOPMENT))
    shutil.copytree(HERE / "debian", source / "debian")
    tree = source / "tree"
    modules = tree / "usr" / "lib" / "edge"
    shutil.copytree(PROJECT / "edge", modules / "edge", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    extensions.build(root, processor, modules / "edge", work / "c")
    making.install_wheels(processor, modules, work / "wheels.json", python, CARRIED)
    for each in (*modules.glob("*.dist-info/licenses"), *modules.glob("bin")):
        shutil.rmtree(each)
    for each in (*modules.rglob("*.pyi"), modules / "segno/cli.py", modules / "segno/__main__.py"):
        each.unlink(missing_ok=True)
    _put(HERE / "launcher", tree / "usr/bin/edge", 0o755)
    _put(HERE / "edge.toml", tree / "usr/share/edge/edge.toml")
    shutil.copy2(PROJECT / "image-build/units/edge.service", source / "debian/edge.service")
    for name in ("edge.1", "README.Debian"):
        shutil.copy2(HERE / name, source / "debian" / name)
    (source / "debian/edge.manpages").write_text("debian/edge.1\n", encoding="ascii")
    date = making.source_date()
    (source / "debian/changelog").write_text(
        f"edge ({VERSION}-{revision}~deb{number}) {release}; urgency=medium\n\n  * See CHANGELOG.md of edge.\n\n"
        f" -- the edge authors <edge@localhost>  {email.utils.formatdate(date)}\n",
        encoding="ascii",
    )
    needed = sorted({*DEPENDS, *_linked(root, processor, modules / "edge")})
    (source / "debian/edge.depends").write_text(f"edge:Depends={', '.join(needed)}\n", encoding="ascii")
    roots.run(
        ["dpkg-buildpackage", "--build=binary", "--no-check-builddeps", "--no-sign", f"--host-arch={processor.debian}"],
        "packaging",
        cwd=source,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": str(date)},
    )
    (made,) = work.glob("edge_*.deb")
    return made


def _put(source, target, mode=0o644):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    target.chmod(mode)


def _linked(root, processor, folder):
    """Return the packages of the root that have the libraries which the extensions in `folder` are linked with."""
    wanted = set()
    for each in folder.glob("*.so"):
        said = roots.run(["objdump", "--private-headers", each], "reading the extensions")
        wanted |= {line.split()[1] for line in said.splitlines() if line.split()[:1] == ["NEEDED"]}
    found = set()
    for package in roots.packages(root):
        name = package.name.split("_")[0]
        listing = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True).stdout
        has = {line.split(None, 5)[5].split(" -> ")[0].rpartition("/")[2] for line in listing.splitlines()}
        if has & wanted and not name.endswith("-dev") and name != "libc6":
            found.add(name)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
