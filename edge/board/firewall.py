"""The ruleset of nftables that settings of the network come to: closed, but for what the box listens on.

What comes in is dropped unless it answers what the box sent, or goes to a port that the box listens on and that is open
on that interface, and to an address of that very interface: what comes in on the modality's side does not reach the
box by the address that it has on the uplink. Nothing is forwarded at all. What goes out is free. The rules stand in a
table of their own, which is replaced in one step: there is no moment without them.
"""

from edge.board.network import ANY, label

TABLE = "edge"
# name: as Interface.opens has it; port; protocol: "tcp" or "udp"
PROTOCOLS = ("tcp", "udp")

_HEAD = """\
# Written by edge from the settings of the network; changed there, not here.
table inet %(table)s
delete table inet %(table)s
table inet %(table)s {
	chain input {
		type filter hook input priority filter; policy drop;
		iifname "lo" accept
		ct state invalid drop
		fib daddr . iif type != { local, broadcast, multicast } drop
		ct state { established, related } accept
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } ip6 hoplimit 255 accept
		icmpv6 type mld-listener-query ip6 hoplimit 1 accept
		icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
		icmp type echo-request limit rate 20/second accept
		icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
		icmpv6 type echo-request limit rate 20/second accept
		%(jumps)s
	}
"""
_TAIL = """\
	chain forward {
		type filter hook forward priority filter; policy drop;
	}
}
"""


def ruleset(network, listens):
    """Return the text for `nft -f`.

    listens: [(name, port, protocol)], what the box listens on; the names of those that an interface opens, or all.
    """
    names = [label(each) for each in network.interfaces]
    jumps = ", ".join(['"%s" : jump on_%d' % (name, number) for number, name in enumerate(names, 1)])
    jumps = "jump on_1" if names == [ANY] else "iifname vmap { %s }" % jumps
    text = _HEAD % {"table": TABLE, "jumps": jumps}
    for number, each in enumerate(network.interfaces, 1):
        text += "\tchain on_%d { # %s, %s\n" % (number, names[number - 1], each.side)
        for protocol in PROTOCOLS:
            is_open = [each.opens is None or name in each.opens for name, _, _ in listens]
            ports = sorted({one[1] for one, may in zip(listens, is_open) if may and one[2] == protocol})
            if ports:
                text += "\t\t%s dport { %s } accept\n" % (protocol, ", ".join(map(str, ports)))
        text += "\t\tudp dport 5353 ip daddr 224.0.0.251 accept\n"  # mDNS, by which the box is found
        if each.ipv6:
            text += "\t\tudp dport 5353 ip6 daddr ff02::fb accept\n"
        if each.dhcp:
            text += "\t\tudp sport 67 udp dport 68 accept\n"
            if each.ipv6:
                text += "\t\tip6 saddr fe80::/10 udp sport 547 udp dport 546 accept\n"
        text += "\t}\n"
    return text + _TAIL
