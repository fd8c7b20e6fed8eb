"""Who may open an association: AE titles, addresses and networks, read from words and matched.

An entry is an AE title ("CT1": from any address), an address or a network ("10.0.0.5", "10.0.0.0/24": under any AE
title), or both ("CT1@10.0.0.5"). No entry at all means that anyone may.
"""

import socket
from collections import namedtuple

# words: str, as it was written; ae_title: str, "" for any; network: Network, or None for any address
Caller = namedtuple("Caller", ("words", "ae_title", "network"))
# octets: the address, 4 or 16 of them; prefix: how many of its leading bits count
Network = namedtuple("Network", ("octets", "prefix"))

AE_TITLE_LENGTH = 16


def read_ae_title(value):
    """Return an AE title without its insignificant spaces (PS3.5 6.2, AE); ValueError when it is none."""
    if not isinstance(value, str):
        raise ValueError
    title = value.strip(" ")
    if not title:
        raise ValueError("it is empty")
    if len(title) > AE_TITLE_LENGTH:
        raise ValueError("it has %d characters" % len(title))
    for character in title:
        if character == "\\" or not " " <= character <= "~":
            raise ValueError("it has the character %s" % ascii(character))
    return title


def parse_address(words):
    """Return the octets of an IPv4 or IPv6 address (str), or None when it is neither."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_pton(family, words)
        except (OSError, ValueError):
            pass
    return None


def _parse_network(words):
    address, slash, prefix = words.partition("/")
    octets = parse_address(address)
    if octets is None:
        return None
    if not slash:
        return Network(octets, len(octets) * 8)
    if not prefix.isdecimal() or int(prefix) > len(octets) * 8:
        raise ValueError("a network of %s ends in /0 to /%d" % (address, len(octets) * 8))
    return Network(octets, int(prefix))


def read_caller(value):
    """Return the Caller that an entry of the configuration stands for; ValueError when it stands for none."""
    if not isinstance(value, str):
        raise ValueError
    network = _parse_network(value)
    if network is not None:
        return Caller(value, "", network)
    title, at, address = value.rpartition("@")
    if not at:
        return Caller(value, read_ae_title(value), None)
    network = _parse_network(address)
    if network is None:
        raise ValueError("what follows the @ is no address")
    return Caller(value, read_ae_title(title) if title else "", network)


def warnings(found):
    """Yield (the place of a key, words) for callers of a config.Config that look like patterns, which none is."""
    for caller in found.dicom.accept_calling:
        if "*" in caller.ae_title or "?" in caller.ae_title:
            words = "patterns do not count here: only what calls itself %s is accepted; name each title, or an address"
            yield ("dicom", "accept_calling"), words % caller.ae_title


def _within(octets, network):
    if len(octets) != len(network.octets):
        return False
    rest = len(octets) * 8 - network.prefix
    return int.from_bytes(octets, "big") >> rest == int.from_bytes(network.octets, "big") >> rest


def admits(callers, ae_title, address):
    """Say whether one of `callers` covers a peer that calls itself `ae_title` and comes from `address` (str)."""
    if not callers:
        return True
    octets = parse_address(address)
    for caller in callers:
        if caller.ae_title and caller.ae_title != ae_title:
            continue
        if caller.network is None or (octets is not None and _within(octets, caller.network)):
            return True
    return False


def knows(callers, address):
    """Say whether one of `callers` names `address` (str), by itself or by its network."""
    octets = parse_address(address)
    if octets is None:
        return False
    return any([caller.network is not None and _within(octets, caller.network) for caller in callers])
