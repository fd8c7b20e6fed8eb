"""Discs, sticks and folders: exports with how far they are and what came of them, and what can be taken in."""

from edge.verbs.media import Once
from edge.verbs.verb import Misused
from edge.web import page, said, words
from edge.web.markup import Markup, el, join

_SHOWN = 50
_KINDS = {"waiting": "off", "running": "busy", "done": "ok", "failed": "bad", "cancelled": "off"}
_BADLY = 20  # of the reasons why files were not taken in, so many are told with a file


def render(ask, request):
    """Return the page."""
    return join(
        page.presses(request, "/media/cancel", "/media/retry", "/media/import"),
        el("div", live(ask, {})["exports"], data_live="media"),
        _here(ask),
        page.card(
            "Export a study",
            el("p", "Choose it among ", page.link("the studies", "/studies"), "; its page has what it takes."),
            class_="for-operator",
        ),
        _archives(ask, request),
    )


def _archives(ask, request):
    """Return what asks an archive for studies that are not here; None where no archive can be asked."""
    known = ask("settings", section="destination")[0]
    names = [each["name"] for each in known if each["key"] == "kind" and each["text"] == "dicom"]
    if not names:
        return None
    inside = page.form(
        request,
        "/media/archive",
        page.choose("Archive", "from", names),
        page.field("Patient ID", "patient", of=" in an archive"),
        page.field("Accession number", "accession", of=" in an archive"),
        page.field("Study Instance UID", "study", "", "One of the three.", of=" in an archive"),
        page.button("Ask the archive"),
    )
    return page.card("Fetch from an archive, then export", inside, class_="for-operator")


def render_archive(ask, request):
    """Return the page of what an archive has, with what fetches one of its studies and exports it."""
    asked = {name: request.form.get(name, "").strip() for name in ("from", "patient", "accession", "study")}
    rows, _ = ask("ask-archive", **asked)
    back = el("p", page.link("All media", "/media"))
    if not rows:
        return join(back, el("p", "%s has no such study: look at what was typed, or ask another." % asked["from"]))
    found = [(each["study"], _there(each)) for each in rows]
    choice = page.choose("Study", "study", found, of=" of an archive")
    return join(back, form(ask, request, None, choice, asked["from"]))


def _there(each):
    objects = "" if each["objects"] is None else words.count(each["objects"], "object")
    told = each["study_date"], each["patient_name"], each["study_description"], " ".join(each["modalities"]), objects
    return ", ".join([part for part in told if part]) or each["study"]


def live(ask, args):
    """Return what changes on the page."""
    now = ask("status")[1]["now"]
    rows = []
    for each in ask("exports")[0][:_SHOWN]:
        rows.append(
            (
                each["export"],
                join(each["to"], el("p", _about(each), class_="soft")),
                words.when(each["asked"], now),
                _state(each),
                _do(each),
            )
        )
    heads = ("Export", "To", "Asked", "What came of it", "")
    none = "Nothing was exported yet."
    return {"exports": page.card("Exports", page.table("Exports, the newest first", heads, rows, none), id="exports")}


def _about(each):
    ways = [each["profile"], each["deidentified"] and "de-identified", not each["viewer"] and "without viewer",
            each["protected"] and "protected"]  # fmt: skip
    return ", ".join([way for way in ways if way])


def _state(each):
    if each["stage"] is not None:
        left = "" if each["left_s"] is None else ", %s left" % words.span(each["left_s"])
        return page.progress(each["stage"] + left, each["done"], each["total"])
    is_short = each["state"] == "done" and (each["left_out"] or each["later"])
    state = page.state("warn" if is_short else _KINDS[each["state"]], each["words"] or each["state"])
    more = [*each["reasons"], *each["notes"]]
    listed = more and page.sure("What to know", el("ul", [el("li", said.words(one)) for one in more]),
                                about="export %d" % each["export"])  # fmt: skip
    made = [el("p", _made(one), _sheets(each, at, one), class_="soft") for at, one in enumerate(each["volumes"], 1)]
    return join(state, made, listed or None)


def _made(one):
    label = "" if one["label"] == "1 of 1" else one["label"] + ": "
    return "%s%s, %s, %s" % (label, one["path"], words.count(one["objects"], "object"), words.octets(one["bytes"]))


def _sheets(each, volume, one):
    """Return links to the label and the cover sheet of a volume, where it has them."""
    found = []
    for which, caption in (("label", "Label"), ("cover", "Cover sheet")) if one["sheets"] else ():
        href = page.at("/api/v1/export-sheet", export=each["export"], volume=volume, which=which)
        name = "export-%d-%d-%s.pdf" % (each["export"], volume, which)
        found += [" ", el("a", caption, href=href, download=name, class_="button quiet for-operator")]
    return found


def _do(each):
    about = "export %d" % each["export"]
    if each["state"] in ("waiting", "running"):
        return page.press("Cancel", "/media/cancel", about=about, export=each["export"])
    if each["state"] in ("failed", "cancelled"):
        again = "Try another disc" if each["to"].startswith("burner:") else "Try again"
        return page.press(again, "/media/retry", about=about, export=each["export"])
    return None


def _here(ask):
    """Return what media are here, with the taking in of those that have something on them."""
    rows = []
    for each in ask("media")[0]:
        take = None
        if each["kind"] != "burner":
            label = "Take in its objects" if each["has_set"] else "Look for objects"
            take = page.press(label, "/media/import", about=each["name"], medium=each["path"])
        free = "–" if each["free"] is None else words.octets(each["free"])
        what = page.state("ok", "a DICOM file-set") if each["has_set"] else "–"
        rows.append((each["name"] or each["path"], each["kind"], each["path"], what, free, take))
    heads = ("Name", "Kind", "Where", "What is on it", "Free", "")
    none = "No stick or disc is mounted, and no burner is here. Put one in, and load this page again."
    return page.card("Burners, sticks and discs", page.table("Media that are here", heads, rows, none))


def form(ask, request, key, study, source=None):
    """Return what exports a study; folded away. key: its number; study: its UID.

    source: the archive that it is fetched from; then key is None, and study what one of several is chosen with.
    """
    places = [("iso", "an image of a disc (ISO)"), ("zip", "a ZIP archive"), ("dir", "a folder on the box")]
    for each in ask("media")[0]:
        if each["kind"] == "burner":
            places.insert(0, ("burner:" + each["path"], "the burner %s" % (each["name"] or each["path"])))
        elif each["kind"] == "stick":
            places.insert(0, ("usb:" + each["path"], "the stick %s" % each["name"]))
    known = (("from", source),) if source else (("study", study), ("study_key", key))
    hidden = [el("input", type="hidden", name=name, value=value) for name, value in known]
    if source:
        hidden.append(study)
    inside = page.form(
        request,
        "/study/export",
        hidden,
        page.choose("To", "place", places, of=" of an export"),
        page.field("Name of the file or folder", "name", "study-%d" % key if key else "fetched",
                   "For an image, an archive or a folder."),
        page.choose("With a viewer", "viewer", [("", "as the settings say"), ("yes", "yes"), ("no", "no")]),
        page.choose("De-identified", "deidentify", [("", "no"), ("yes", "yes")]),
        page.field("Password", "password", "", _PASSWORD, of=" of an export", type="password",
                   autocomplete="new-password", maxlength=256),
        page.text("Or for a receiver", "receiver", "", "A certificate (PEM), whose private key opens it.", rows=2),
        page.choose("Label and cover sheet", "sheets", [("", "no"), ("yes", "yes, as PDF")]),
        not source and page.choose("While the study is still coming in", "wait", _WAIT),
        page.button("Export"),
        page.button("Export with a new password", "quiet", formaction="/media/protected"),
    )  # fmt: skip
    if source:
        heading = "Fetch from %s, and export to a disc, a stick or a file" % source
        return page.card(heading, inside, class_="for-operator")
    return el("section", page.sure("Export to a disc, a stick or a file", inside), class_="card for-operator")


_WAIT = [("", "begin at once"), ("yes", "wait for it")]


_PASSWORD = (
    "Leave it empty for none. An archive is encrypted with it; anything else becomes a secure file-set (DICOM PS3.15), "
    "without pages and viewer. The box does not keep it."
)


def render_protected(ask, request):
    """Have a study exported with a password that the box makes; return the page that shows it: once."""
    asked = _asked({**request.form, "password": ""})
    _, done = ask("export", **asked, new_password=True)
    return join(
        el("p", _begun(None, done), " This is its password. It is shown this once, and not kept."),
        el("pre", el("code", done["password"])),
        el("p", "Hand it over by another way than the volume. ", page.link("All media", "/media")),
    )


def _asked(form):
    """Return the arguments of the verb `export` for a form."""
    place = form.get("place", "")
    if not form.get("study") or not place:
        raise Misused("say which study, and where to")
    to = place if ":" in place else "%s:%s" % (place, form.get("name", "").strip())
    found = {"study": [form["study"]], "to": to, "deidentify": form.get("deidentify") == "yes"}
    if form.get("viewer"):
        found["viewer"] = form["viewer"] == "yes"
    if form.get("password"):
        found["password"] = form["password"]
    if form.get("receiver", "").strip():
        found["receivers"] = [form["receiver"]]
    if form.get("from"):
        found["from"] = form["from"]
    for name in ("sheets", "wait"):
        if form.get(name):
            found[name] = form[name] == "yes"
    return found


def _begun(form, done):
    """Return what to say of an export that was taken on: what should be known of it, too."""
    return " ".join(["Export %d has begun." % done["export"], *["Note: %s." % each for each in done["notes"]]])


def _back(form, done):
    if done is None and form.get("study_key"):
        return page.at("/study", key=form["study_key"])
    return "/media"


def render_import(ask, request):
    """Yield the page of what is taken in, and what of it was not."""
    path = page.given(request.form).get("medium", "")
    yield el("p", page.link("All media", "/media"))
    yield join(Markup('<section class="card">'), el("h2", path), Markup('<ul aria-live="polite">'))
    rows, badly, end, once = ask.each("import", path=path), 0, None, Once()
    while True:
        try:
            each = next(rows)
        except StopIteration as over:
            end = over.value
            break
        if each["error"] is not None:
            if once.is_new(each["error"]) and badly < _BADLY:
                badly += 1
                yield el("li", page.state("warn", each["path"]), " ", said.words(each["error"]))
        elif each["done"] % 100 == 0:
            yield el("li", "%d of %d files" % (each["done"], each["total"]))
    for number, error in once.more():
        yield el("li", page.state("warn", words.count(number, "more file")), " ", said.words(error))
    yield Markup("</ul>")
    told = [words.count(end["taken"], "object") + " taken in"]
    told += ["%d %s" % (end[name], text) for name, text in _ALSO if end[name]]
    fine = not end["left_out"] and not end["held"]
    yield el("p", page.state("ok" if fine else "warn", ", ".join(told)), class_="verdict")
    yield Markup("</section>")


_ALSO = (
    ("known", "here before"),
    ("held", "held"),
    ("left_out", "left out"),
    ("passed_over", "other files passed over"),
)

NEEDS = ("export", "exports", "export-sheet", "cancel-export", "retry-export", "import", "media",
         "ask-archive")
PAGES = (
    page.Page("/media", "Media", "viewer", render, page.WORK),
    page.Page("/media/protected", "A new password", "operator", render_protected, posted=True),
    page.Page("/media/archive", "What an archive has", "operator", render_archive, posted=True),
    page.Page("/media/import", "Taken in from media", "operator", render_import, streams=True, posted=True),
)
ACTIONS = (
    page.Action("/study/export", "export", _asked, _begun, _back),
    page.Action(
        "/media/cancel",
        "cancel-export",
        page.asked(numbers=("export",)),
        lambda form, done: "Export %d is being cancelled." % done["export"],
        lambda form, done: "/media",
    ),
    page.Action(
        "/media/retry",
        "retry-export",
        page.asked(numbers=("export",)),
        lambda form, done: "It is tried again as export %d." % done["export"],
        lambda form, done: "/media",
    ),
)
LIVE = (page.Live("media", "viewer", live),)
