"""A mail server of its own: SMTP with STARTTLS or TLS and a login, on loopback; keeps what it was sent.

with MailServer(issued, starttls=True, login=("edge", "word")) as server:
    ... send to server.port ...
    server.mails == [Mail(sender, receivers, octets, was_encrypted, user)]
"""

import base64
import socket
import ssl
import threading
from collections import namedtuple

Mail = namedtuple("Mail", "sender receivers octets encrypted user")


class MailServer:
    """Serves one connection after the other while the `with` block lasts.

    issued: certificates.Issued, None for a server without TLS; starttls: whether TLS begins when asked for, rather than
    at once; login: (user, password) that is wanted; refuses: receivers that it does not take; full: answers each mail
    with 452; mute: says nothing at all.
    """

    def __init__(self, issued=None, starttls=True, login=None, refuses=(), full=False, mute=False):
        self.mails = []
        self.full = full
        self._issued = issued
        self._starttls = starttls
        self._login = login
        self._refuses = refuses
        self._mute = mute
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()

    def _context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._issued.certificate, self._issued.key)
        return context

    def _run(self):
        while True:
            try:
                connected, _ = self._socket.accept()
            except OSError:
                return
            connected.settimeout(10)
            try:
                self._serve(connected)
            except OSError:
                pass

    def _serve(self, connected):
        encrypted = False
        if self._issued is not None and not self._starttls:
            connected, encrypted = self._context().wrap_socket(connected, server_side=True), True
        with connected:
            if self._mute:
                connected.recv(1)
                return
            file = connected.makefile("rwb")
            say = _sayer(file)
            user, sender, receivers = None, None, []
            say("220 mail.example ESMTP")
            while line := file.readline():
                verb = line.split(b" ")[0].strip().upper()
                if verb == b"EHLO":
                    say("250-mail.example")
                    if self._issued is not None and self._starttls and not encrypted:
                        say("250-STARTTLS")
                    say("250 AUTH PLAIN")
                elif verb == b"STARTTLS":
                    say("220 go on")
                    connected, encrypted = self._context().wrap_socket(connected, server_side=True), True
                    file = connected.makefile("rwb")
                    say = _sayer(file)
                elif verb == b"AUTH":
                    _, user, word = base64.b64decode(line.split()[2]).decode().split("\0")
                    if (user, word) == self._login:
                        say("235 welcome")
                    else:
                        user = None
                        say("535 5.7.8 wrong user or password")
                elif verb == b"MAIL":
                    wanted = self._login is not None and user is None
                    sender = _mailbox(line)
                    say("530 log in first" if wanted else "250 ok")
                elif verb == b"RCPT":
                    receiver = _mailbox(line)
                    if receiver in self._refuses:
                        say("550 nobody of that name")
                    else:
                        receivers.append(receiver)
                        say("250 ok")
                elif verb == b"DATA":
                    say("354 go on")
                    octets = b""
                    while not octets.endswith(b"\r\n.\r\n"):
                        octets += file.readline()
                    if self.full:
                        say("452 4.3.1 no room")
                    else:
                        self.mails.append(Mail(sender, receivers, octets[:-3], encrypted, user))
                        say("250 2.0.0 queued as 4711")
                elif verb == b"QUIT":
                    say("221 bye")
                    return
                else:
                    say("500 what?")


def _sayer(file):
    def say(words):
        file.write(words.encode() + b"\r\n")
        file.flush()

    return say


def _mailbox(line):
    return line.decode().partition("<")[2].partition(">")[0]
