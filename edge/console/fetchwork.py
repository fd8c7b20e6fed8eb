"""`edge fetch`: what is not on the box, asked of an archive."""

import sys

from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.console.reaching import Answer, do, guarded, print_rows
from edge.console.text import complain, count, print_json, shown, table

_COLUMNS = ("study", "patient", "ID", "accession", "date", "what", "objects")


def run(asked, loaded):
    """Run the Asked command with a Loaded configuration and return its exit code."""
    return guarded(lambda: _fetch(asked, loaded), loaded)


def _fetch(asked, loaded):
    options = asked.options
    if "from" not in options:
        raise UsageError("fetch: say --from NAME, the archive")
    wanted = [each for each in ("study", "patient", "accession") if each in options]
    if len(wanted) != 1:
        raise UsageError("fetch: say one of --study UID, --patient ID, --accession NUMBER")
    if wanted == ["study"]:
        return _take(asked, loaded, [options["study"]])
    answer = Answer(do(loaded, "ask-archive", {"from": options["from"], wanted[0]: options[wanted[0]]}))
    rows = list(answer)
    if answer.summary is None:
        return FAILED
    if "yes" in options and rows:
        return _take(asked, loaded, [row["study"] for row in rows])
    if "json" in options:
        print_json(rows)
    elif rows:
        print("\n".join(table(_COLUMNS, [_line(row) for row in rows])))
        print("`edge fetch --study UID --from %s` fetches one, --yes all of these" % options["from"])
    if not rows:
        return complain("%s has no study like that" % options["from"], FAILED)
    return DONE


def _line(row):
    objects = "-" if row["objects"] is None else str(row["objects"])
    return (
        shown(row["study"]), shown(row["patient_name"])[:24] or "-", shown(row["patient_id"])[:24] or "-",
        shown(row["accession"]) or "-", shown(row["study_date"]) or "-",
        shown(" ".join(row["modalities"])) or "-", objects,
    )  # fmt: skip


def _take(asked, loaded, studies):
    request = {"from": asked.options["from"], "study": studies, "route": "route" in asked.options or None}
    answer = Answer(do(loaded, "fetch", request))
    failed = False
    if "json" in asked.options:

        def rows():
            nonlocal failed
            for row in answer:
                failed = failed or row["error"] is not None
                yield row

        print_rows(rows())
    else:
        for row in answer:
            if row["error"] is not None:
                failed = True
                complain("%s: %s" % (row["study"], shown(row["error"])), FAILED)
            elif not row["done"] and sys.stdout.isatty():
                print("%s: %s" % (row["study"], _progress(row)), file=sys.stderr)
    found = answer.summary
    if found is None:
        return FAILED
    if "json" not in asked.options:
        words = ["%s fetched" % count(found["taken"], "object")]
        words += ["%d %s" % (found[key], said) for key, said in _ALSO if found[key]]
        print(", ".join(words))
    return FAILED if failed or found["failed"] or found["missing"] else DONE


_ALSO = (("known", "here before"), ("failed", "failed"), ("missing", "missing"))


def _progress(row):
    of = "" if row["total"] is None else " of %d" % row["total"]
    left = "" if row["remaining"] is None else ", %d to come" % row["remaining"]
    return "%d%s here%s" % (row["taken"] + row["known"], of, left)
