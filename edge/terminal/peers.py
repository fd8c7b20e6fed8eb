"""Who comes and where it goes, on pages: associations, a device that was refused, destinations and their test."""

from edge.box import config
from edge.console.text import ago, size, span
from edge.terminal import applying, page, state, tables
from edge.terminal.effects import Ask, Show, Step
from edge.terminal.plain import columns, plain, wrapped
from edge.terminal.talk import Rows

_WIDTHS = (-4, 16, 16, 9, -6, -7, 0)


def associations(talk):
    """List the last associations, those that are open first; one that was refused can be accepted."""
    while True:
        now = talk.box.spool.now()
        opened, summary = talk.told("status")
        head = [columns(_WIDTHS, ("", "Calling", "Address", "Began", "Stored", "Refused", "  End"))]

        def line(row, number):
            cells = (str(number), row["calling"], row["address"], ago(row["began"], now) if row.get("began") else "-")
            cells += (str(row.get("stored") or 0), str(row.get("refused") or 0), "  " + _end(row))
            return [columns(_WIDTHS, cells)]

        if talk.knows("associations"):
            rows = talk.told("associations", limit=500)[0]
        else:
            rows = opened
        keys = [("l", "look again", state.again)]
        turned = yield from page.turn(
            "Associations", head, rows, line, lambda row: _association(talk, row), keys, "None yet."
        )
        if turned != page.AGAIN:
            return


def _end(row):
    if "end" not in row or row.get("end") is None and row.get("ended") is None:
        return "open"
    return "%s%s" % (row["end"], ": " + row["why"] if row.get("why") else "")


def _association(talk, row):
    found = [
        ("From", "%s at %s" % (row["calling"], row["address"])),
        ("Called", row["called"]),
        ("End", _end(row)),
        ("Objects", "%s stored, %s refused, %s" % (row["stored"], row["refused"], size(row.get("bytes") or 0))),
    ]
    if row.get("seconds") is not None:
        found.append(("Took", span(row["seconds"])))
    for each in row.get("contexts") or ():
        words = each.get("accepted") or "NOT ACCEPTED"
        found.append(("Context", "%s: %s" % (each.get("abstract"), words)))
    lines = page.pairs(found)
    is_refused = row.get("end") == "refused"
    if is_refused and talk.knows("accept"):
        options = [("1", "Accept %s from %s from now on" % (plain(row["calling"]), plain(row["address"])))]
        if (yield from page.menu("Association", lines, options)) == "1":
            return (yield from applying.tried(talk, "accept", calling=row["calling"], address=row["address"]))
        return None
    return (yield from page.turn("Association", (), lines, lambda each: [each], enter="Enter or q: back"))


def destinations(talk):
    """List the destinations with their way; choose one to see and test."""
    while True:
        summary = talk.told("status")[1]
        head = [columns((-4, 18, 8, 0), ("", "Destination", "Way", "Where"))]

        def line(each, number):
            known = config.destination(talk.box.config, each["name"])
            where = config.where(known) if known else "not in the configuration any more"
            return [columns((-4, 18, 8, 0), (str(number), each["name"], state.way(each), where))]

        keys = [("l", "look again", state.again)]
        if talk.knows("change"):
            keys.append(("+", "add one", lambda: tables.add(talk, "destination")))
        turned = yield from page.turn(
            "Destinations", head, summary["destinations"], line, lambda each: _one(talk, each), keys,
            "No destination is configured.",
        )  # fmt: skip
        if turned != page.AGAIN:
            return


def _one(talk, each):
    now = talk.box.spool.now()
    known = config.destination(talk.box.config, each["name"])
    jobs = each["jobs"]
    words = ", ".join(["%d %s" % (number, kind) for kind, number in jobs.items()])
    found = [("Where", config.where(known) if known else "not in the configuration any more"), ("Jobs", words)]
    way = state.way(each)
    if each.get("since"):
        way += " since " + ago(each["since"], now).replace(" ago", "")
    found.append(("Way", way))
    if each["error"]:
        found.append(("Error", each["error"]))
    if each.get("bytes_per_s"):
        found.append(("Rate", size(each["bytes_per_s"]) + "/s"))
    options = [("1", "Test it, layer by layer")] if talk.knows("test") and known else []
    if talk.knows("change") and known:
        options.append(("2", "Take it out of the configuration"))
    chosen = yield from page.menu("Destination " + each["name"], page.pairs(found), options)
    if chosen == "1":
        yield from test(talk, each["name"])
    elif chosen == "2":
        number = 1 + [one.name for one in talk.box.config.destinations].index(each["name"])
        return (yield from tables.take_out(talk, "destination", number, each["name"]))
    return None


def test(talk, name):
    """Test the way to a destination; each layer is written as it is found."""
    yield Show(["", "Testing %s; ^C breaks off ..." % plain(name)])
    yield Step()
    rows = Rows(talk.ask("test", destination=name))
    for row in rows:
        mark = {True: "ok", False: "FAILS", None: "-"}[row["ok"]]
        took = "%d ms" % row["ms"] if row.get("ms") is not None else ""
        lead = columns((13, 6, -8, 0), (row["layer"], mark, took, ""))
        yield Show(wrapped("%s  %s" % (lead.ljust(29), row.get("words") or ""), indent=" " * 31))
        if row.get("cure"):
            yield Show([" " * 31 + each for each in wrapped("-> " + row["cure"], 48)])
        yield Step()
    good = (rows.summary or {}).get("ok")
    yield Show(["", "%s can be delivered to." % plain(name) if good else "%s cannot be delivered to." % plain(name)])
    yield Ask("Enter: back ")
