"""Which Debian packages an image consists of, to the octet: resolved by apt, written down, and held to afterwards.

image-build/lock/BOARD-ARCH.txt has a line for each: role, name, version, SHA-256. The roles: `root` goes into the root
file system, `kernel` into the slot, `start` into the initramfs, `boot` onto the firmware partition.
"""

import re
import shutil
from collections import namedtuple
from pathlib import Path

import archive
from imaging import boards, steps
from imaging.steps import BuildError

HERE = Path(__file__).resolve().parents[1]
LOCKS = HERE / "lock"
SUITE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# role: see above; name, version: Debian's; digest: SHA-256 in hex
Package = namedtuple("Package", ("role", "name", "version", "digest"))


def path_of(board):
    """Return where a board's lock lies."""
    return LOCKS / f"{board.name}-{board.arch}.txt"


def read(board):
    """Return a board's lock as a list of Package; BuildError where there is none."""
    path = path_of(board)
    if not path.is_file():
        raise BuildError(f"{path.name} is missing; `image-build/build {board.name} --relock` writes it")
    lines = [line.split() for line in path.read_text(encoding="ascii").splitlines() if not line.startswith("#")]
    return [Package(*line) for line in lines if line]


def write(board, packages):
    """Write a board's lock, in one order."""
    LOCKS.mkdir(exist_ok=True)
    head = f"# Debian {SUITE} packages of {board.name}: role, name, version, SHA-256. --relock writes this.\n"
    rows = sorted(packages)
    path_of(board).write_text(head + "".join(" ".join(each) + "\n" for each in rows), encoding="ascii")


def wanted(board):
    """Return the names of the packages that a board's root is to have, beside what they depend on."""
    lines = (HERE / "packages").read_text(encoding="utf-8").splitlines()
    names = [line.split()[0] for line in lines if line and not line.startswith("#")]
    if "wifi" in boards.of_interfaces(board, "kind"):
        names += ["wpasupplicant", "wireless-regdb"]
    return names + boards.value(board, "network.firmware_packages", [])


class Apt:
    """apt with lists, states and caches of its own, for another release and another architecture."""

    def __init__(self, folder, arch):
        self.folder = Path(folder).resolve()
        self.arch = arch
        for each in ("etc", "state/lists/partial", "cache/archives/partial"):
            (self.folder / each).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").write_bytes(b"")
        source = "Types: deb\nURIs: {}\nSuites: {}\nComponents: main non-free-firmware\nSigned-By: " + KEYRING + "\n"
        try:
            text = [source.format(*each) for each in archive.suites(SUITE)]
        except archive.Unknown as error:
            raise BuildError(str(error)) from None
        (self.folder / "etc/debian.sources").write_text("\n".join(text), encoding="ascii")
        self._updated = False

    def __call__(self, tool, *arguments, folder=None):
        options = {
            "Dir::Etc": self.folder / "etc",
            "Dir::Etc::sourcelist": "debian.sources",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State": self.folder / "state",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder / "cache",
            "APT::Architecture": self.arch,
            "APT::Architectures": self.arch,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        return steps.run(tool, *words, "-q", *arguments, folder=folder)

    def update(self):
        """Fetch the lists of packages, once a build."""
        if not self._updated:
            self("apt-get", "update")
            self._updated = True

    def closure(self, names):
        """Return [(name, version)] of these packages and all that they need."""
        listed = self("apt-get", "install", "--yes", "--simulate", *names)
        return [(each[1], each[2]) for each in re.finditer(r"^Inst (\S+?)(?::\S+)? \((\S+)", listed, re.M)]

    def candidate(self, name):
        """Return (name, version) of one package as it is offered now; a meta package of kernels stands for its own."""
        shown = self("apt-cache", "show", "--no-all-versions", name)
        image = re.search(r"^Depends: (linux-image-\S+)", shown, re.M)
        if image and name.startswith("linux-image"):
            return self.candidate(image[1])
        return name, re.search(r"^Version: (\S+)", shown, re.M)[1]

    def digests(self, pairs):
        """Return the SHA-256 of each (name, version), in their order."""
        if not pairs:
            return []
        listed = self("apt-get", "download", "--print-uris", *[f"{name}={version}" for name, version in pairs])
        found = {
            file.split("_")[0]: digest
            for file, digest in re.findall(r"^'\S+' (\S+) \d+ SHA256:(\w+)", listed, re.M)
        }
        return [found[name] for name, _ in pairs]


def resolve(board, apt):
    """Ask the archive what a board's image consists of today; return a list of Package."""
    apt.update()
    roles = {"root": apt.closure(wanted(board)), "start": [apt.candidate("busybox-static")]}
    roles["kernel"] = [apt.candidate(boards.value(board, "boot.kernel_package"))]
    roles["boot"] = [apt.candidate(name) for name in _boot_packages(board)]
    found = []
    for role, pairs in roles.items():
        found += [Package(role, *pair, digest) for pair, digest in zip(pairs, apt.digests(pairs))]
    return found


def _boot_packages(board):
    """Return what the firmware partition is made of. On boards with UEFI it is our own program alone."""
    if boards.value(board, "boot.method") == "systemd-boot":
        return []
    own = boards.value(board, "boot.uboot_package")
    return ([own] if own else []) + boards.value(board, "boot.firmware_packages", [])


def fetch(packages, apt, cache):
    """Return {name: path} of the packages' files; those that `cache` does not have come from the archive.

    Raises BuildError where the archive no longer has what the lock says, or has other octets under its name.
    """
    cache.mkdir(parents=True, exist_ok=True)
    missing = [each for each in packages if not _kept(cache, each).exists()]
    if missing:
        apt.update()
        folder = apt.folder / "download"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            apt("apt-get", "download", *[f"{each.name}={each.version}" for each in missing], folder=folder)
        except BuildError as error:
            raise BuildError(
                f"{error}\nThe archive no longer has a version of the lock: build with --relock, and look at what"
                f" changes, or with a snapshot of that day: {' and '.join(archive.VARIABLES)} name one."
            ) from None
        fetched = {path.name.split("_")[0]: path for path in folder.glob("*.deb")}
        for each in missing:
            digest = steps.digest(fetched[each.name])
            if digest != each.digest:
                raise BuildError(f"{each.name} {each.version} has the SHA-256 {digest}, the lock says {each.digest}")
            fetched[each.name].rename(_kept(cache, each))
    return {each.name: _kept(cache, each) for each in packages}


def _kept(cache, package):
    return cache / f"{package.name}-{package.digest[:24]}.deb"
