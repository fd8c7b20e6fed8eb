"""What the box listens on, told to the steward for the network, which opens these ports and no others."""

import logging
import threading

from edge.service.part import Part
from edge.steward import client
from edge.steward.errors import StewardError

_log = logging.getLogger("edge.service")


class Firewall(Part):
    """Tells the steward, where there is one. On a machine without, its own firewall is its own business."""

    name = "firewall"
    is_late = True

    def start(self):
        """Tell it, without waiting for it."""
        self._tell(self.running.box.config)

    def wants(self, old, new):
        """Say whether the box listens elsewhere."""
        return listens(old) != listens(new)

    def renew(self, old, new):
        """Tell it what is listened on now."""
        self._tell(new)

    def _tell(self, settings):
        if client.is_there(client.folder(), "network"):
            threading.Thread(target=_told, args=(listens(settings),), name="firewall", daemon=True).start()


def _told(ports):
    try:
        client.answer(client.folder(), "network", "listen", listens=ports)
    except StewardError as error:
        _log.warning("the firewall does not know on which ports the box listens: %s", error)


def listens(settings):
    """Return [[name, port, protocol]] of what a config.Config listens on and others than this machine may reach."""
    dicom, console, relay = settings.dicom, settings.console, settings.relay
    found = []
    if dicom.plain and not _is_here(dicom.bind):
        found.append(["dicom", dicom.port, "tcp"])
    if dicom.tls_port and not _is_here(dicom.bind):
        found.append(["dicom", dicom.tls_port, "tcp"])
    if console.on and not _is_here(console.bind):
        found.append(["console", console.port, "tcp"])
    if relay.port and not _is_here(relay.bind):
        found.append(["relay", relay.port, "tcp"])
    return [each for each in found if each[1]]


def _is_here(bind):
    return str(bind).startswith("127.") or str(bind) == "::1"
