"""The settings of the box's network: what there is to set, and everything that is wrong with it, in words.

A box stands between two networks that must not meet: the side of the modality, and the uplink. Each interface belongs
to one side; nothing is routed between them. Settings come as a dict, as TOML and JSON have it:

    name = "edge-ct1"                     [[interface]]                     [[interface]]
    ntp = ["10.0.0.1"]                    device = "eth0"                   device = "eth1"
                                          side = "modality"                 side = "uplink"
                                          addresses = ["192.168.7.1/24"]    service = "192.168.100.1/24"

An interface without addresses asks by DHCP, and takes a link-local address while nobody answers. This file is pure: it
knows settings, not the machine; `networkd`, `firewall` and `wireless` say what files they come to.
"""

import ipaddress
import re
from collections import namedtuple

ANY = "*"  # every interface with a cable, where only one is set up
SIDES = ("modality", "uplink", "both")
SERVICES = ("dicom", "console", "metrics", "relay", "ssh")  # what may be open, by name

# name: of the box, its mDNS name without `.local`; interfaces: tuple of Interface; dns, ntp: tuples of text; proxy: URL
# or None; proxy_except: tuple of text
Network = namedtuple("Network", ("name", "interfaces", "dns", "ntp", "proxy", "proxy_except"))
# device: the kernel's name; side: one of SIDES; vlan: 1 to 4094 or None; addresses, service: of ipaddress's interfaces;
# gateway: tuple of addresses; opens: names of SERVICES, None for all that the box listens on; wifi: Wifi or None
Interface = namedtuple(
    "Interface",
    (
        "device",
        "side",
        "vlan",
        "dhcp",
        "addresses",
        "gateway",
        "service",
        "dns",
        "ipv6",
        "mtu",
        "opens",
        "wifi",
    ),
)
# ssid, passphrase: text (the latter secret; None for an open network); hidden: truth; country: two letters or None
Wifi = namedtuple("Wifi", ("ssid", "passphrase", "hidden", "country"))
# where: the key, "interface 2.vlan"; words: what is wrong with it and what to do
Mistake = namedtuple("Mistake", ("where", "words"))

# name: of the key; kind: text, list, truth or number; meaning: a sentence, for whoever sets it
Key = namedtuple("Key", ("name", "kind", "meaning"))
KEYS = (
    Key("name", "text", "The name of the box, NAME.local on its networks; edge-XXXX by its serial number without it."),
    Key("dns", "list", "Name servers by their addresses; what DHCP on the uplink gives without any."),
    Key("ntp", "list", "Time servers, names or addresses; what DHCP on the uplink gives without any."),
    Key("proxy", "text", "The HTTP proxy for what the system's programs fetch, updates above all: http://HOST:PORT."),
    Key("proxy_except", "list", "Names and networks that are reached without the proxy."),
)
INTERFACE_KEYS = (
    Key("device", "text", "The interface by the kernel's name: eth0, wlan0, usb0; * alone for all with a cable."),
    Key("side", "text", "modality, uplink, or both where the box has one interface only."),
    Key("vlan", "number", "The VLAN's number, 1 to 4094, where it comes tagged."),
    Key("dhcp", "truth", "Whether the address comes by DHCP; true where no address is given."),
    Key("addresses", "list", "Fixed addresses with their length: 192.168.7.1/24."),
    Key("gateway", "list", "The router toward everything else; on the uplink only."),
    Key("service", "text", "An address that the box always has besides, to reach it by: 192.168.100.1/24."),
    Key("dns", "list", "Name servers that are asked by this interface."),
    Key("ipv6", "truth", "Whether it speaks IPv6; true without it."),
    Key("mtu", "number", "The largest packet, 576 to 9216 octets, where it is not the usual one."),
    Key("opens", "list", "What may be reached here, of dicom, console, metrics, relay, ssh; all without it."),
    Key("ssid", "text", "The name of the Wi-Fi."),
    Key("passphrase", "secret", "Its passphrase, 8 to 63 characters, or the key in 64 hexadecimal digits."),
    Key("hidden", "truth", "Whether the Wi-Fi hides its name."),
    Key("country", "text", "Where the radio is, two letters: DE, JP."),
)

_DEVICE = re.compile(r"[A-Za-z0-9_-]{1,15}")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.I)
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_PROXY = re.compile(r"http://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]{1,253}):([0-9]{1,5})/?")
_NAME_LIMIT = 15  # IFNAMSIZ without its end
_MOST_INTERFACES, _MOST_ITEMS = 16, 16
_CARRIER_SHARED = ipaddress.ip_network("169.254.0.0/16")


def standard():
    """Return the settings of a box that nobody has set up: DHCP wherever there is a cable."""
    return {"interface": [{"device": ANY, "side": "both"}]}


def read(settings):
    """Return (Network, []) of a dict, or (None, mistakes) with every Mistake there is; nothing of a secret in them."""
    reading = _Reading()
    network = reading.network(settings)
    if not reading.mistakes:
        reading.mistakes += _faults(network)
    return (None, reading.mistakes) if reading.mistakes else (network, [])


def label(interface):
    """Return the name of the kernel's interface that an Interface stands for: that of its VLAN where it has one."""
    return interface.device if interface.vlan is None else "%s.%d" % (interface.device, interface.vlan)


def with_kept(settings, former):
    """Return settings in which a Wi-Fi without passphrase has that which `former`, settings too, has for its name."""
    known = {
        each.get("ssid"): each["passphrase"]
        for each in (former or {}).get("interface", ())
        if isinstance(each, dict) and each.get("passphrase")
    }
    interfaces = settings.get("interface")
    if not isinstance(interfaces, list):
        return settings
    return {**settings, "interface": [_kept(each, known) for each in interfaces]}


def _kept(interface, known):
    if not isinstance(interface, dict) or "ssid" not in interface:
        return interface
    given, ssid = interface.get("passphrase"), interface["ssid"]
    if given is False:  # taken out
        return {name: value for name, value in interface.items() if name != "passphrase"}
    if given in (None, True) and isinstance(ssid, str) and ssid in known:  # true: as `masked` shows it
        return {**interface, "passphrase": known[ssid]}
    return interface


def has_secret(settings):
    """Say whether there is a secret in settings, None for none."""
    return any([isinstance(each, dict) and each.get("passphrase") for each in (settings or {}).get("interface", ())])


def masked(settings):
    """Return settings without their secrets: true stands where there is one, and is taken for "as it was"."""
    interfaces = [
        {name: value if name != "passphrase" else bool(value) for name, value in each.items()}
        for each in settings.get("interface", ())
    ]
    return {**settings, "interface": interfaces}


_GO_ON = "go on at its new address, or by the serial line"


def cut_off(former, network, addresses):
    """Return what of a change may cut off who makes it, in words; None where nothing of it does.

    former, network: Network; addresses: that of the box through which the person is connected just now, as text, and
    the name of its interface where it is known: (address, device or None). None where he is not on the network.
    """
    if addresses is None:
        return None
    text, device = addresses
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if address.is_loopback:
        return None
    if any([address == each.ip for interface in network.interfaces for each in _all(interface)]):
        return None
    names = {label(each) for each in network.interfaces}
    fixed = [label(each) for each in former.interfaces for one in _all(each) if one.ip == address] if former else []
    if fixed:
        return "you are connected by %s, which %s will not have any more: %s" % (address, fixed[0], _GO_ON)
    if device is not None and not {device, ANY} & names:
        return "you are connected by %s on %s, which will be off: %s" % (address, device, _GO_ON)
    same = [each for each in network.interfaces if label(each) in (device, ANY)]
    was = [each for each in former.interfaces if label(each) in (device, ANY)] if former else []
    if same and same[0].dhcp and was and was[0].dhcp:
        return None
    return "you are connected by %s, which the box may not have any more: %s" % (address, _GO_ON)


def _all(interface):
    return interface.addresses + ((interface.service,) if interface.service else ())


class _Reading:
    """Reads a dict key by key and collects what is wrong."""

    def __init__(self):
        self.mistakes = []

    def wrong(self, where, words):
        """Note a Mistake, and return None."""
        self.mistakes.append(Mistake(where, words))

    def network(self, found):
        """Return a Network as far as it can be read."""
        if not isinstance(found, dict):
            return self.wrong("network", "expected a table of settings")
        self._known("", found, [*KEYS, Key("interface", "list", "")])
        name = self._text(found, "", "name")
        if name is not None and not _NAME.fullmatch(name):
            self.wrong("name", "expected up to 63 letters, digits and hyphens, no hyphen first or last")
        proxy = self._text(found, "", "proxy")
        match = _PROXY.fullmatch(proxy) if proxy is not None else None
        if proxy is not None and (match is None or not 0 < int(match[2]) < 65536):
            self.wrong("proxy", "expected http://HOST:PORT, without a user and a password")
        interfaces = found.get("interface", [])
        if not isinstance(interfaces, list) or not 0 < len(interfaces) <= _MOST_INTERFACES:
            self.wrong("interface", "expected 1 to %d interfaces" % _MOST_INTERFACES)
            interfaces = []
        return Network(
            name,
            tuple([self._interface("interface %d." % number, each) for number, each in enumerate(interfaces, 1)]),
            tuple([str(each) for each in self._addresses(found, "", "dns")]),
            self._hosts(found, "", "ntp"),
            proxy,
            self._excepted(found),
        )

    def _interface(self, where, found):
        if not isinstance(found, dict):
            return self.wrong(where[:-1], "expected a table of settings")
        self._known(where, found, INTERFACE_KEYS)
        device = self._text(found, where, "device")
        if found.get("device") is None:
            self.wrong(where + "device", "is missing: which interface, such as eth0?")
        elif device is not None and device != ANY and (not _DEVICE.fullmatch(device) or device == "lo"):
            self.wrong(where + "device", "expected the name of an interface: up to 15 letters, digits, _ and -")
        side = self._text(found, where, "side") or "both"
        if side not in SIDES:
            self.wrong(where + "side", "expected one of " + ", ".join(SIDES))
        vlan = self._number(found, where, "vlan", 1, 4094)
        if vlan is not None and device is not None and len("%s.%d" % (device, vlan)) > _NAME_LIMIT:
            self.wrong(where + "vlan", "%s.%d is longer than the 15 characters of an interface's name" % (device, vlan))
        addresses = tuple(self._addresses(found, where, "addresses", ipaddress.ip_interface))
        service = self._addresses(found, where, "service", ipaddress.ip_interface)
        dhcp = self._truth(found, where, "dhcp", not addresses)
        if not dhcp and not addresses:
            self.wrong(where + "dhcp", "without DHCP it needs an address")
        opens = found.get("opens")
        if opens is not None:
            opens = self._hosts(found, where, "opens")
            for each in [each for each in opens if each not in SERVICES]:
                self.wrong(where + "opens", "expected some of %s; there is %.20r" % (", ".join(SERVICES), each))
        return Interface(
            device,
            side,
            vlan,
            dhcp,
            addresses,
            tuple(self._addresses(found, where, "gateway")),
            service[0] if service else None,
            tuple([str(each) for each in self._addresses(found, where, "dns")]),
            self._truth(found, where, "ipv6", True),
            self._number(found, where, "mtu", 576, 9216),
            opens,
            self._wifi(found, where),
        )

    def _wifi(self, found, where):
        ssid = self._text(found, where, "ssid")
        passphrase = found.get("passphrase")
        country = self._like(found, where, "country", re.compile("[A-Z]{2}"), "two capital letters, such as DE")
        hidden = self._truth(found, where, "hidden", False)
        if ssid is None:
            for name in ("passphrase", "hidden", "country"):
                if name in found:
                    self.wrong(where + name, "is for Wi-Fi, which needs ssid")
            return None
        if not 1 <= len(ssid.encode()) <= 32:
            self.wrong(where + "ssid", "expected 1 to 32 octets")
        if passphrase is not None and not _is_passphrase(passphrase):
            self.wrong(where + "passphrase", "expected 8 to 63 ASCII characters, or 64 hexadecimal digits")
        return Wifi(ssid, passphrase, hidden, country)

    def _known(self, where, found, keys):
        names = [each.name for each in keys]
        for name in found:
            if name not in names:
                self.wrong(where + str(name)[:40], "is no key; there are: " + ", ".join(names))

    def _text(self, found, where, name):
        value = found.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or not 0 < len(value) <= 255 or not value.isprintable():
            return self.wrong(where + name, "expected text of one line")
        return value

    def _like(self, found, where, name, pattern, words):
        value = self._text(found, where, name)
        if value is not None and not pattern.fullmatch(value):
            return self.wrong(where + name, "expected " + words)
        return value

    def _truth(self, found, where, name, otherwise):
        value = found.get(name, otherwise)
        return value if isinstance(value, bool) else self.wrong(where + name, "expected true or false")

    def _number(self, found, where, name, least, most):
        value = found.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and least <= value <= most):
            return value
        return self.wrong(where + name, "expected a whole number, %d to %d" % (least, most))

    def _items(self, found, where, name):
        value = found.get(name) or []
        value = [value] if isinstance(value, str) else value
        is_list = isinstance(value, list) and len(value) <= _MOST_ITEMS
        if not is_list or not all([isinstance(each, str) for each in value]):
            self.wrong(where + name, "expected a list of up to %d texts" % _MOST_ITEMS)
            return []
        return value

    def _addresses(self, found, where, name, kind=ipaddress.ip_address):
        made = []
        for each in self._items(found, where, name):
            try:
                if kind is ipaddress.ip_interface and "/" not in each:
                    raise ValueError
                made.append(kind(each))
            except ValueError:
                example = "192.168.7.1/24" if kind is ipaddress.ip_interface else "192.168.7.254"
                self.wrong(where + name, "expected addresses like %s; there is %.60r" % (example, each))
        return made

    def _hosts(self, found, where, name):
        hosts = []
        for each in self._items(found, where, name):
            if _HOST.fullmatch(each) or _is_address(each):
                hosts.append(each)
            else:
                self.wrong(where + name, "expected names or addresses; there is %.60r" % each)
        return tuple(hosts)

    def _excepted(self, found):
        made = []
        for each in self._items(found, "", "proxy_except"):
            if _HOST.fullmatch(each.lstrip(".")) or _is_address(each, ipaddress.ip_network):
                made.append(each)
            else:
                self.wrong("proxy_except", "expected names, .domains or networks; there is %.60r" % each)
        return tuple(made)


def _is_address(text, kind=ipaddress.ip_address):
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _is_passphrase(value):
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        return False
    return 8 <= len(value) <= 63 or (len(value) == 64 and re.fullmatch("[0-9a-fA-F]*", value) is not None)


# What is wrong with settings that can be read


def _faults(network):
    """Yield every Mistake in how a Network's parts go together."""
    numbered = list(enumerate(network.interfaces, 1))
    for number, each in numbered:
        yield from _of_one("interface %d." % number, each)
    yield from _of_names(numbered)
    yield from _of_routes(numbered)
    yield from _of_subnets(numbered)


def _of_one(where, each):
    if each.device == ANY and (each.vlan is not None or each.wifi or each.addresses or each.service):
        yield Mistake(where + "device", "* is for DHCP alone; name the interface, such as eth0")
    for name, addresses in (("addresses", each.addresses), ("service", (each.service,) if each.service else ())):
        for one in addresses:
            unfit = _unfit(one)
            if unfit:
                yield Mistake(where + name, "%s %s" % (one, unfit))
            if one.version == 6 and not each.ipv6:
                yield Mistake(where + name, "%s is of IPv6, which ipv6 = false switches off here" % one)
    for gateway in each.gateway:
        if each.side == "modality":
            yield Mistake(where + "gateway", "the modality's side has no way to anywhere else; take it out")
        elif not any([gateway in one.network for one in each.addresses]):
            subnets = ", ".join([str(one.network) for one in each.addresses]) or "no fixed address"
            yield Mistake(where + "gateway", "%s is not in the subnet of this interface (%s)" % (gateway, subnets))
        elif any([gateway == one.ip for one in _all(each)]):
            yield Mistake(where + "gateway", "%s is the box's own address" % gateway)
    if each.wifi and each.vlan is not None:
        yield Mistake(where + "vlan", "Wi-Fi carries no VLAN")


def _unfit(one):
    """Say why an address with its length cannot be the box's, None where it can."""
    if one.ip.is_multicast or one.ip.is_unspecified or one.ip.is_loopback or (one.version == 4 and one.ip.is_reserved):
        return "is no address that a box could have"
    if one.version == 4 and one.ip in _CARRIER_SHARED:
        return "is link-local: leave it out, the box takes one by itself where DHCP gives none"
    if one.network.prefixlen == 0:
        return "has no subnet: give the length, such as /24"
    if one.version == 4 and one.network.prefixlen < 31:
        if one.ip == one.network.network_address:
            return "is the name of the subnet itself, no address in it"
        if one.ip == one.network.broadcast_address:
            return "is the broadcast address of its subnet"
    return None


def _of_names(numbered):
    seen = {}
    for number, each in numbered:
        name = label(each)
        if name == ANY and len(numbered) > 1:
            yield Mistake("interface %d.device" % number, "* stands alone; name each interface, such as eth0")
        if name in seen:
            words = "%s is set up already, as interface %d" % (name, seen[name])
            yield Mistake("interface %d.device" % number, words)
        seen.setdefault(name, number)


def _of_routes(numbered):
    """Two default routes of a kind: the box would take now this one and now that one."""
    for version in (4, 6):
        found = [(number, one) for number, each in numbered for one in each.gateway if one.version == version]
        for number, one in found[1:]:
            words = "%s is a second way to everything else, beside %s of interface %d; one is enough"
            yield Mistake("interface %d.gateway" % number, words % (one, found[0][1], found[0][0]))


def _of_subnets(numbered):
    """Subnets that overlap: what is sent into one might leave by the other, and both sides would look like one."""
    known = []
    for number, each in numbered:
        for one in _all(each):
            for other_number, other in known:
                if other_number != number and one.version == other.version and one.network.overlaps(other.network):
                    words = "%s overlaps %s of interface %d: the box could not tell them apart; use another subnet"
                    yield Mistake("interface %d" % number, words % (one.network, other.network, other_number))
                elif other_number == number and one.ip == other.ip:
                    yield Mistake("interface %d" % number, "%s is there twice" % one.ip)
            known.append((number, one))
