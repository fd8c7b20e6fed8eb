"""A machine of the test's own: namespaces with two networks, a real systemd-networkd on a bus of its own, a steward.

    modality  eth0 ──veth── eth0  box  eth1 ──veth── eth0  uplink

The box has a /run of its own, a host name of its own and a read-only /sys, by which networkd knows that there is no
udev to wait for. It needs root; whatever cannot be made raises. All processes end with it, by their ids.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from edge.steward import client
from tests.support.process import OWN_MOUNTS, end, wait_until

EDGE = str(Path(sys.executable).parent / "edge")
LIMIT_S = 30

_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
<allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/></policy></busconfig>
"""
_LISTEN = """
import socket, sys, threading
for number in sys.argv[1:]:
    one = socket.create_server(("0.0.0.0", int(number)))
    def serve(one=one):
        while True:
            one.accept()[0].close()
    threading.Thread(target=serve).start()
print("ready", flush=True)
"""
_REACH = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])).close()
    print("open")
except TimeoutError:
    print("dropped")
except OSError as error:
    print(error.strerror)
"""


def run(*words, given=None):
    """Run a program that must succeed; return what it wrote."""
    done = subprocess.run([str(each) for each in words], input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip()}{done.stdout.strip()}")
    return done.stdout


class Machine:
    """The box and both its networks. folder: of the test, which all of them see."""

    def __init__(self, folder):
        self.folder = folder
        self._name = f"edge-steward-{os.getpid()}"
        self._spaces = [f"{self._name}-{side}" for side in ("box", "modality", "uplink")]
        self._processes = []
        self._steward = None

    def __enter__(self):
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self._processes):
            end(process)
        for space in self._spaces:
            subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)

    def _make(self):
        box, *others = self._spaces
        for space in self._spaces:
            run("ip", "netns", "add", space)
            run("ip", "-n", space, "link", "set", "lo", "up")
        for number, other in enumerate(others):
            run("ip", "-n", box, "link", "add", f"eth{number}", "type", "veth", "peer", "eth0", "netns", other)
            run("ip", "-n", other, "link", "set", "eth0", "up")
        holder = self._start("ip", "netns", "exec", box, *OWN_MOUNTS, "--uts", "sleep", "infinity")
        name = Path(f"/proc/{holder.pid}/comm")
        wait_until(lambda: name.read_text(encoding="ascii").strip() == "sleep", LIMIT_S, "the box's namespaces")
        self._inside = ("nsenter", f"--target={holder.pid}", "--mount", "--uts", "--net")
        self.box("mount", "-t", "tmpfs", "run", "/run")
        self.box("mount", "-o", "remount,ro", "/sys")
        self.box("mkdir", "-p", "/run/systemd/network", "/run/dbus")
        (self.folder / "bus.conf").write_text(_BUS, encoding="ascii")
        self._start(*self._inside, "dbus-daemon", "--nofork", f"--config-file={self.folder}/bus.conf")
        root = Path(f"/proc/{holder.pid}/root")
        wait_until((root / "run/dbus/system_bus_socket").exists, LIMIT_S, "the bus")
        with open(self.folder / "networkd.log", "ab") as log:
            self._start(*self._inside, "/lib/systemd/systemd-networkd", stderr=log)
        wait_until(lambda: self._answers("networkctl", "reload"), LIMIT_S, "systemd-networkd")

    def _start(self, *words, **more):
        self._processes.append(subprocess.Popen([str(each) for each in words], **more))
        return self._processes[-1]

    def _answers(self, *words):
        return subprocess.run([*self._inside, *words], capture_output=True, check=False).returncode == 0

    def box(self, *words):
        """Run a program on the box; return what it wrote."""
        return run(*self._inside, *words)

    def read(self, path):
        """Return the text of a file as the box sees it, None where there is none."""
        try:
            return self.box("cat", path)
        except RuntimeError:
            return None

    def complaints(self):
        """Return what systemd-networkd said against its files since it was asked last."""
        log = self.folder / "networkd.log"
        lines = log.read_text(encoding="utf-8").splitlines()
        os.truncate(log, 0)
        return [line for line in lines if "/run/systemd/network/" in line and "onfiguring with" not in line]

    def at(self, side, *words):
        """Run a program on the "modality" or "uplink" side."""
        return run("ip", "netns", "exec", f"{self._name}-{side}", *words)

    def start_steward(self):
        """Start the steward for the network; what it keeps outlasts it."""
        environment = {**os.environ, "EDGE_STEWARD_STATE": str(self.folder / "state")}
        path = self.folder / "network.sock"
        self._steward = self._start(*self._inside, EDGE, "steward", "network", "--socket", path, env=environment)
        wait_until(lambda: self._is_answering(), LIMIT_S, "the steward")

    def _is_answering(self):
        try:
            return self.ask("state") is not None
        except client.Unreachable:
            return False

    def kill_steward(self):
        """End the steward as a crash or a power cut would."""
        self._steward.kill()
        self._steward.wait()

    def boot(self):
        """Do what the box does when it starts: /run is empty, no rules are loaded, then the steward's part."""
        self.box("rm", "-rf", "/run/edge", "/run/systemd/network")
        self.box("nft", "flush", "ruleset")
        self.box("env", f"EDGE_STEWARD_STATE={self.folder / 'state'}", EDGE, "steward", "network", "--start")
        self.box("networkctl", "reload")

    def ask(self, verb, **with_):
        """Ask the steward, and return its answer."""
        return client.answer(self.folder, "network", verb, **with_)

    def addresses(self, device):
        """Return the IPv4 addresses with their lengths that a device of the box has; None where there is no such."""
        for each in json.loads(self.box("ip", "-json", "address")):
            if each["ifname"] == device:
                return [f"{one['local']}/{one['prefixlen']}" for one in each["addr_info"] if one["family"] == "inet"]
        return None

    def has(self, device, *addresses):
        """Wait until a device has exactly these IPv4 addresses."""
        wait_until(lambda: self.addresses(device) == list(addresses), LIMIT_S, f"{addresses} on {device}")

    def listen(self, *ports):
        """Have something listen on these ports of the box, at every address."""
        self._listen(self._inside, ports)

    def listen_at(self, side, *ports):
        """The same on the "modality" or "uplink" side."""
        self._listen(("ip", "netns", "exec", f"{self._name}-{side}"), ports)

    def _listen(self, inside, ports):
        process = self._start(*inside, sys.executable, "-c", _LISTEN, *ports, stdout=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()

    def reach(self, side, address, port, within_s=5):
        """Say what a connection from a side comes to: "open", "dropped", or the kernel's words."""
        return self.at(side, sys.executable, "-c", _REACH, address, str(port), str(within_s)).strip()
