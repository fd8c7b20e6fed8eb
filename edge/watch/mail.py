"""Alerts as mail, by way of one server that takes it."""

import os
import time

from edge.box.alerting import PLAIN, TLS
from edge.net import alerts, reach, web
from edge.net.tls import Unusable
from edge.watch import notice as notices
from edge.watch.failed import Failed

_PORT, _TLS_PORT = 587, 465
_SHOWN = 200
_SUBJECT = 120


class Mail:
    """A mail server. alert: config.Alert of that kind; tls: tls.Client or None."""

    def __init__(self, alert, tls=None):
        self._alert = alert
        self._tls = tls
        self._port = alert.port or (_TLS_PORT if alert.encryption == TLS else _PORT)
        self._where = "%s port %d" % (alert.host, self._port)

    def deliver(self, told):
        """Send one mail for all Notices; return in words what the server answered. Raises Failed."""
        import smtplib  # only who sends mail pays for it

        try:
            server = self._connected(smtplib)
            try:
                return self._send(server, self._message(told))
            finally:
                server.close()
        except smtplib.SMTPAuthenticationError as error:
            words = "%s takes neither user nor password: %s; check user and password_file"
            raise Failed(words % (self._where, _said(error.smtp_code, error.smtp_error))) from error
        except smtplib.SMTPResponseException as error:
            raise Failed("%s answered %s" % (self._where, _said(error.smtp_code, error.smtp_error))) from error
        except smtplib.SMTPServerDisconnected as error:
            raise Failed("%s ended the connection: %s" % (self._where, str(error).lower())) from error
        except smtplib.SMTPException as error:
            raise Failed("%s cannot be used: %s" % (self._where, str(error)[:_SHOWN].lower())) from error
        except (Unusable, web.Failed) as error:
            raise Failed(str(error)) from error
        except UnicodeError as error:
            raise Failed("the name %s was not found: check the spelling" % self._alert.host) from error
        except OSError as error:
            raise Failed("no mail by way of %s: %s" % (self._where, _why(error))) from error

    def _connected(self, smtplib):
        """Return the server, connected, and logged in where that is wanted."""
        alert = self._alert
        terms = {"timeout": alert.timeout_s, "local_hostname": _own_name()}
        context = None if self._tls is None else _Context(self._tls, alert.host)
        if alert.encryption == TLS:
            server = smtplib.SMTP_SSL(alert.host, self._port, context=context, **terms)
        else:
            server = smtplib.SMTP(alert.host, self._port, **terms)
        try:
            if alert.encryption not in (TLS, PLAIN):
                server.ehlo_or_helo_if_needed()
                if not server.has_extn("starttls"):
                    raise Failed('%s has no STARTTLS; ask its keeper, or set encryption = "tls"' % self._where)
                server.starttls(context=context)
            if alert.user is not None:
                server.login(alert.user, web.secret(alert.password_file, "password"))
        except BaseException:
            server.close()
            raise
        return server

    def _send(self, server, octets):
        alert = self._alert
        server.ehlo_or_helo_if_needed()
        _expect(server.mail(alert.sender), self._where + " does not take mail from %s" % alert.sender)
        refused = []
        for each in alert.to:
            code, words = server.rcpt(each)
            if code not in (250, 251):
                refused.append("%s: %s" % (each, _said(code, words)))
        if len(refused) == len(alert.to):
            raise Failed("%s takes mail for nobody: %s" % (self._where, "; ".join(refused)))
        code, words = server.data(octets)
        _expect((code, words), self._where + " did not take the mail")
        answered = "%s answered %s" % (self._where, _said(code, words))
        return answered + ("; not for " + "; ".join(refused) if refused else "")

    def _message(self, told):
        """Return the mail, as octets."""
        from email.message import EmailMessage
        from email.policy import SMTP
        from email.utils import formatdate, make_msgid

        lines = [notices.line(each) for each in told]
        more = " (and %d more)" % (len(lines) - 1) if len(lines) > 1 else ""
        mail = EmailMessage(SMTP)
        mail["From"] = self._alert.sender
        mail["To"] = ", ".join(self._alert.to)
        mail["Subject"] = "[%s] %s%s" % (told[0].box, lines[0][:_SUBJECT], more)
        mail["Date"] = formatdate(time.time(), localtime=True)
        mail["Message-ID"] = make_msgid(domain=_own_name())
        mail["Auto-Submitted"] = "auto-generated"
        body = "The box %s (%s) says:\n\n%s\n\nMore: `edge status` and `edge alerts` there, or its web page.\n"
        mail.set_content(body % (told[0].box, os.uname().nodename, "\n".join(["- " + each for each in lines])))
        return mail.as_bytes()

    def close(self):
        """Nothing is kept open."""


class _Context:
    """What smtplib wants of an ssl.SSLContext: TLS as the box does it everywhere."""

    def __init__(self, tls, host):
        self._tls = tls
        self._host = host

    def wrap_socket(self, connected, server_hostname=None):
        """Return the ssl.SSLSocket; the name that the certificate has to be for is the one of the configuration."""
        return self._tls.wrap(connected, self._host)


def _own_name():
    name = "".join([each for each in os.uname().nodename if each.isascii() and (each.isalnum() or each in "-.")])
    return name if "." in name else (name or "edge") + ".invalid"


def _expect(answer, words):
    if not 200 <= answer[0] < 300:
        raise Failed("%s: %s" % (words, _said(*answer)))


def _said(code, words):
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    text = "".join([each for each in " ".join(text.split()) if each.isprintable()])
    return "%d %s" % (code, text[:_SHOWN])


def _why(error):
    if hasattr(error, "reason"):
        return alerts.words_of(error)
    if getattr(error, "errno", None) is not None and error.errno < 0:
        return "the name was not found: check the spelling and the box's DNS"
    return reach.why(error)
