"""What came in: studies to be searched, and a study with its series, its images in small, and where each went."""

from edge.verbs.verb import Misused
from edge.web import media, page, words
from edge.web.markup import el, join

_SHOWN = 48  # images of a page
SMALL, NOT_FOR_DIAGNOSIS = 96, "Not for diagnosis."
_STATES = (("waiting", "off", "waiting"), ("held", "warn", "held"), ("sent", "busy", "to be committed"),
           ("delivered", "ok", "delivered"))  # fmt: skip
_NAMES = {"waiting": "waiting for", "sending": "on the way to", "held": "held for", "sent": "to be committed by",
          "delivered": "delivered to"}  # fmt: skip
_FIELDS = (
    ("text", "Name, ID or words", {}),
    ("modality", "Modality", {"maxlength": 16, "size": 4}),
    ("date_from", "Study date from", {"type": "date"}),
    ("date_to", "to", {"type": "date"}),
)


def person(name):
    """Return a patient's name as people write it: the first group, family name first."""
    parts = [part.strip() for part in (name or "").partition("=")[0].split("^")]
    family, rest = parts[0], " ".join([part for part in parts[1:3] if part])
    return ", ".join([part for part in (family, rest) if part]) or "no name"


def day(date):
    """Return a date of DICOM as 2026-11-23."""
    date = date or ""
    return "%s-%s-%s" % (date[:4], date[4:6], date[6:]) if len(date) == 8 and date.isdigit() else date or "no date"


def listed(ask, request):
    """Return the page of all studies."""
    asked = page.asked("text", "patient", "accession", "modality", "date_from", "date_to", numbers=("after",))
    wanted = asked(request.args)
    rows, told = ask("studies", **wanted)
    lines = []
    for each in rows:
        lines.append(
            (
                page.link(person(each["patient_name"]), "/study", key=each["study_key"]),
                each["patient_id"] or "–",
                el("span", day(each["date"]), class_="whole"),
                _what(each) or "–",
                "%s, %s" % (words.count(each["objects"], "object"), words.octets(each["bytes"])),
                words.when(each["last"]),
                _ways(each["destinations"]),
            )
        )
    heads = ("Patient", "ID", "Date", "What", "How much", "Last received", "Where it went")
    none = "Nothing that is kept is like that." if wanted else "Nothing has come in yet."
    older = told["after"] and page.link("Older ones", "/studies", **{**request.args, "after": told["after"]})
    return join(
        page.search(
            "/studies",
            [page.field(label, name, request.args.get(name, ""), **more) for name, label, more in _FIELDS],
            page.button("Search", "quiet"),
            (wanted or None) and page.link("Show all", "/studies"),
        ),
        page.card("", page.table("Studies, the newest first", heads, lines, none), older and el("p", older)),
    )


def _what(each):
    """Return modalities and description of a study; a modality that the description begins with is said once."""
    described = each["description"] or ""
    return " ".join([*[one for one in each["modalities"] if not described.startswith(one)], described]).strip()


def _ways(destinations):
    """Return where a study went: a state for each destination, what is wrong before what is well."""
    found = []
    for each in destinations:
        states = [page.state(kind, "%s %d" % (label, each[key])) for key, kind, label in _STATES if each[key]]
        found.append(el("div", each["name"], ": ", join(states, between=" ")))
    return found or page.state("warn", "nowhere")


def shown(ask, request):
    """Return the page of one study."""
    args = request.args
    asked = page.asked("series", numbers=("key", "after"))(args)
    if "key" not in asked:
        raise Misused("say which study: choose one of the list")
    key, series = asked.pop("key"), args.get("series")
    rows, told = ask("study", study_key=key, limit=_SHOWN, **asked)
    more = told["after"] and page.link("More of them", "/study", key=key, series=series, after=told["after"])
    return join(
        page.card(
            person(told["patient_name"]),
            page.facts(
                ("Patient ID", told["patient_id"] or "none"),
                ("Study", join(day(told["date"]), told["description"] and " " + told["description"])),
                ("Accession", told["accession"] or None),
                ("Study UID", el("code", told["study"])),
                ("What", "%s in %s, %s" % (
                    words.count(told["objects"], "object"), words.count(told["series"], "series", "series"),
                    words.octets(told["bytes"]))),
                ("Received", _while(told["received"], told["last"])),
                ("Where it went", _ways(told["destinations"])),
            ),
            take_away("Download as ZIP", "study-%d.zip" % key, study_key=key),
        ),
        send_form(ask, request, study_key=key),
        media.form(ask, request, key, told["study"]),
        page.card("Series", _series(key, told["all_series"], series)),
        page.card(
            "Objects of one series" if series else "Objects",
            el("p", NOT_FOR_DIAGNOSIS, class_="soft"),
            el("ul", [_small(each) for each in rows], class_="thumbs"),
            more and el("p", more),
        ),
    )  # fmt: skip


def _while(began, ended):
    begin, end = words.when(began), words.when(ended)
    return end if ended - began < 60 else join(begin, " to ", end)


def _series(key, all_series, chosen):
    rows = []
    for number, each in enumerate(all_series, 1):
        about = "series %d" % number
        away = take_away("ZIP", "study-%d-series-%d.zip" % (key, number), study_key=key, series=each["series"])
        name = page.link(about, "/study", key=key, series=each["series"])
        name = el("b", about) if each["series"] == chosen else name
        rows.append((name, each["modality"] or "–", words.figure(each["objects"]), words.octets(each["bytes"]), away))
    heads = ("Series", "Modality", "Objects", "Size", "")
    back = chosen and el("p", page.link("Show all series", "/study", key=key))
    return join(page.table("Series of the study", heads, rows), back)


def take_away(label, name, **which):
    """Return a link that downloads; only to those who may."""
    href = page.at("/api/v1/download", **which)
    return el("a", label, href=href, download=name, class_="button quiet for-operator")


def _small(each):
    about = "%s %s" % (each["modality"] or each["kind"], each["number"] or each["id"])
    if each["picture"]:
        src = page.at("/api/v1/picture", object=each["id"], size=SMALL)
        seen = el("img", src=src, alt="", loading="lazy", width=SMALL, height=SMALL)
    else:
        seen = el("span", "¶", aria_hidden="true", class_="no-image")
        about = each["kind"]
    held = each["hold"] and page.state("warn", "held")
    return el("li", el("a", seen, el("span", about), href=page.at("/picture", object=each["id"])), held)


def went(destinations):
    """Return the states of one object's deliveries."""
    kinds = {key: kind for key, kind, _ in _STATES}
    kinds["sending"] = "busy"
    return [
        el("div", page.state(kinds[each["state"]], "%s %s" % (_NAMES[each["state"]], each["name"])))
        for each in destinations
    ] or page.state("warn", "goes nowhere")


def send_form(ask, request, **which):
    """Return what sends an object or a study again; folded away."""
    names = [each["name"] for each in ask("status")[1]["destinations"] if each["configured"]]
    if not names:
        return None
    hidden = [el("input", type="hidden", name=name, value=value) for name, value in which.items()]
    inside = page.form(
        request, "/study/send", hidden, page.choose("To", "destination", names),
        el("p", "It is sent also where it was delivered before.", class_="soft"), page.button("Send again"),
    )  # fmt: skip
    return el("section", page.sure("Send again", inside), class_="card for-operator")


def _sent(form, done):
    held = done["held"]
    kept = ", %s, which has to be released first" % words.count(held, "is held", "are held") if held else ""
    return "%s queued for %s%s." % (words.count(done["queued"], "object"), form["destination"], kept)


def _back(form, summary):
    if form.get("study_key"):
        return page.at("/study", key=form["study_key"])
    return page.at("/picture", object=form.get("object"))


PAGES = (
    page.Page("/studies", "Studies", "viewer", listed, page.WORK),
    page.Page("/study", "Study", "viewer", shown),
)
ACTIONS = (
    page.Action(
        "/study/send", "send-again", page.asked("destination", numbers=("object", "study_key")), _sent, _back
    ),
)
