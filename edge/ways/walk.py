"""The way to a destination, layer by layer: what works, the first layer that fails, and what to do about it.

Each layer is tried by itself, with a connection of its own, so that a person sees one after the other. Those behind one
that failed are not tried; a ping that nobody answers is no failure, as many networks let none through.
"""

import time
from collections import namedtuple

from edge.box import config
from edge.forward.target import LinkFailure
from edge.net import ping, reach, tls
from edge.protocol import contexts, echo, status
from edge.ways import targets

# What came of one layer. layer: one of LAYERS; ok: whether it works, None where it was not tried or cannot be told; ms:
# what it took, None where it was not tried; words: what was found; cure: what to do, "" for nothing
Step = namedtuple("Step", ("layer", "ok", "ms", "words", "cure"))

NAME, PING, TCP, TLS, ASSOCIATION, ECHO, SERVICE, FOLDER = (
    "name", "ping", "tcp", "tls", "association", "echo", "service", "folder",
)  # fmt: skip
_NETWORK = (NAME, PING, TCP, TLS)
LAYERS = {
    "dicom": (*_NETWORK, ASSOCIATION, ECHO),
    "stow": (*_NETWORK, SERVICE),
    "relay": (*_NETWORK, SERVICE),
    "folder": (FOLDER,),
}
# What to do, where what was found does not say so itself
_CURES = {
    NAME: "check the spelling, or enter the address instead of the name",
    TCP: "check the address and port, the cable, and the firewall between",
    TLS: "check the port, whether TLS is switched on there, and the certificates at both ends",
    ASSOCIATION: "check both AE titles, and that the peer knows this box by its AE title and address",
    ECHO: "look into the peer's log",
    SERVICE: "check the address of the service, and what this box logs in with",
    FOLDER: "check that the folder is there, mounted, and may be written by the box",
}
_PING_S = 2.0


def walk(settings, destination):
    """Yield a Step for each layer of the way to a config.Destination, as each has been tried; nothing is delivered.

    settings: the config.Config that it is part of.
    """
    walker = _Walk(settings, destination)
    layers = [layer for layer in LAYERS[destination.kind] if layer != TLS or walker.client is not None]
    is_broken = False
    try:
        for layer in layers:
            if is_broken:
                yield Step(layer, None, None, "not tried", "")
                continue
            step = walker.take(layer)
            is_broken = step.ok is False
            yield step
    finally:
        walker.close()


class _Walk:
    """What one walk has found so far."""

    def __init__(self, settings, destination):
        self._settings = settings
        self._destination = destination
        self.client = targets.tls_client(settings, destination)
        url = destination.url
        self._host = destination.host if url is None else url.host
        self._port = destination.port if url is None else url.port
        self._addresses = []  # of the host: (family, address)
        self._link = None

    def take(self, layer):
        """Try one layer; return its Step."""
        began = time.monotonic()
        try:
            ok, words = getattr(self, "_" + layer)()
            cure = ""
        except (reach.Unreachable, LinkFailure, _Broken) as failure:
            ok = False
            words, cure = _parted(str(failure), layer)
        return Step(layer, ok, round((time.monotonic() - began) * 1000), words, cure)

    def close(self):
        """End what is open."""
        if self._link is not None:
            self._link.release()

    def _name(self):
        self._addresses = reach.addresses(self._host, self._port)
        found = [address for _, address in self._addresses]
        if found == [self._host]:
            return True, "%s is an address" % self._host
        return True, "%s is %s" % (self._host, ", ".join(found))

    def _ping(self):
        family, address = self._addresses[0]
        try:
            took_s = ping.ping(address, family, _PING_S)
        except ping.NotAllowed:
            return None, "this box may not ping here"
        except OSError as error:
            return None, "no ping gets there: %s" % (error.strerror or str(error)).lower()
        if took_s is None:
            return None, "no answer in %g s, which many networks and machines never give" % _PING_S
        return True, "%s answers" % address

    def _tcp(self):
        connected = reach.connect(self._host, self._port, self._connect_ms())
        with connected:
            name = connected.getpeername()
        return True, "%s port %d takes connections" % (name[0], name[1])

    def _connect_ms(self):
        return targets.milliseconds(self._destination.connect_timeout_s)

    def _tls(self):
        from edge.net import channel

        connected = reach.connect(self._host, self._port, self._connect_ms())
        with connected:
            try:
                met = channel.connect(connected, self.client, self._host, self._connect_ms())
            except (channel.Failed, tls.Unusable) as failed:
                raise _Broken(str(failed)) from failed
            words = met.words()
        return True, words

    def _association(self):
        from edge.net import outbound

        one = self._destination
        calling = one.calling_ae_title or self._settings.box.ae_title
        wanted = [(echo.SOP_CLASS, contexts.PREFERENCE[:2])]
        try:
            self._link = outbound.associate(
                one.host, one.port, calling, one.ae_title, wanted, targets.terms(one), self.client
            )
        except outbound.LinkFailure as failure:
            raise LinkFailure(failure.layer, failure.reason) from failure
        return True, "%s accepts %s" % (one.ae_title, calling)

    def _echo(self):
        from edge.net import outbound

        if not self._link.accepted:
            return None, "%s takes no C-ECHO, which says nothing about objects" % self._destination.ae_title
        try:
            code = self._link.echo()
        except outbound.LinkFailure as failure:
            raise LinkFailure(failure.layer, failure.reason) from failure
        if code != status.SUCCESS:
            raise _Broken("it answered with status %04X: %s" % (code, status.words(code)))
        return True, "it answered"

    def _service(self):
        targets.reach(self._settings, self._destination)
        return True, "%s is there, and lets this box in" % config.where(self._destination)

    def _folder(self):
        targets.reach(self._settings, self._destination)
        return True, "files can be made in %s" % self._destination.path


def _parted(words, layer):
    """Return what happened and what to do about it, out of the words for a failure."""
    for between in ("; ", ": check "):
        what, found, cure = words.partition(between)
        if found:
            return what, cure if between == "; " else "check " + cure
    return words, _CURES[layer]


class _Broken(Exception):
    """A layer does not work; str() says why."""
