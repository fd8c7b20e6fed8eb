"""The state of the box on a page, and what happened to it lately."""

from edge.console.text import about, ago, ahead, count, listing, size, span
from edge.terminal import page, shapes
from edge.terminal.plain import columns, wrapped


def state(talk):
    """Show how the box does, as often as somebody looks."""
    while True:
        _, now = talk.told("status")
        turned = yield from page.turn(
            "State of the box", (), lines(now), lambda each: [each], keys=[("l", "look again", again)]
        )
        if turned != page.AGAIN:
            return


def again():
    """Have the list that is shown read anew."""
    return page.AGAIN
    yield  # a screen is a generator, this one without a page


def headline(now):
    """Return one line on a status: whether all is well."""
    found = now["troubles"]
    if found:
        return "ATTENTION: " + (count(len(found), "thing is", "things are") + " wrong, see 1")
    if not now["takes_objects"]:
        return "ATTENTION: the box takes no objects, it is full."
    down = [each["name"] for each in now["destinations"] if each["configured"] and each["up"] is False]
    if down:
        return "ATTENTION: the way to %s is down; what is for it waits." % listing(down)
    unused = [
        each["name"] for each in now["destinations"]
        if each["configured"] and not each.get("routed", True) and not any(each["jobs"].values())
    ]  # fmt: skip
    if unused:
        return "ATTENTION: no route leads to %s; add one." % listing(unused)
    return "All is well."


def lines(now):
    """Return a status as lines."""
    found = [headline(now).replace(", see 1", ":")]
    for each in now["troubles"]:
        found += wrapped("! %s (%s)" % (each["error"], ago(each["since"], now["now"])), indent="  ")
    kept = now["kept"]
    held = ", %d held" % kept["held"] if kept["held"] else ""
    room = "%.0f %% taken, %s left" % (now["taken_percent"], size(max(0, now["usable_bytes"] - kept["bytes"])))
    if now["full_in_s"] is not None:
        room += ", full in about " + about(now["full_in_s"])
    about_it = [("Kept", "%s, %s%s" % (count(kept["objects"], "object"), size(kept["bytes"]), held)), ("Room", room)]
    about_it += _machine(now)
    found += ["", *page.pairs(about_it)]
    found += _modalities(now)
    found += _destinations(now)
    return found


def _machine(now):
    """Return what the box says of the machine: clock, board, version, certificates; whatever it has of that."""
    found = []
    clock = now.get("clock")
    if clock:
        words = "trusted" if clock.get("trusted") else "NOT TRUSTED"
        if clock.get("source"):
            words += ", set by %s" % ("nothing" if clock["source"] == "none" else clock["source"])
        if clock.get("offset_s") is not None:
            words += ", %+.3f s off" % clock["offset_s"]
        found.append(("Clock", words))
    board = now.get("board") or {}
    words = []
    if board.get("temperature_c") is not None:
        words.append("%.0f deg C" % board["temperature_c"])
    if board.get("undervoltage"):
        words.append("POWER TOO LOW")
    storage = board.get("storage") or {}
    if storage.get("read_only"):
        words.append("STORAGE IS READ-ONLY")
    if storage.get("wear_percent") is not None:
        words.append("storage worn by %.0f %%" % storage["wear_percent"])
    if words:
        found.append(("Board", ", ".join(words)))
    for each in now.get("certificates") or ():
        if each.get("expires") is not None:
            left = each["expires"] - now["now"]
            how = "expires in " + about(left) if left > 0 else "HAS EXPIRED"
            found.append(("Certificate", "%s: %s" % (each.get("use", ""), how)))
    if now.get("version"):
        since = ", up for " + span(now["now"] - now["began"]) if now.get("began") else ""
        found.append(("Version", "%s%s" % (now["version"], since)))
    return found


def _modalities(now):
    seen = now.get("modalities") or ()
    if not seen:
        return []
    widths = (16, 24, 14, 9, 0)
    found = ["", columns(widths, ("Modality", "Address", "Last", "Objects", "Bytes"))]
    for each in seen:
        last = "sends now" if each.get("open") else ago(each["last"], now["now"]) if each.get("last") else "-"
        octets = size(each.get("bytes") or 0)
        found.append(columns(widths, (each["calling"], each["address"], last, str(each.get("objects", "")), octets)))
    return found


def _destinations(now):
    if not now["destinations"]:
        return ["", "Destinations: none is configured; objects are kept and held."]
    widths = (22, 9, -8, -9, -6, 10, 0)
    found = ["", columns(widths, ("Destination", "Way", "Waiting", "Delivered", "Held", " Oldest", "Next try"))]
    for each in now["destinations"]:
        jobs = each["jobs"]
        found.append(
            columns(
                widths,
                (
                    each["name"],
                    way(each),
                    str(jobs["waiting"] + jobs["sending"]),
                    str(jobs["delivered"] + jobs["sent"]),
                    str(jobs["held"]),
                    " " + span(now["now"] - each["oldest"]) if each["oldest"] is not None else " -",
                    ahead(each["next_try"], now["now"]) if each["next_try"] else "-",
                ),
            )
        )
        if each["error"] and each["up"] is False:
            found += ["    " + line for line in wrapped(each["error"], 75)]
    return found


def way(destination):
    """Return in a word how the way to a destination of a status is."""
    if not destination["configured"]:
        return "REMOVED"
    if destination["up"] is False:
        return "DOWN"
    if destination["opens_at"]:
        return "closed"
    return "up" if destination["up"] else "untried"


def happened(talk):
    """Show events, alerts or the log, whichever the box keeps."""
    offers = [
        ("events", "Events, in words"),
        ("alerts", "Alerts, and where they were sent"),
        ("log", "The log"),
    ]
    options = [(str(number), each) for number, each in enumerate([each for each in offers if talk.knows(each[0])], 1)]
    if not options:
        yield from page.note("Events and log", "This box keeps no list of events. Its log goes to its stderr.")
        return
    while True:
        chosen = yield from page.menu("Events and log", (), [(key, each[1]) for key, each in options])
        if chosen is None:
            return
        name, title = dict(options)[chosen]
        yield from page.within(_records(talk, name, title))


def _records(talk, name, title):
    arguments = {} if name == "alerts" else {"limit": 500}
    while True:
        rows, _ = talk.told(name, **arguments)
        rows.sort(key=_when, reverse=True)
        keys = [("l", "look again", again)]
        if (yield from page.turn(title + ", the latest first", (), rows, _record, keys=keys, empty="None.")) is None:
            return


def _when(row):
    return row.get("at") or row.get("since") or 0


def _record(row):
    words = row.get("words") or ""
    level = row.get("level") or ("over" if row.get("until") else "now")
    lead = "%s %-7s " % (shapes.moment(_when(row)), str(level)[:7])
    room = row.get("room")
    return [each.rstrip() for each in wrapped(lead + ("%s: " % room if room else "") + words, indent=" " * 20)]
