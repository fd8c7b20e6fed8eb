"""The role that sets the network up: on trial, and back by itself unless somebody confirms.

What was confirmed is in `network.json`, which a trial never touches; what is tried is in `trial.json`, written before
anything else is done. Files below /run and the kernel's rules are made anew from one of the two. So there is nothing to
undo step by step: going back means to apply what was confirmed and to remove the trial. When the machine starts, or the
steward after it was killed, and there is a trial, nobody can have confirmed it, and it is removed.

`confirm` replaces `network.json` by what was tried and then removes the trial; a power cut between leaves both, with
the same in them, and it stays confirmed.
"""

import json
import logging
import os
import secrets
import socket
import time

from edge.board import firewall, network, networkd, wireless
from edge.spool import writing
from edge.spool.disk import Disk
from edge.steward import programs, provisioning
from edge.steward.errors import Refused
from edge.steward.shapes import Argument, Role, State, Verb

_log = logging.getLogger("edge.steward")

STATE = "/var/lib/edge-steward"
RUN = "/run"
WITHIN_S = 120
LEAST_S, MOST_S = 10, 3600
_NFT, _NETWORKCTL, _SYSTEMCTL = "/usr/sbin/nft", "/usr/bin/networkctl", "/usr/bin/systemctl"
_IP = "/usr/bin/ip"
_PROGRAM_S = 30
_RETRY_S = 5
_READABLE, _PRIVATE, _OPEN_FOLDER = 0o644, 0o600, 0o755
_NETS = "/sys/class/net"


class Network(State):
    """The network as it was confirmed, and as it is tried.

    state: folder of what has to outlast the power; run_folder: /run; run: function of a program's words, as
    programs.run; rename: function of the machine's name; monotonic: s.
    """

    def __init__(self, state, run_folder, run=programs.run, rename=socket.sethostname, monotonic=time.monotonic):
        self._state = os.path.join(state, "network")
        self._run_folder = run_folder
        self._run = run
        self._name_machine = rename
        self._monotonic = monotonic
        self._disk = Disk()
        self._due = None
        self.trial = self._read("trial.json")
        self.confirmed = self._read("network.json")
        if self.trial is not None:
            self._due = self._monotonic()  # whoever tried it is gone

    # When the machine starts

    def start(self):
        """Apply what was confirmed, or what a box is like that nobody has set up, before networkd runs."""
        if self.trial is not None:
            self._forget("the box started anew before the change was confirmed")
        self._provision(*provisioning.place())
        wanted = self._network_of(self.confirmed)
        self._write(wanted)
        self._load_rules(wanted)
        self._rename(wanted)

    def _provision(self, path, state_dir):
        """Take in what whoever wrote the card left there for a box that has nothing of its own yet."""
        is_new = provisioning.is_new(state_dir)
        if self.confirmed is not None and not is_new:
            return
        settings, text, why = provisioning.read(path)
        if settings is not None and self.confirmed is None:
            mistakes = network.read(settings)[1]
            if mistakes:
                why = "; ".join(["%s: %s" % each for each in mistakes])
            else:
                self._save("network.json", settings)
                self.confirmed = settings
                _log.info("the network is set up as %s says", path)
        if text is not None and is_new:
            why = "; ".join([each for each in (why, provisioning.configure(state_dir, text)) if each]) or None
        if why is not None:
            words = "%s was not taken: %s" % (os.path.basename(path), why)
            self._save("went-back.json", {"why": words, "at": int(time.time())})
            _log.error("%s", words)

    # What there is

    def due_s(self):
        """Return in how many seconds the trial goes back, None without one."""
        return None if self._due is None else self._due - self._monotonic()

    def tick(self):
        """Let the trial go back."""
        self._due = self._monotonic() + _RETRY_S  # where this fails
        failed = self.trial.get("failed")
        self.revert("it could not be applied: %s" % failed if failed else "it was not confirmed in time")

    def is_ours(self):
        """Say whether the box has set the network up; on a machine of somebody's own it does so when it is asked."""
        return os.path.exists(self._rules())

    def show(self):
        """Return all that there is to know, without secrets."""
        running = self.trial["settings"] if self.trial else self.confirmed or network.standard()
        return {
            "is_ours": self.is_ours(),
            "settings": network.masked(running),
            "confirmed": network.masked(self.confirmed) if self.confirmed else None,
            "trial": self.trial and {"id": self.trial["id"], "left_s": max(0, round(self.due_s()))},
            "went_back": self._read("went-back.json"),
            "listens": self._listens(),
            "name": _name_of(self._network_of(running)),
            "interfaces": self._interfaces(),
        }

    def check(self, settings, address=None):
        """Return {"mistakes": [...], "warnings": [...]} of settings, for one who is connected to `address` or None."""
        wanted, mistakes = network.read(network.with_kept(settings, self.confirmed))
        found = [{"where": each.where, "words": each.words} for each in mistakes]
        return {"mistakes": found, "warnings": self._warnings(wanted, address) if wanted else []}

    def _warnings(self, wanted, address):
        warnings = []
        there = self._interfaces()
        for device in sorted({each.device for each in wanted.interfaces} - {network.ANY}):
            if device not in [each["device"] for each in there]:
                warnings.append("there is no %s now; it is set up as soon as there is" % device)
        if address is not None:
            at = [each["device"] for each in there if address in [one.partition("/")[0] for one in each["addresses"]]]
            former = self._network_of(self.trial["settings"] if self.trial else self.confirmed)
            words = network.cut_off(former, wanted, (address, at[0] if at else None))
            warnings += [words] if words else []
        return warnings

    # Changes

    def apply(self, settings, within_s=WITHIN_S, address=None):
        """Try settings; yields what is being done, and returns {"trial": id, "confirm_in_s", "warnings"}.

        within_s: how long, 0 for no trial. Raises Refused with every mistake, or why it does not work; then all is as
        it was.
        """
        if within_s and not LEAST_S <= within_s <= MOST_S:
            raise Refused("a trial takes %d to %d seconds, or 0 for none" % (LEAST_S, MOST_S))
        if self.trial is not None:
            raise Refused("a change of the network is on trial: confirm it or let it go back first")
        settings = network.with_kept(settings, self.confirmed)
        wanted, mistakes = network.read(settings)
        if mistakes:
            raise Refused("\n".join(["%s: %s" % each for each in mistakes]))
        warnings = self._warnings(wanted, address)
        self._run([_NFT, "-c", "-f", "-"], _PROGRAM_S, firewall.ruleset(wanted, self._listens()).encode())
        self._save("trial.json", {"id": secrets.token_hex(4), "settings": settings})
        self.trial = self._read("trial.json")
        self._due = self._monotonic() + (within_s or MOST_S)
        yield {"stage": "written down, so that it goes back whatever happens"}
        try:
            self._put(wanted)
        except (Refused, OSError) as error:
            self._take_back(error)
            raise Refused("the network is as it was: %s" % error) from None
        yield {"stage": "applied"}
        trial = self.trial["id"]
        if not within_s:
            self.confirm(trial)
            return {"trial": None, "confirm_in_s": None, "warnings": warnings}
        return {"trial": trial, "confirm_in_s": within_s, "warnings": warnings}

    def _take_back(self, error):
        """Go back from what could not be applied as a whole; Refused where that fails, too, and is tried again."""
        self.trial["failed"] = str(error)
        self._save("trial.json", self.trial)
        try:
            self.revert("it could not be applied: %s" % error)
        except (Refused, OSError) as failure:
            self._due = self._monotonic() + _RETRY_S
            words = "the change could not be applied as a whole (%s), nor taken back (%s): parts of it are in force"
            words += " until it goes back, which is tried every %d s"
            raise Refused(words % (error, failure, _RETRY_S)) from None

    def confirm(self, trial):
        """Let what is tried stay. Raises Refused."""
        self._must_be(trial)
        if "failed" in self.trial:
            raise Refused("this change was never applied as a whole (%s): it can only go back" % self.trial["failed"])
        self._save("network.json", self.trial["settings"])
        self.confirmed = self.trial["settings"]
        self._remove("trial.json")
        self._remove("went-back.json")
        self.trial = self._due = None
        _log.info("the changed network stays")

    def revert(self, why, trial=None):
        """Go back to what was confirmed, or to what a new box has. Raises Refused."""
        self._must_be(trial)
        self._put(self._network_of(self.confirmed))
        self._forget(why)

    def listen(self, listens):
        """Open what the box listens on, [(name, port, protocol)], and nothing else, from now on."""
        if sorted(listens) == sorted(self._listens()):
            return
        self._save("listens.json", sorted(listens))
        if self.is_ours():
            self._load_rules(self._network_of(self.trial["settings"] if self.trial else self.confirmed))

    def _must_be(self, trial):
        if self.trial is None:
            raise Refused("no change of the network is on trial: it was confirmed, or went back already")
        if trial not in (None, self.trial["id"]):
            raise Refused("another change of the network is on trial than the one you saw; look again")

    def _forget(self, why):
        self._remove("trial.json")
        self.trial = self._due = None
        self._save("went-back.json", {"why": why, "at": int(time.time())})
        _log.warning("the network went back to what it was: %s", why)

    # How it is done

    def _put(self, wanted):
        """Make the machine's network what a Network says."""
        gone, services = self._write(wanted)
        self._load_rules(wanted)
        self._rename(wanted)
        self._run([_NETWORKCTL, "reload"], _PROGRAM_S)
        for device in gone:
            if os.path.exists(os.path.join(_NETS, device)):
                self._run([_NETWORKCTL, "delete", device], _PROGRAM_S)
        for verb, unit in services:
            try:
                self._run([_SYSTEMCTL, verb, unit], _PROGRAM_S)
            except Refused as error:
                if verb == "restart":
                    raise
                _log.warning("%s reads its settings when it starts next: %s", unit, error)

    def _write(self, wanted):
        """Write the files of a Network; return (VLANs that are no more, [(verb, unit) whose files have changed])."""
        base = os.path.join(self._run_folder, "systemd")
        files = {os.path.join(base, path): (text, _READABLE) for path, text in networkd.files(wanted).items()}
        secret = os.path.join(self._run_folder, "edge", "network")
        for device, text in wireless.supplicants(wanted).items():
            files[os.path.join(secret, "wpa_supplicant-%s.conf" % device)] = text, _PRIVATE
        files[os.path.join(secret, "proxy.env")] = wireless.environment(wanted), _READABLE
        before = dict(self._ours(base, secret))
        changed = [path for path, (text, _) in files.items() if before.get(path) != text.encode()]
        for path in changed:
            text, mode = files[path]
            _make_folder(os.path.dirname(path))
            writing.replace(self._disk, path, text.encode(), mode)
            os.chmod(path, mode)  # whatever the mask of who started this: networkd is no root
        gone = [path for path in before if path not in files]
        for path in gone:
            writing.remove(self._disk, path)
        netdevs = [os.path.basename(path) for path in gone if path.endswith(".netdev")]
        vlans = [each[len(networkd.PREFIX) : -len(".netdev")] for each in netdevs]
        return vlans, _services(changed, gone)

    def _ours(self, base, secret):
        """Yield (path, octets) of every file that this wrote before."""
        folders = [os.path.join(base, each) for each in (networkd.NETWORK, networkd.RESOLVED, networkd.TIMESYNC)]
        for folder in [*folders, secret]:
            try:
                names = sorted(os.listdir(folder))
            except FileNotFoundError:
                continue
            for name in names:
                is_ours = name.startswith(networkd.PREFIX) or (folder == secret and name.startswith("wpa_supplicant-"))
                if is_ours or (folder == secret and name == "proxy.env"):
                    path = os.path.join(folder, name)
                    yield path, writing.read(self._disk, path)

    def _load_rules(self, wanted):
        rules = firewall.ruleset(wanted, self._listens()).encode()
        self._run([_NFT, "-f", "-"], _PROGRAM_S, rules)
        _make_folder(os.path.dirname(self._rules()))
        writing.replace(self._disk, self._rules(), rules)

    def _rules(self):
        return os.path.join(self._run_folder, "edge", "network", "rules.nft")

    def _rename(self, wanted):
        name = _name_of(wanted)
        if name != os.uname().nodename:
            self._name_machine(name)

    def _network_of(self, settings):
        """Return the Network of settings that were taken once; that of a new box where they cannot be any more."""
        found, mistakes = network.read(settings or network.standard())
        if mistakes:
            _log.error("the settings of the network are not usable any more: %s", mistakes[0].words)
            found, _ = network.read(network.standard())
        return found

    def _listens(self):
        return [tuple(each) for each in self._read("listens.json") or ()]

    def _interfaces(self):
        """Return what the kernel has: [{"device", "is_up", "mac", "addresses"}]."""
        try:
            found = json.loads(self._run([_IP, "-json", "address"], _PROGRAM_S))
        except (Refused, ValueError):
            return []
        return [
            {
                "device": each["ifname"],
                "is_up": each.get("operstate") == "UP",
                "mac": each.get("address", ""),
                "addresses": ["%s/%d" % (one["local"], one["prefixlen"]) for one in each.get("addr_info", ())],
            }
            for each in found
            if each.get("ifname") not in (None, "lo")
        ]

    # The files that outlast the power

    def _read(self, name):
        try:
            return json.loads(writing.read(self._disk, os.path.join(self._state, name)) or b"null")
        except ValueError:
            _log.error("%s in %s is damaged and counts as absent", name, self._state)
            return None

    def _save(self, name, found):
        path = os.path.join(self._state, name)
        self._disk.make_parents(path)
        writing.replace(self._disk, path, json.dumps(found).encode())

    def _remove(self, name):
        writing.remove(self._disk, os.path.join(self._state, name))


def _make_folder(path):
    """Have a folder that everybody may look into, whatever the mask of who started this."""
    if not os.path.isdir(path):
        os.makedirs(path)
        os.chmod(path, _OPEN_FOLDER)


def _services(changed, gone):
    """Return [(verb, unit)] for what has to read its files again."""
    units = []
    for folder, unit in (("resolved", "systemd-resolved.service"), ("timesyncd", "systemd-timesyncd.service")):
        if any(["/%s.conf.d/" % folder in path for path in [*changed, *gone]]):
            units.append(("try-restart", unit))
    for verb, paths in (("restart", changed), ("stop", gone)):
        for path in paths:
            name = os.path.basename(path)
            if name.startswith("wpa_supplicant-"):
                units.append((verb, "edge-wifi@%s.service" % name[len("wpa_supplicant-") : -len(".conf")]))
    return units


def _name_of(wanted):
    """Return the name of the box: that of its settings, or one by the number of its first network card."""
    if wanted.name:
        return wanted.name
    for device in sorted(os.listdir(_NETS)):
        if os.path.exists(os.path.join(_NETS, device, "device")):
            with open(os.path.join(_NETS, device, "address"), encoding="ascii") as file:
                return "edge-" + file.read().strip().replace(":", "")[-4:]
    return "edge"


def _state(state, _):
    return state.show()


def _check(state, request):
    return state.check(request["settings"], request.get("address"))


def _apply(state, request):
    return state.apply(request["settings"], request.get("within_s", WITHIN_S), request.get("address"))


def _confirm(state, request):
    state.confirm(request["trial"])
    return {}


def _revert(state, request):
    state.revert("somebody asked for it", request.get("trial"))
    return {}


def _listen(state, request):
    listens = request["listens"]
    if not isinstance(listens, list) or len(listens) > 64:
        raise Refused("listens of listen: expected a list")
    for each in listens:
        is_right = isinstance(each, list) and len(each) == 3 and each[0] in network.SERVICES
        is_right = is_right and type(each[1]) is int and 0 < each[1] < 65536
        if not is_right or each[2] not in firewall.PROTOCOLS:
            raise Refused("listens of listen: expected [name, port, protocol] each")
    state.listen([tuple(each) for each in listens])
    return {}


def place():
    """Return (folder that outlasts the power, /run), or what the environment says instead."""
    return os.environ.get("EDGE_STEWARD_STATE") or STATE, os.environ.get("EDGE_STEWARD_RUN") or RUN


def _open():
    return Network(*place())


def _start():
    _open().start()


_SETTINGS = Argument("settings", "any", "The settings of the network.")
_TRIAL = Argument("trial", "text", "The id of the trial.", like="[0-9a-f]{8}", most=8)
_ADDRESS = Argument("address", "text", "The box's address by which who asks is connected.", False, "[0-9a-fA-F.:%a-z]+")
_LISTENS = Argument("listens", "any", "What the box listens on: [name, port, protocol] each.")
ROLE = Role(
    "network",
    "sets the network up",
    (
        Verb("state", "says what is set up, and what the kernel has", _state, alone=False),
        Verb("check", "says what would be wrong with settings", _check, (_SETTINGS, _ADDRESS), alone=False),
        Verb(
            "apply",
            "tries settings",
            _apply,
            (_SETTINGS, Argument("within_s", "number", "How long; 0: they stay.", False, most=MOST_S), _ADDRESS),
        ),
        Verb("confirm", "lets what is tried stay", _confirm, (_TRIAL,)),
        Verb("revert", "goes back at once", _revert, (_TRIAL._replace(required=False),)),
        Verb("listen", "opens what the box listens on", _listen, (_LISTENS,)),
    ),
    _open,
    _start,
)
