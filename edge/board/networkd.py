"""The files of systemd-networkd, resolved and timesyncd that settings of the network come to.

Every name begins with what says that the box wrote it, so that what is no longer wanted can be told from what a person
put there. A file is text that consists of checked words only: `network.read` let no line end and no bracket through.
"""

from edge.board.network import ANY, label

PREFIX = "50-edge-"
NETWORK, RESOLVED, TIMESYNC = "network", "resolved.conf.d", "timesyncd.conf.d"  # folders below /run/systemd
_FIRST_METRIC = 100


def files(network):
    """Return {path below /run/systemd: text} for a Network."""
    made = {}
    tagged = {}
    for each in network.interfaces:
        if each.vlan is not None:
            tagged.setdefault(each.device, []).append(each)
            made["%s/%s%s.netdev" % (NETWORK, PREFIX, label(each))] = _netdev(each)
    uplinks = [label(each) for each in network.interfaces if each.side != "modality"]
    for each in network.interfaces:
        below = tagged.get(each.device, []) if each.vlan is None else []
        metric = _FIRST_METRIC * (1 + uplinks.index(label(each))) if label(each) in uplinks else None
        made[path_of(each)] = _network(network, each, below, metric)
    bare = {each.device for each in network.interfaces if each.vlan is None}
    for device, below in tagged.items():
        if device not in bare:
            made["%s/%s%s.network" % (NETWORK, PREFIX, device)] = _carrier(device, below)
    made["%s/%sbox.conf" % (RESOLVED, PREFIX)] = _resolved(network)
    if network.ntp:
        made["%s/%sbox.conf" % (TIMESYNC, PREFIX)] = _text([("Time", [("NTP", " ".join(network.ntp))])])
    return made


def path_of(each):
    """Return the path of the file that sets an Interface up, below /run/systemd."""
    return "%s/%s%s.network" % (NETWORK, PREFIX, "any" if each.device == ANY else label(each))


def _text(sections):
    """Return a unit file's text. sections: [(name, [(key, value)])], those with nothing in them are left out."""
    lines = ["# Written by edge from the settings of the network; changed there, not here."]
    for name, pairs in sections:
        if pairs:
            lines += ["", "[%s]" % name] + ["%s=%s" % pair for pair in pairs]
    return "\n".join(lines) + "\n"


def _truth(value):
    return "yes" if value else "no"


def _match(each):
    """Return which interfaces are meant: one, or every one with a cable."""
    return ("Type", "ether") if each.device == ANY else ("Name", label(each))


def _netdev(each):
    return _text([("NetDev", [("Name", label(each)), ("Kind", "vlan")]), ("VLAN", [("Id", each.vlan)])])


def _carrier(device, below):
    """Return what is said of an interface that only carries VLANs: it has no address of its own."""
    pairs = [("LinkLocalAddressing", "no"), ("IPv6AcceptRA", "no"), ("LLDP", "no")]
    return _text([("Match", [("Name", device)]), ("Network", pairs + [("VLAN", label(each)) for each in below])])


def _network(network, each, below, metric):
    is_uplink = each.side != "modality"
    families = "yes" if each.ipv6 else "ipv4"
    addresses = each.addresses + ((each.service,) if each.service else ())
    own = [
        ("DHCP", families if each.dhcp else "no"),
        # Of IPv4 only until DHCP answers; one that has a fixed address needs none
        ("LinkLocalAddressing", (families if each.dhcp else "ipv6" if each.ipv6 else "no")),
        ("IPv6AcceptRA", _truth(each.ipv6 and is_uplink)),
        ("MulticastDNS", "yes"),
        ("LLMNR", "no"),
        ("LLDP", "no"),
        ("ConfigureWithoutCarrier", _truth(bool(addresses))),
        ("IgnoreCarrierLoss", "3s"),
    ]
    own += [("Address", one) for one in addresses]
    own += [("DNS", one) for one in each.dns]
    own += [("VLAN", label(one)) for one in below]
    link = [("RequiredForOnline", "no")]
    if each.mtu is not None:
        link.append(("MTUBytes", each.mtu))
    leased = [("UseDNS", _truth(is_uplink and not network.dns)), ("UseHostname", "no"), ("UseDomains", "no")]
    leased += [("UseNTP", _truth(is_uplink and not network.ntp))]
    four = leased + [("UseRoutes", _truth(is_uplink)), ("UseGateway", _truth(is_uplink)), ("UseMTU", "no")]
    four += [("ClientIdentifier", "mac")]
    if is_uplink:
        four.append(("RouteMetric", metric))
    sections = [("Match", [_match(each)]), ("Link", link), ("Network", own)]
    for gateway in each.gateway:
        sections.append(("Route", [("Gateway", gateway), ("Metric", metric)]))
    if each.dhcp:
        sections.append(("DHCPv4", four))
        if each.ipv6:
            sections.append(("DHCPv6", leased))
    if each.ipv6 and is_uplink:
        sections.append(("IPv6AcceptRA", [leased[0], ("UseDomains", "no"), ("RouteMetric", metric)]))
    return _text(sections)


def _resolved(network):
    pairs = [("DNS", " ".join(network.dns))] if network.dns else []
    # No server of anybody's is asked that nobody named
    pairs += [("FallbackDNS", ""), ("LLMNR", "no"), ("MulticastDNS", "yes")]
    return _text([("Resolve", pairs)])
