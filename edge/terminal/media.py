"""Media on pages: exports and what came of them, a study to a disc or stick, objects of one taken in."""

from edge.terminal import page, plain
from edge.terminal.effects import Ask, Show, Step
from edge.terminal.plain import columns, cut, wrapped
from edge.terminal.talk import Rows
from edge.verbs.media import Once

_SHAPE = (5, 10, 30, 0)


def media(talk):
    """Choose what to do with media, and do it."""
    options = [("1", "Exports: how far they are, and what came of them")]
    if talk.knows("export"):
        options.append(("2", "Export a study"))
        options.append(("4", "Fetch a study from an archive, then export it"))
    if talk.knows("import"):
        options.append(("3", "Take in the objects of a stick or a disc"))
    chosen = yield from page.menu("Media", (), options)
    if chosen == "1":
        yield from _exports(talk)
    elif chosen == "2":
        yield from _studies(talk)
    elif chosen == "3":
        yield from _import(talk)
    elif chosen == "4":
        yield from _fetched(talk)


def _exports(talk):
    rows, _ = talk.told("exports")

    def line(each, number):
        words = each["words"] or each["state"]
        return [columns(_SHAPE, ("%d" % each["export"], each["state"], cut(each["to"], 29), cut(words, 30)))]

    head = [columns(_SHAPE, ("", "state", "to", "what came of it"))]
    yield from page.turn("Exports, the newest first", head, rows, line, lambda each: _one(talk, each["export"]))


def _one(talk, number):
    found = talk.told("exports", export=number)[0][0]
    body = wrapped("Export %d to %s: %s" % (number, found["to"], found["words"] or found["state"]))
    for words in [*found["reasons"], *found["notes"]][:10]:
        body += wrapped("- " + words)
    options = []
    if found["state"] in ("waiting", "running"):
        options.append(("1", "Follow it"))
        if talk.knows("cancel-export"):
            options.append(("2", "Cancel it"))
    elif found["state"] != "done" and talk.knows("retry-export"):
        options.append(("3", "Make it again, on another disc"))
    chosen = yield from page.menu("Export %d" % number, body, options)
    if chosen == "1":
        yield from _followed(talk, number)
    elif chosen == "2":
        talk.told("cancel-export", export=number)
        yield page.said("It is being cancelled.")
    elif chosen == "3":
        yield from _followed(talk, talk.told("retry-export", export=number)[1]["export"])


def _studies(talk):
    words = yield Ask("Name, ID or words of the study, Enter for the newest: ")
    rows, _ = talk.told("studies", text=words.strip() or None)

    def line(each, number):
        told = cut(each["patient_name"] or "no name", 29), each["date"] or "", each["description"] or ""
        return [columns((5, 30, 10, 0), ("%d" % number, *told))]

    head = [columns((5, 30, 10, 0), ("", "patient", "date", "what"))]
    yield from page.turn("Export which study?", head, rows, line, lambda each: _to(talk, each["study"]))


def _fetched(talk):
    """Ask for an archive and a patient, and have one of the studies that are there exported."""
    names = [each.name for each in talk.box.config.destinations if each.kind == "dicom"]
    if not names:
        yield page.said("There is no destination of kind dicom: no archive can be asked.")
        return
    options = [("%d" % number, plain.plain(name)) for number, name in enumerate(names, 1)]
    chosen = yield from page.menu("Which archive?", (), options)
    if chosen is None:
        return
    name = names[int(chosen) - 1]
    patient = (yield Ask("Patient ID, Enter for none: ")).strip()
    accession = "" if patient else (yield Ask("Accession number: ")).strip()
    rows, _ = yield from talk.done("ask-archive", **{"from": name}, patient=patient, accession=accession)

    def line(each, number):
        told = cut(each["patient_name"] or "no name", 29), each["study_date"], each["study_description"]
        return [columns((5, 30, 10, 0), ("%d" % number, *told))]

    head = [columns((5, 30, 10, 0), ("", "patient", "date", "what"))]
    found = "Fetch which study from %s?" % plain.plain(name)
    yield from page.turn(found, head, rows, line, lambda each: _to(talk, each["study"], name), empty="None is there.")


def _to(talk, study, source=None):
    """Ask where a study goes, and have it exported. source: the archive that it comes from, None where it is here."""
    there = [each for each in talk.told("media")[0] if each["kind"] in ("burner", "stick")]
    places = [("burner:" if each["kind"] == "burner" else "usb:") + each["path"] for each in there]
    options = [("%d" % number, place) for number, place in enumerate(places, 1)]
    more = [("iso", "an image of a disc"), ("zip", "a ZIP archive"), ("dir", "a folder")]
    options += [("%d" % number, words) for number, (_, words) in enumerate(more, len(places) + 1)]
    chosen = yield from page.menu("Export to", (), options)
    if chosen is None:
        return
    at = int(chosen) - 1
    if at < len(places):
        to = places[at]
    else:
        name = yield Ask("Its name, in the box's folder for exports: ")
        to = "%s:%s" % (more[at - len(places)][0], name.strip())
    asked = {"from": source}
    if source is None:
        when = [("1", "Begin at once"), ("2", "Wait until nothing of the study has come for a while")]
        chosen = yield from page.menu("A study that may still be coming in", (), when)
        if chosen is None:
            return
        asked = {"wait": chosen == "2"}
    begun = talk.told("export", study=[study], to=to, **asked)[1]
    for words in begun["notes"]:
        yield Show(wrapped("Note: " + words))
    yield from _followed(talk, begun["export"])


def _followed(talk, number):
    """Show how far an export is until it is over; leaving does not end it."""
    yield Show(["", "Export %d; ^C leaves it to itself ..." % number])
    yield Step()
    rows, last = Rows(talk.ask("follow-export", export=number)), None
    for row in rows:
        share = 10 * row["done"] // row["total"] if row["total"] else 0
        if row["stage"] and (row["stage"], share) != last:
            last = row["stage"], share
            left = "" if row["left_s"] is None else ", %d s left" % row["left_s"]
            yield Show(["  %s, %d %%%s" % (row["stage"], 10 * share, left)])
        yield Step()
    yield Show(["", *wrapped("Export %d: %s" % (number, (rows.summary or {}).get("words", "")))])
    yield Ask("Enter: back ")


def _import(talk):
    there = [each for each in talk.told("media")[0] if each["kind"] != "burner"]
    if not there:
        yield page.said("No stick or disc is mounted.")
        return
    options = [("%d" % number, plain.plain(each["path"])) for number, each in enumerate(there, 1)]
    chosen = yield from page.menu("Take in the objects of", (), options)
    if chosen is None:
        return
    yield Show(["", "Working; ^C breaks off ..."])
    yield Step()
    rows, once = Rows(talk.ask("import", path=there[int(chosen) - 1]["path"])), Once()
    for row in rows:
        if row["error"] is not None:
            if once.is_new(row["error"]):
                yield Show(wrapped("%s: %s" % (plain.plain(row["path"]), row["error"])))
        elif row["done"] % 100 == 0:
            yield Show(["  %d of %d files" % (row["done"], row["total"])])
        yield Step()
    for number, error in once.more():
        yield Show(wrapped("%d more of them: %s" % (number, error)))
    found = rows.summary or {}
    told = ["%d %s" % (found[name], name.replace("_", " ")) for name in ("taken", "known", "held", "left_out")]
    yield Show(["", ", ".join(told)])
    yield Ask("Enter: back ")
