"""Alerts as syslog: one message of RFC 5424 each, over UDP, TCP or TLS.

TCP and TLS have no answers: a server that is gone takes the first message without a word. So each delivery has a
connection of its own, whose end the server is waited for to close, which is when it has read everything.

Source: RFC 5424 6, RFC 5425 4.3, RFC 5426 3, RFC 6587 3.4.1
"""

import os
import socket
import time

from edge import VERSION
from edge.box.alerting import FACILITIES, UDP
from edge.net import alerts, reach
from edge.net.tls import Unusable
from edge.watch import notice as notices
from edge.watch.failed import Failed

_CRITICAL, _WARNING, _NOTICE = 2, 4, 5
_SEVERITY = {
    notices.BEGINS: _CRITICAL, notices.GOES_ON: _CRITICAL, notices.PASSED: _WARNING, notices.IS_OVER: _NOTICE,
    notices.TEST: _NOTICE,
}  # fmt: skip
_UDP_BYTES = 1180  # what fits the shortest packet of IPv6
_REFUSAL_S = 0.2  # for a word of the network that nobody listens


class Syslog:
    """A server that takes syslog. alert: config.Alert of that kind; tls: tls.Client or None."""

    def __init__(self, alert, tls=None):
        self._alert = alert
        self._tls = tls
        port = 6514 if tls is not None else 514
        self._address = (alert.host, alert.port or port)

    def deliver(self, told):
        """Send a message for each Notice; return in words what is known of it. Raises Failed."""
        messages = [self.message(each) for each in told]
        where = "%s port %d" % self._address
        if self._alert.transport == UDP:
            self._by_datagrams(messages)
            return "it was sent to %s; UDP has no answers" % where
        connected = self._connected()
        try:
            connected.sendall(b"".join([b"%d %s" % (len(each), each) for each in messages]))
            return self._ended(connected, where)
        except OSError as error:
            raise Failed("%s broke the connection: %s" % (where, alerts.words_of(error))) from error
        finally:
            connected.close()

    def message(self, told):
        """Return the message of a Notice, as octets."""
        priority = FACILITIES.index(self._alert.facility) * 8 + _SEVERITY[told.what]
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + ".%03dZ" % (now % 1 * 1000)
        host = _printable(os.uname().nodename, 255)
        head = "<%d>1 %s %s edge %d %s " % (priority, stamp, host, os.getpid(), told.what)
        head += '[origin software="edge" swVersion="%s"] ' % VERSION
        words = "%s: %s" % (told.box, notices.line(told))
        return head.encode("ascii") + b"\xef\xbb\xbf" + words.encode("utf-8", "replace")

    def _by_datagrams(self, messages):
        try:
            found = socket.getaddrinfo(*self._address, type=socket.SOCK_DGRAM)[0]
        except (OSError, UnicodeError) as error:
            words = "the name %s was not found: check the spelling and the box's DNS"
            raise Failed(words % self._address[0]) from error
        with socket.socket(found[0], socket.SOCK_DGRAM) as sender:
            try:
                sender.settimeout(_REFUSAL_S)
                sender.connect(found[4])
                for each in messages:
                    sender.send(each[:_UDP_BYTES].decode("utf-8", "ignore").encode())
                sender.recv(1)
            except TimeoutError:
                pass  # nobody said no
            except OSError as error:
                raise Failed("%s port %d: %s" % (*self._address, reach.why(error))) from error

    def _connected(self):
        try:
            connected = reach.connect(*self._address, round(self._alert.timeout_s * 1000))
        except reach.Unreachable as error:
            raise Failed(str(error)) from error
        if self._tls is None:
            return connected
        try:
            return self._tls.wrap(connected, self._address[0])
        except Unusable as error:
            connected.close()
            raise Failed(str(error)) from error
        except OSError as error:
            connected.close()
            raise Failed("no TLS with %s port %d: %s" % (*self._address, alerts.words_of(error))) from error

    def _ended(self, connected, where):
        """Say that no more comes, and see the server end it as well."""
        try:
            if self._tls is None:
                connected.shutdown(socket.SHUT_WR)
                connected.recv(1)
            else:
                _unwrap(connected)
        except TimeoutError:
            return "it was sent to %s, which did not say that it took it" % where
        return "%s took it" % where

    def close(self):
        """Nothing is kept open."""


def _unwrap(connected):
    """Say that it is the end, and see the other side say so, or close: it has read everything up to there."""
    import ssl  # it is there, as there is a connection with TLS

    try:
        connected.unwrap().close()
    except ssl.SSLEOFError:
        pass


def _printable(words, length):
    return "".join([each if "!" <= each <= "~" else "_" for each in words])[:length] or "-"
