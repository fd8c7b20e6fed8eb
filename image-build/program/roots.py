"""The build root: the files of a Debian release for one processor, without anything of them having been run.

`make` unpacks packages there, `enter` runs a command in it, cut off from the network and from the machine's processes.
A root for another processor is run by QEMU, registered in a user namespace of its own, so that the machine's own table
of interpreters stays as it was.
"""

import os
import shlex
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

import archive  # noqa: E402

# As the interpreter that the facts of emulation ask for: a newer processor authenticates pointers, at twice the time.
EMULATED = {"QEMU_CPU": "cortex-a53"}

# debian: the name of the processor at Debian; triplet: of its compiler; wheel: in the names of wheels;
# qemu, magic, mask: what emulates it and how the kernel knows its programs (binfmt_misc)
Processor = namedtuple("Processor", "debian triplet wheel qemu magic mask")
PROCESSORS = {
    "amd64": Processor(
        "amd64", "x86_64-linux-gnu", "x86_64", "qemu-x86_64-static",
        r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00",
        r"\xff\xff\xff\xff\xff\xfe\xfe\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff",
    ),
    "arm64": Processor(
        "arm64", "aarch64-linux-gnu", "aarch64", "qemu-aarch64-static",
        r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00",
        r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff",
    ),
}
# With no packages configured, nobody has merged these into /usr, and nobody has told the loader of folders.
_LINKS = ("bin", "lib", "lib64", "sbin")
# $1: the root; $2: what to tell the kernel of the processor, or nothing; then the command
_ENTER = """
set -eu
root=$1; register=$2; shift 2
if [ -n "$register" ]; then
    mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
    printf '%s' "$register" > /proc/sys/fs/binfmt_misc/register
fi
mount -t proc proc "$root/proc"
mount --bind /dev/null "$root/dev/null"
mount --bind /dev/urandom "$root/dev/urandom"
exec chroot "$root" "$@"
"""


class Failed(Exception):
    """A step could not be done; str() says which and what to do."""


def native():
    """Return the Processor of this machine, as Debian names it."""
    return subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()


def run(command, what, **options):
    """Run a command; raise Failed with its last words where it fails. Returns its output (str)."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    except FileNotFoundError:
        raise Failed(f"{what}: {command[0]} is not here: sh .ci/debian {what!r} with image-build/debian-packages") from None
    if done.returncode:
        words = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise Failed(f"{what} failed ({done.returncode}): {' '.join(map(str, command[:4]))} ...\n{words}")
    return done.stdout


def make(root, release, processor, packages):
    """Unpack `packages` of a Debian release, and all they depend on, into the new folder `root`.

    The packages themselves stay in var/cache/apt/archives of it, for who asks what came from where.
    """
    try:
        sources = archive.lines(release)
    except archive.Unknown as error:
        raise Failed(str(error)) from None
    run(
        [
            "mmdebstrap", "--quiet", "--variant=extract", "--mode=root", f"--architectures={processor.debian}",
            '--aptopt=Apt::Install-Recommends "false"', "--skip=cleanup/apt/cache,check/empty",
            f"--include={','.join(packages)}", release, str(root), *sources,
        ],
        "unpacking the build root",
    )
    for name in _LINKS:
        (root / "usr" / name).mkdir(exist_ok=True)
        if not (root / name).exists():
            (root / name).symlink_to("usr/" + name)
    for name in ("proc", "tmp"):
        (root / name).mkdir(exist_ok=True)
    for name in ("null", "urandom"):
        (root / "dev").mkdir(exist_ok=True)
        (root / "dev" / name).touch()


def enter(root, processor, command, environment, what):
    """Run a command in the root, with this environment only. Returns its output (str); raises Failed."""
    register = _register(processor)
    return run(
        [
            "unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--net",
            "sh", "-c", _ENTER, "sh", str(root), register, *command,
        ],
        what,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **EMULATED, **environment},
    )


def _register(processor):
    """Return what the kernel has to be told to run programs of a processor; "" for this machine's own."""
    if processor.debian == native():
        return ""
    qemu = f"/usr/bin/{processor.qemu}"
    if not os.access(qemu, os.X_OK):
        raise Failed(f"{qemu} is not here: apt-get install qemu-user-static")
    return f":edge-{processor.debian}:M::{processor.magic}:{processor.mask}:{qemu}:OCF"


def write_entry(path, root, processor, program, shown):
    """Write the command `path`, which runs `program` in the root as the same process, on this machine's network.

    shown: folders of this machine that are to be seen in the root by the same names, the program's among them.
    """
    register = _register(processor)
    lines = ["#!/bin/sh", "# Run a program where nothing is installed but what it needs.", "exec unshare --mount \\"]
    if register:
        lines[-1] = "exec unshare --user --map-root-user --mount \\"
    inside = ["set -e"]
    if register:
        inside += [
            "mount -t binfmt_misc none /proc/sys/fs/binfmt_misc",
            f"printf %s {shlex.quote(register)} > /proc/sys/fs/binfmt_misc/register",
        ]
    for each in ("/proc", "/dev", *map(str, shown)):
        Path(root, each.lstrip("/")).mkdir(parents=True, exist_ok=True)
        inside.append(f"mount --rbind {shlex.quote(each)} {shlex.quote(str(root) + each)}")
    inside.append(f'exec chroot {shlex.quote(str(root))} {shlex.quote(str(program))} "$@"')
    lines.append("    sh -c " + shlex.quote("\n".join(inside)) + ' edge "$@"')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(0o755)


def packages(root):
    """Return the packages (list of Path) that a root was unpacked from."""
    return sorted(Path(root, "var/cache/apt/archives").glob("*.deb"))
