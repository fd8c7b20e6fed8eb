"""Home: one look says whether all is well, and if not, what to do."""

from edge import VERSION
from edge.web import page, said, words
from edge.web.markup import el, join

_SOON_S = 30 * 86400  # a certificate that ends within this is said to
_HOT_C = 75
_STORAGE = {"read_only": False, "wear_percent": None}
# What a status may leave out, where nobody watches the machine
_UNTOLD = {
    "modalities": (),
    "clock": {"trusted": True, "source": "none"},
    "board": {"temperature_c": None, "undervoltage": None, "storage": _STORAGE},
    "certificates": (),
    "version": VERSION,
    "began": None,
}


def render(ask, request):
    """Return the page."""
    parts = live(ask, {})
    head = el("div", parts["headline"], aria_live="polite")
    return el("div", head, parts["way"], parts["troubles"], parts["about"], data_live="home", class_="home stack")


def live(ask, args):
    """Return what changes on the page, all of it."""
    rows, found = ask("status")
    found = {**_UNTOLD, **found}
    return {
        "headline": headline(found),
        "way": el("div", _seen(found), _box(found, rows), _there(found), class_="way", id="way"),
        "troubles": _troubles(found),
        "about": _about(found),
    }


# --- the headline -----------------------------------------------------------------------------------------------------


def headline(found):
    """Return in a few words how the box does; found: what `status` says."""
    kind, short = verdict(found)
    return el("div", el("b", short), _more(found), class_="headline " + kind, id="headline")


def verdict(found):
    """Return ("ok", "warn" or "bad", words): whether all is well."""
    if not found["running"]:
        return "bad", "The box does not run"
    if found["board"]["storage"]["read_only"]:
        return "bad", "The disk can only be read"
    if not found["takes_objects"]:
        return "bad", "The box is full"
    down = [each["name"] for each in found["destinations"] if each["configured"] and each["up"] is False]
    number = len(found["troubles"])
    if number > 1:
        return "warn", "%d things need attention" % number
    if number:
        return "warn", "One thing needs attention"
    if down:
        return "warn", "%s cannot be reached" % " and ".join(down)
    unused = [each["name"] for each in found["destinations"] if _leads_nowhere(each) and not any(each["jobs"].values())]
    if unused:
        return "warn", "No route leads to %s" % " and ".join(unused)
    return "ok", "All is well"


def _more(found):
    waiting = sum(each["jobs"]["waiting"] + each["jobs"]["sending"] for each in found["destinations"])
    held = sum(each["jobs"]["held"] for each in found["destinations"]) + found["kept"]["held"]
    if not found["kept"]["objects"]:
        line = "Nothing has come in yet."
    elif waiting or held:
        parts = [waiting and "%s on the way" % words.count(waiting, "delivery is", "deliveries are")]
        parts.append(held and "%s held until somebody decides" % words.figure(held))
        line = "%s; everything else was delivered." % ", ".join([each for each in parts if each])
    else:
        line = "Nothing waits, and nothing is held."
    down = [each["name"] for each in found["destinations"] if each["configured"] and each["up"] is False]
    if down and found["troubles"]:  # without any, the words above this line say it
        line += " %s cannot be reached." % " and ".join(down)
    if not found["takes_objects"]:
        line += " Modalities are told to try again later."
    return el("p", line)


# --- the way of the bytes ---------------------------------------------------------------------------------------------


def _seen(found):
    """Return a card for each modality that was seen, the latest first."""
    now = found["now"]
    cards = []
    for each in sorted(found["modalities"], key=lambda one: -(one["last"] or 0))[:6]:
        much = "%s, %s" % (words.count(each["objects"], "object"), words.octets(each["bytes"]))
        what = page.state("ok", "sending now") if each["open"] else join("last seen ", words.when(each["last"], now))
        cards.append(
            page.card(
                each["calling"] or "(no AE title)",
                el("p", what),
                el("p", much, class_="soft"),
                el("p", "from ", each["address"], class_="soft"),
            )
        )
    if not cards:
        hint = "As soon as a modality sends, it is seen here. "
        refused = page.link("See who is refused", "/associations")
        cards.append(page.card("No modality seen yet", el("p", hint, refused)))
    return el("div", cards)


def _box(found, rows):
    taken, free = found["taken_percent"], words.octets(found["free_bytes"])
    full = found["full_in_s"]
    space = "full in %s, as it goes now" % words.span(full) if full is not None else "not filling up"
    kept = found["kept"]
    takes = page.state("ok", "takes objects") if found["takes_objects"] else page.state("bad", "takes nothing")
    return el(
        "div",
        page.card(
            "This box",
            el("p", takes),
            page.meter("%d %% of the space is taken, %s free" % (round(taken), free), taken, 100, 80, 95),
            page.facts(
                ("Space", space),
                ("Keeps", "%s, %s" % (words.count(kept["objects"], "object"), words.octets(kept["bytes"]))),
                ("Receiving", words.count(len(rows), "association") if rows else "nothing at the moment"),
            ),
        ),
        class_="mid",
    )


def _there(found):
    """Return a card for each destination."""
    cards = [_destination(each, found["now"]) for each in found["destinations"]]
    if not cards:
        add = page.link("Add one", "/destination")
        cards = [page.card("No destination", el("p", "What comes in is kept here. ", add))]
    return el("div", cards)


def link_state(each, now):
    """Return the state of the way to a destination, of which `status` says `each`."""
    since = " for " + words.span(now - each["since"]) if each.get("since") else ""
    if not each["configured"]:
        return page.state("warn", "not in the configuration")
    if each["up"] is False:
        return page.state("bad", "down" + since)
    if each["opens_at"]:
        return page.state("off", join("waits for its hours, ", words.when(each["opens_at"], now)))
    if each["jobs"]["sending"] or each["sessions"]:
        speed = each.get("bytes_per_s")
        return page.state("busy", "sending" + (", " + words.rate(speed) if speed else ""))
    return page.state("ok", "up" + since) if each["up"] else page.state("off", "not tried yet")


def _destination(each, now):
    jobs, name = each["jobs"], each["name"]
    waiting = jobs["waiting"] + jobs["sending"]
    oldest = waiting and each["oldest"] and ", the oldest for " + words.span(now - each["oldest"])
    held = page.link(words.figure(jobs["held"]), "/queue", destination=name, state="held")
    pairs = (
        ("Waiting", words.figure(waiting) + (oldest or "") if waiting else "nothing"),
        ("Held", held if jobs["held"] else None),
        ("To be committed", words.figure(jobs["sent"]) if jobs["sent"] else None),
        ("Next try", words.when(each["next_try"], now) if each["next_try"] and not each["up"] and waiting else None),
    )
    why = each["up"] is False and each["error"] and el("p", said.words(each["error"]), class_="soft")
    return page.card(name, el("p", link_state(each, now)), unrouted(each), page.facts(*pairs), why)


def _leads_nowhere(each):
    return each["configured"] and not each.get("routed", True)


def unrouted(each):
    """Return what there is to say of a destination to which no route leads, and the way to mend it; or None."""
    if not _leads_nowhere(each):
        return None
    add = page.link("Add a route", "/settings/edit", section="route")
    return el("p", page.state("warn", "no route leads there"), " It gets only what is sent by hand. ", add)


# --- what is wrong, and the rest --------------------------------------------------------------------------------------


def _troubles(found):
    if not found["troubles"]:
        return el("div", id="troubles")
    return page.card("What needs attention", [trouble(each, found["now"]) for each in found["troubles"]], id="troubles")


def trouble(each, now):
    """Return what is wrong, since when, and the way to where it is mended."""
    next_step = said.cure(each["key"])
    return el(
        "div",
        el("p", said.words(each["error"])),
        el("p", "Since ", words.when(each["since"], now), next_step and [". ", next_step], class_="soft"),
        class_="trouble warn",
    )


def _about(found):
    board = found["board"]
    pairs = [
        ("Time", _clock(found)),
        ("Temperature", _warm(board["temperature_c"])),
        ("Power", _power(board["undervoltage"])),
        ("Storage", worn(board["storage"])),
    ]
    pairs += [("Certificate", _certificate(each, found["now"])) for each in found["certificates"]]
    since = ", running since " + words.instant(found["began"]) if found["began"] else ""
    pairs.append(("Version", found["version"] + since))
    return page.card("The box itself", page.facts(*pairs), id="about")


def _clock(found):
    clock, at = found["clock"], words.instant(found["now"])[:-3]
    if clock["trusted"] and clock["source"] == "none":
        return join(at, " ", page.state("off", "nothing sets it"))
    if clock["trusted"]:
        return join(at, " ", page.state("ok", "set by " + clock["source"]))
    return join(at, " ", page.state("warn", "not to be trusted: " + (clock["why"] or clock["source"])))


def _warm(degrees):
    if degrees is None:
        return None
    hot = degrees >= _HOT_C
    return page.state("warn" if hot else "ok", "%d °C%s" % (degrees, ", too hot" if hot else ""))


def _power(low):
    if low is None:
        return None
    return page.state("bad", "too low a voltage: use a better supply") if low else page.state("ok", "good")


def worn(storage):
    """Return how worn the card or disk is, None when nobody knows."""
    if storage["read_only"]:
        return page.state("bad", "can only be read: replace the card or disk")
    wear = storage["wear_percent"]
    if wear is None:
        return None
    return page.state("ok" if wear < 80 else "warn", "%d %% worn" % wear)


def _certificate(each, now):
    left = each["expires"] - now
    when = words.when(each["expires"], now)
    if left <= 0:
        return page.state("bad", join(each["use"], ": ended ", when))
    return page.state("ok" if left > _SOON_S else "warn", join(each["use"], ": ends ", when))


PAGES = (page.Page("/", "Home", "viewer", render, page.BOX),)
ACTIONS = ()
LIVE = (page.Live("home", "viewer", live),)
