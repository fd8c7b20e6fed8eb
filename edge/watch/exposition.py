"""Metrics as text, in the two forms that monitoring reads: OpenMetrics 1.0, and the one of Prometheus before it, 0.0.4.

Source: OpenMetrics 1.0 "Text format"; Prometheus "Exposition formats".
"""

from collections import namedtuple

OPENMETRICS, PROMETHEUS = "openmetrics", "prometheus"
TYPES = {
    OPENMETRICS: "application/openmetrics-text; version=1.0.0; charset=utf-8",
    PROMETHEUS: "text/plain; version=0.0.4; charset=utf-8",
}
COUNTER, GAUGE, HISTOGRAM, INFO = "counter", "gauge", "histogram", "info"

# name: without the endings that its kind has; kind: see above; words: what it is; values: tuple of ({label: text},
# number, or meters.Histogram where the kind is that)
Family = namedtuple("Family", ("name", "kind", "words", "values"))


def lines(families, form):
    """Yield the lines of Families in one of the forms, each with its end."""
    for each in families:
        if not each.values:
            continue
        name = each.name
        kind = each.kind
        if form == PROMETHEUS:
            name += {COUNTER: "_total", INFO: "_info"}.get(kind, "")
            kind = GAUGE if kind == INFO else kind
        yield "# HELP %s %s\n" % (name, _escaped(each.words))
        yield "# TYPE %s %s\n" % (name, kind)
        for labels, value in each.values:
            yield from _samples(each, labels, value)
    if form == OPENMETRICS:
        yield "# EOF\n"


def _samples(family, labels, value):
    name = family.name
    if family.kind == HISTOGRAM:
        count = 0
        for bound, more in zip((*value.bounds, float("inf")), value.counts):
            count += more
            yield _sample(name + "_bucket", {**labels, "le": _number(float(bound))}, count)
        yield _sample(name + "_sum", labels, value.total)
        yield _sample(name + "_count", labels, count)
    else:
        yield _sample(name + {COUNTER: "_total", INFO: "_info"}.get(family.kind, ""), labels, value)


def _sample(name, labels, value):
    shown = ",".join(['%s="%s"' % (label, _escaped(text)) for label, text in labels.items()])
    return "%s%s %s\n" % (name, "{%s}" % shown if shown else "", _number(value))


def _escaped(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value):
    if value == float("inf"):
        return "+Inf"
    return repr(int(value)) if isinstance(value, (bool, int)) else repr(float(value))
