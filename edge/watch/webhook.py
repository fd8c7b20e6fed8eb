"""Alerts as a request: JSON for whoever makes something of it, signed where there is a secret."""

import json
import time

from edge import VERSION
from edge.net import web
from edge.watch import notice as notices
from edge.watch.failed import Failed

SIGNATURE = "X-Edge-Signature"
_SHOWN = 200


class Webhook:
    """A service that takes requests. alert: config.Alert of that kind; tls: tls.Client or None."""

    def __init__(self, alert, tls=None):
        self._alert = alert
        self._tls = tls

    def deliver(self, told):
        """Send one request for all Notices; return in words what it was answered. Raises Failed."""
        said = [notices.record(each) for each in told]
        body = json.dumps({"box": told[0].box, "at": time.time(), "version": VERSION, "alerts": said}).encode()
        url = self._alert.url
        limit_ms = round(self._alert.timeout_s * 1000)
        connection = web.Connection(url.host, url.port, web.Terms(limit_ms, limit_ms), self._tls)
        try:
            fields = [("Content-Type", "application/json"), ("User-Agent", "edge/" + VERSION)]
            if self._alert.token_file is not None:
                fields.append(("Authorization", web.bearer(self._alert.token_file)()))
            if self._alert.secret_file is not None:
                fields.append((SIGNATURE, "sha256=" + _signature(self._alert.secret_file, body)))
            answer = connection.exchange("POST", url.path or "/", fields, len(body), lambda: iter((body,)))
        except web.Failed as failed:
            raise Failed(str(failed)) from failed
        finally:
            connection.close()
        words = "%s answered %d%s" % (connection.peer, answer.status, _said(answer.body))
        if not 200 <= answer.status < 300:
            raise Failed(words)
        return words

    def close(self):
        """Nothing is kept open."""


def _signature(path, body):
    import hmac  # only where there is a secret

    return hmac.new(web.secret(path, "secret").encode("ascii"), body, "sha256").hexdigest()


def _said(body):
    words = " ".join(body[: 4 * _SHOWN].decode("utf-8", "replace").split())
    words = "".join([each for each in words if each.isprintable()])[:_SHOWN]
    return ": " + words if words else ""
