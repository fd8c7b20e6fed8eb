"""Connect to a host by name or address, and say in words why that failed."""

import socket


class Unreachable(Exception):
    """There is no connection; str() says why, and what to do. is_name: whether not even the name was found."""

    def __init__(self, words, is_name=False):
        super().__init__(words)
        self.is_name = is_name


def addresses(host, port):
    """Return the addresses of a host, as pairs of family and address (str). Raises Unreachable."""
    return [(family, address[0]) for family, _, _, _, address in _found(host, port)]


def _found(host, port):
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable("the name %s was not found: check the spelling and the box's DNS" % host, True) from error


def connect(host, port, connect_ms):
    """Return a socket connected to a host; every address it has is tried for so long. Raises Unreachable."""
    failure = None
    for family, kind, protocol, _, address in _found(host, port):
        connected = socket.socket(family, kind, protocol)
        try:
            connected.settimeout(connect_ms / 1000)
            connected.connect(address)
            return connected
        except OSError as error:
            connected.close()
            failure = error
    raise Unreachable("no connection to %s port %d: %s" % (host, port, why(failure))) from failure


def why(error):
    """Return what an OSError of a connection means, in words."""
    if isinstance(error, ConnectionRefusedError):
        return "refused, so nothing listens there; check that the peer's service runs, and its port"
    if isinstance(error, TimeoutError):
        return "no answer in time; check the address, cable and firewall"
    return (error.strerror or str(error)).lower()
