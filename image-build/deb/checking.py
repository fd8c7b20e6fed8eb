"""See that the package installs, starts, is upgraded with its data, and is removed without them, in a fresh Debian.

The system is a real one, with systemd as its first process and a network of its own: the unit runs as
it would anywhere. The stewards, which only an appliance has, are put beside it and asked, too.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
sys.path[1:1] = [str(PROJECT), *[str(PROJECT / each) for each in ("image-build", "image-build/program")]]

import pydicom.data  # noqa: E402

import archive  # noqa: E402
import roots  # noqa: E402
import stewards  # noqa: E402
from tests.support import process  # noqa: E402

STATE = "var/lib/edge"
READY_S = 120
_SYSTEM = ("systemd", "systemd-sysv", "dbus", *stewards.PACKAGES)


class System:
    """A fresh Debian in the folder `root`, while the `with` block lasts."""

    def __init__(self, root, release):
        self.root = root
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", '--aptopt=Apt::Install-Recommends "false"',
             f"--include={','.join(_SYSTEM)}", release, root, *archive.lines(release)],
            check=True,
        )  # fmt: skip
        self._booted = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.halt()

    def apt(self, *words):
        """Run apt-get in the system that does not run, on this machine's network; return what it said."""
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe", "-D", self.root,
                   "-E", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--quiet", *words]  # fmt: skip
        return roots.run(command, "apt-get " + words[0])

    def install(self, package):
        """Install or upgrade to a .deb."""
        shutil.copy2(package, self.root / "root")
        self.apt("update")
        self.apt("install", f"/root/{package.name}")

    def boot(self):
        """Let the system start, with a network of its own."""
        self._booted = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--boot",
             "-D", self.root],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._children = Path(f"/proc/{self._booted.pid}/task/{self._booted.pid}/children")
        process.wait_until(lambda: self._children.read_text(encoding="ascii"), 30, "the system's first process")

    def halt(self):
        """End the system in order."""
        if self._booted is not None:
            self._booted.terminate()
            self._booted.wait(120)
            self._booted = None

    def enter(self, *words, spaces=("--all",)):
        """Run a command in the running system, or in those of its name spaces; return the CompletedProcess."""
        first = self._children.read_text(encoding="ascii").split()[0]
        return subprocess.run(["nsenter", "--target", first, *spaces, *words], capture_output=True, text=True)

    def on_its_network(self, *words):
        """Run a command of this machine on the system's network; raises where it fails."""
        done = self.enter(*words, spaces=("--net",))
        if done.returncode:
            raise roots.Failed(f"{words[0]} failed: {done.stdout}{done.stderr}")

    def await_box(self):
        """Wait until systemd says that the service is active: it has said so itself."""
        try:
            process.wait_until(
                lambda: self.enter("systemctl", "is-active", "edge").stdout.strip() == "active",
                READY_S, "edge.service", 0.3,
            )
        except TimeoutError as error:
            words = self.enter("systemctl", "status", "--no-pager", "--full", "edge").stdout
            raise roots.Failed(f"{error}:\n{words}") from None

    def objects(self):
        """The objects that the box keeps, by name."""
        return sorted(path.name for path in (self.root / STATE).rglob("*.dcm"))


def main(arguments):
    """Check what the command line names; return the exit code."""
    parser = argparse.ArgumentParser(prog="image-build/deb/check", description=__doc__.split("\n", 1)[0])
    parser.add_argument("release", choices=("bookworm", "trixie"))
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path, help="a later revision")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="edge-deb-check-") as work:
            with System(Path(work, "root"), options.release) as system:
                _check(system, options.old, options.new)
    except (roots.Failed, AssertionError, TimeoutError, OSError, subprocess.CalledProcessError) as failure:
        print(f"the package is not good: {failure}", file=sys.stderr)
        return 1
    return 0


def _check(system, old, new):
    begun = time.monotonic()

    def say(what):
        print(f"{time.monotonic() - begun:5.1f} s  {what}", flush=True)

    image = pydicom.data.get_testdata_file("CT_small.dcm")
    system.install(old)
    system.boot()
    system.await_box()
    main = system.enter("systemctl", "show", "--property=MainPID", "--value", "edge").stdout.strip()
    user = system.enter("stat", "-c", "%U", f"/proc/{main}").stdout.strip()
    _must(user == "edge", f"the box runs as {user}")
    say("installed; the service is active")
    system.on_its_network("/usr/bin/echoscu", "-aec", "EDGE", "127.0.0.1", "11112")
    system.on_its_network("/usr/bin/storescu", "-aec", "EDGE", "127.0.0.1", "11112", image)
    kept = system.objects()
    _must(len(kept) == 1, f"one object was sent, {kept} is kept")
    for name in ("codecs", "status"):
        said = system.enter("setpriv", "--reuid=edge", "--regid=edge", "--init-groups", "edge", name, "--config",
                            f"/{STATE}/edge.toml")  # fmt: skip
        _must(said.stdout and (name == "status" or "OpenJPH" in said.stdout), f"edge {name}: {said.stdout}{said.stderr}")
    system.on_its_network("/usr/bin/curl", "--silent", "--insecure", "--output", "/dev/null", "https://127.0.0.1:8443/")
    say("an object was taken in, the console answers, all codecs are there")
    system.halt()
    system.install(new)
    system.boot()
    system.await_box()
    version = system.enter("dpkg-query", "-W", "-f", "${Version}", "edge").stdout
    _must(version == subprocess.check_output(["dpkg-deb", "-f", new, "Version"], text=True).strip(), version)
    _must(system.objects() == kept, "the upgrade lost objects")
    system.on_its_network("/usr/bin/storescu", "-aec", "EDGE", "127.0.0.1", "11112", image)
    say("upgraded; what was kept is there, and more is taken in")
    system.halt()
    stewards.lay_out(system.root)
    system.boot()
    system.await_box()
    stewards.check(system, say, _must)
    system.halt()
    system.boot()
    system.await_box()
    stewards.check_again(system, say, _must)
    gone = system.enter("apt-get", "--yes", "--quiet", "remove", "edge")
    _must(gone.returncode == 0, gone.stderr)
    _must(system.enter("systemctl", "is-active", "edge").stdout.strip() != "active", "the service goes on")
    _must(system.objects() == kept, "removing lost objects")
    _must(not (system.root / "usr/lib/edge").exists(), "removing left the program")
    say("removed; the objects are kept")
    gone = system.enter("apt-get", "--yes", "--quiet", "purge", "edge")
    _must(gone.returncode == 0 and "holds patients' objects" in gone.stderr + gone.stdout, gone.stdout + gone.stderr)
    _must(system.objects() == kept, "purging lost objects")
    say("purged; the objects are kept, and it was said")
    for each in (system.root / STATE).rglob("*.dcm"):
        each.unlink()
    system.halt()
    system.install(new)
    system.apt("purge", "edge")
    _must(not (system.root / STATE).exists(), "purging without objects leaves its folder")
    say("purged without objects; nothing is left")


def _must(holds, words):
    if not holds:
        raise roots.Failed(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
