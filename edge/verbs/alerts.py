"""Verbs on alerts: what is told of, to whom, and a test of each way."""

from edge.box import alerting
from edge.verbs.verb import ENGINEER, VIEWER, Argument, Refused, Verb
from edge.watch import alerts as keeping
from edge.watch import channels
from edge.watch import notice as notices
from edge.watch.failed import Failed


def alerts(box, request, who):
    """Yield a row for each alert: those that stand, then those that are over, the latest first."""
    yield from box.alerts.rows() if box.alerts is not None else keeping.rows(box.config.box.state_dir)
    ways = [{"channel": each.name, "kind": each.kind, "where": alerting.where(each)} for each in box.config.alerts]
    return {"running": box.alerts is not None, "channels": ways}


def test_alert(box, request, who):
    """Send one marked alert by way of one channel; return what the other side said."""
    name = request["channel"]
    for each in box.config.alerts:
        if each.name == name:
            break
    else:
        known = ", ".join([each.name for each in box.config.alerts]) or "none; add an [[alert]] to the configuration"
        raise Refused("no alerts go by way of %s; there are: %s" % (name, known))
    now = box.spool.now()
    words = "this alert is a test, nothing is wrong; asked for by %s" % who
    told = notices.Notice(box.config.box.ae_title, "test", notices.TEST, now, None, words)
    try:
        return {"channel": name, "where": alerting.where(each), "answer": _sent(box, each, told)}
    except Failed as failed:
        raise Refused("%s: %s" % (name, failed)) from failed
    yield  # a verb without rows is a generator all the same


def _sent(box, alert, told):
    if alert.kind != alerting.GPIO:
        return channels.make(box.config, alert).deliver([told])
    if box.alerts is None:
        raise Refused("a line is held by the running box; start it to try %s" % alert.name)
    return box.alerts.blink(alert.name)


_SENT = {"channel": "text", "what": "text?", "at": "time", "failure": "text?"}

VERBS = (
    Verb(
        "alerts",
        "list what was told of: what is wrong, and what was",
        alerts,
        VIEWER,
        (),
        {
            "key": "text", "kind": "text", "since": "time", "until": "time?", "words": "text", "times": "number",
            "sent": [_SENT],
        },
        {"running": "truth", "channels": [{"channel": "text", "kind": "text", "where": "text"}]},
    ),
    Verb(
        "test-alert",
        "send an alert to try one way",
        test_alert,
        ENGINEER,
        (Argument("channel", "text", "The way, by its name in the configuration.", True),),
        None,
        {"channel": "text", "where": "text", "answer": "text"},
        changes=True,
        slow=True,
    ),
)  # fmt: skip
