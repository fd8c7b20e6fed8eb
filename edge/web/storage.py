"""Storage: how much room there is, how worn the card or disk is, and whether it can still be written."""

from edge.web import home, page, words
from edge.web.markup import el


def render(ask, request):
    """Return the page."""
    return el("div", el("div", live(ask, {})["storage"], data_live="storage"), _board(ask("board")[1]), class_="stack")


def _board(found):
    """Return what machine it is, and what of it is missing."""
    missing = [each["name"] for each in found["parts"] if each["is_there"] is False]
    lacks = page.state("warn", "missing: " + ", ".join(missing)) if missing else page.state("ok", "nothing is missing")
    return page.card(
        "Board",
        page.facts(
            ("Board", found["title"] or "no profile knows it"),
            ("Known because", found["how"]),
            ("Calls itself", found["model"] or None),
            ("Works", found["tier"]),
            ("Of it", lacks if found["title"] else None),
            ("Mistakes", "; ".join(found["mistakes"]) or None),
        ),
    )


def live(ask, args):
    """Return what changes on the page."""
    found = ask("status")[1]
    storage = found["board"]["storage"]
    kept = found["kept"]
    room = page.facts(
        ("Free", words.octets(found["free_bytes"])),
        ("Kept in reserve", words.octets(found["reserve_bytes"])),
        ("For objects", words.octets(found["usable_bytes"])),
        ("Objects", "%s, %s" % (words.count(kept["objects"], "object"), words.octets(kept["bytes"]))),
        ("Full in", _full_words(found)),
        ("Folder", el("code", found["state_dir"])),
    )
    wear, written = storage["wear_percent"], storage["written_bytes"]
    loud = page.flash(
        "bad",
        "The disk can only be read: nothing is taken in, and no change is kept. Replace the card or disk.",
    )
    health = page.facts(
        ("Can be written", _writing(storage["read_only"], found["free_bytes"])),
        ("Wear", home.worn(storage) or "the kernel does not tell"),
        ("Written", words.octets(written) if written is not None else "the kernel does not tell"),
        ("Faults", words.figure(storage["faults"]) if storage["faults"] is not None else None),
        ("Device", storage["device"] and el("code", storage["device"])),
    )
    return {
        "storage": el(
            "div",
            storage["read_only"] and loud,
            page.card(
                "Space",
                page.meter("%d %% taken" % round(found["taken_percent"]), found["taken_percent"], 100, 80, 95),
                room,
            ),
            page.card(
                "Health",
                wear is not None and page.meter("%d %% of its life is used" % wear, min(wear, 100), 100, 80, 95),
                health,
            ),
            id="storage",
            class_="stack",
        )
    }


def _full_words(found):
    if not found["takes_objects"]:
        return "it is full: nothing new is taken"
    full = found["full_in_s"]
    return words.span(full) + ", as it goes now" if full is not None else "it does not fill up"


def _writing(read_only, free_bytes):
    if read_only:
        return page.state("bad", "no")
    return page.state("ok", "yes") if free_bytes else page.state("bad", "no: it is full")


NEEDS = ("health", "board")
PAGES = (page.Page("/storage", "Storage", "viewer", render, page.KEEP),)
ACTIONS = ()
LIVE = (page.Live("storage", "viewer", live),)
