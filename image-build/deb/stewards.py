"""See that the stewards work in the units that an appliance has them in: each is asked by the box, or as the box.

The machine is a booted Debian of its own (checking.System), with a network card that leads nowhere, a card's settings
on its firmware partition's folder, and files in place of the partitions.
"""

import json
from pathlib import Path

import roots
from tests.support import process

IMAGE_BUILD = Path(__file__).resolve().parents[1]
UNITS = IMAGE_BUILD / "units"
PACKAGES = ("nftables", "iproute2", "e2fsprogs")  # what they run
_CARD = """\
[box]
ae_title = "CARD"

[network]
name = "edge-card"

[[network.interface]]
device = "eth0"
side = "modality"
addresses = ["192.168.7.1/24"]
"""
_LIMIT_S = 60
_ORDER = "/dev/disk/by-partlabel/bootstate"


def lay_out(root):
    """Put the units into a system that does not run, and a card's settings; the next start is that of an appliance."""
    roots.run([UNITS / "put", root], "putting the units")
    names = [path.name for path in [*UNITS.glob("edge-steward-*.socket"), UNITS / "edge-steward-network-start.service"]]
    roots.run(["systemctl", f"--root={root}", "enable", "systemd-networkd", *names], "enabling the units")
    for name in ("reset-ordered", "clock-behind"):
        target = root / "usr/libexec/edge" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((IMAGE_BUILD / "overlay/usr/libexec/edge" / name).read_bytes())
        target.chmod(0o755)
    (root / "boot/firmware").mkdir(parents=True)
    (root / "boot/firmware/edge-setup.toml").write_text(_CARD, encoding="ascii")


class Box:
    """The box of a running System, as its own user sees it."""

    def __init__(self, system):
        self._system = system

    def run(self, *words):
        """Run a command in the system as the box's user; return the CompletedProcess."""
        return self._system.enter("setpriv", "--reuid=edge", "--regid=edge", "--init-groups", *words)

    def edge(self, *words):
        """Run `edge` against the box that runs; return what it wrote. Raises Failed."""
        done = self.run("edge", words[0], "--config", "/var/lib/edge/edge.toml", *words[1:])
        if done.returncode:
            raise roots.Failed(f"edge {' '.join(words)}: {done.stdout}{done.stderr}{self.journal()}")
        return done.stdout

    def ask(self, role, verb):
        """Ask a steward over its socket; return its answer."""
        return json.loads(self.edge("steward", role, verb, "--json"))

    def journal(self):
        """What the stewards have logged."""
        return self._system.enter("journalctl", "--no-pager", "--boot", "--unit=edge-steward-*").stdout

    def is_network(self, name, address):
        """Say whether the machine is called `name` and has this address on its card."""
        shown = self._system.enter("ip", "-oneline", "address", "show", "eth0").stdout
        return self._system.enter("uname", "-n").stdout.strip() == name and f"inet {address} " in shown


def add_card(system):
    """Give the system a network card with a cable in it."""
    for words in (("add", "eth0", "type", "veth", "peer", "name", "far0"), ("set", "far0", "up")):
        system.on_its_network("ip", "link", *words)


def check(system, say, must):
    """Ask every role in a System that was laid out and has booted; say and must as checking has them."""
    box = Box(system)
    add_card(system)
    process.wait_until(lambda: box.is_network("edge-card", "192.168.7.1/24"), _LIMIT_S, "the network of the card", 0.3)
    text = system.enter("cat", "/var/lib/edge/edge.toml").stdout
    must('ae_title = "CARD"' in text, f"the card is not taken: {text}{box.journal()}")
    owner = system.enter("stat", "-c", "%U %a", "/var/lib/edge/edge.toml").stdout.strip()
    must(owner == "edge 600", f"the configuration from the card is {owner}")
    say("the network and the configuration are those of the card")

    def rules():
        return system.enter("nft", "list", "ruleset").stdout

    process.wait_until(lambda: "11112" in rules(), _LIMIT_S, "the box's port in the rules", 0.3)
    wanted = system.root / "var/lib/edge/network.toml"
    wanted.write_text(box.edge("network", "--toml").replace("7.1/24", "7.2/24"), encoding="utf-8")
    wanted.chmod(0o644)
    box.edge("network", "--apply", "/var/lib/edge/network.toml")
    process.wait_until(lambda: box.is_network("edge-card", "192.168.7.2/24"), _LIMIT_S, "the network on trial", 0.3)
    system.enter("systemctl", "kill", "--signal=KILL", "edge-steward-network.service")
    process.wait_until(lambda: box.is_network("edge-card", "192.168.7.1/24"), _LIMIT_S, "the network before", 0.3)
    must("went back" in box.edge("network"), "nobody says that the network went back")
    box.edge("network", "--apply", "/var/lib/edge/network.toml")
    box.edge("network", "--confirm")
    say("network: a trial whose steward was killed went back, one that was confirmed stays")
    must(box.ask("mounts", "list") == {"media": []}, "there is something to mount")
    refused = box.run("edge", "steward", "mounts", "mount", "device=sda1", "--json")
    must("is no stick, card or disc" in refused.stderr, f"mounts: {refused.stderr}")
    must("does not run from a slot" in box.edge("update", "--status"), "updating does not say why it cannot")
    state = box.ask("lamps", "state")
    must(state["lamps"] == [] and not state["button"], f"lamps: {state}")
    _check_reset(system, box, must)
    say("mounts, updating, lamps and resetting answer in their units")
    failed = system.enter("systemctl", "list-units", "--failed", "--plain", "--no-legend", "edge*").stdout
    must(not failed, f"failed: {failed}{box.journal()}")


def _check_reset(system, box, must):
    made = system.enter("sh", "-ec", f"mkdir -p {_ORDER.rpartition('/')[0]}; truncate -s 1M {_ORDER}; chmod 600 {_ORDER}")
    must(made.returncode == 0, made.stderr)
    must(box.ask("resetting", "state") == {"is_ordered": False}, "a reset is ordered that nobody ordered")
    must(system.enter("/usr/libexec/edge/reset-ordered").returncode == 1, "the start takes nothing for an order")
    must(box.ask("resetting", "order") == {"is_ordered": True}, "a reset cannot be ordered")
    must(system.enter("/usr/libexec/edge/reset-ordered").returncode == 0, "the start does not see the order")
    system.enter("truncate", "-s", "64M", "/root/data")
    done = system.enter("edge", "reset", "--now", "/root/data", "--if-ordered", _ORDER)
    must("factory reset done" in done.stdout, f"edge reset: {done.stdout}{done.stderr}")
    must(box.ask("resetting", "state") == {"is_ordered": False}, "the order stays when the reset is done")


def check_again(system, say, must):
    """See that what was confirmed is there after another start, before the network came up."""
    box = Box(system)
    add_card(system)
    process.wait_until(lambda: box.is_network("edge-card", "192.168.7.2/24"), _LIMIT_S, "what was confirmed", 0.3)
    active = system.enter("systemctl", "is-active", "edge-steward-network-start").stdout.strip()
    must(active == "active", f"edge-steward-network-start: {active}{box.journal()}")
    say("what was confirmed of the network is there at the next start")
    system.enter("systemctl", "stop", "edge-steward-*")  # they are not the package's, which is removed next
