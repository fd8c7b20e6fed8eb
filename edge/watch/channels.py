"""The ways on which alerts go, made by their kind; what one kind needs is imported only where there is one of it."""

from edge.box import alerting
from edge.net import tls


def make(settings, alert):
    """Return the channel of a config.Alert of a config.Config: what has `deliver(notices)`, or `show(is_on)`."""
    if alert.kind == alerting.GPIO:
        from edge.watch.gpio import Gpio

        return Gpio(alert)
    terms = alerting.client_terms(settings, alert)
    client = None if terms is None else tls.Client(terms)
    if alert.kind == alerting.EMAIL:
        from edge.watch.mail import Mail

        return Mail(alert, client)
    if alert.kind == alerting.WEBHOOK:
        from edge.watch.webhook import Webhook

        return Webhook(alert, client)
    from edge.watch.syslog import Syslog

    return Syslog(alert, client)
