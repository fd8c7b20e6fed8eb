"""What the system refuses on the way to being ready, or to another configuration, in words: the cause, and the cure."""

import errno

from edge.net.doors import CannotListen


def of(error, settings, before=None):
    """Say in words what a system call refused when a config.Config was to be run with, and what to do.

    before: the config.Config that the box runs with as yet, or None.
    """
    number = error.port if isinstance(error, CannotListen) else settings.dicom.port
    table, where = settings.dicom, "[dicom]"
    if number == settings.relay.port:
        table, where = settings.relay, "[relay]"
    elif number not in (settings.dicom.port, settings.dicom.tls_port) and number == settings.console.port:
        table, where = settings.console, "[console]"
    port = "port %d on %s" % (number, table.bind)
    key = "tls_port" if number == settings.dicom.tls_port else "port"
    if error.errno == errno.EADDRINUSE and before is not None and number in _ports(before):
        words = "%s is still in use by the box itself, for something else: give that another port first, then this one"
        return words % port
    if error.errno == errno.EADDRINUSE:
        return "%s is taken: another program listens there; stop it, or set another %s under %s" % (port, key, where)
    if error.errno == errno.EADDRNOTAVAIL:
        return "%s is no address of this machine; set bind under %s" % (table.bind, where)
    if error.errno == errno.EACCES and error.filename is None:
        return "%s may be listened on by root alone; set a %s above 1023 under %s" % (port, key, where)
    what = error.filename or settings.box.state_dir
    return "%s: %s; set state_dir under [box] to a folder that can be written" % (what, (error.strerror or "").lower())


def _ports(settings):
    return settings.dicom.port if settings.dicom.plain else None, settings.dicom.tls_port, settings.relay.port
