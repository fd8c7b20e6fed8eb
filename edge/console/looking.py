"""The commands that look at what is kept: find studies, make pictures, take objects away, send them again."""

from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.console.handing import Output
from edge.console.reaching import Answer, do, guarded, print_rows, report
from edge.console.text import count, say as say_line, shown, size, table

_COLUMNS = ("study", "patient", "ID", "date", "what", "objects", "size", "where it went")
_TEXT_COLUMNS = 24
_WAYS = ("waiting", "held", "sent", "delivered")


def run(asked, loaded):
    """Run the Asked command with a Loaded configuration and return its exit code."""
    return guarded(lambda: COMMANDS[asked.command.name](asked, loaded), loaded)


def _studies(asked, loaded):
    request = {"modality": asked.options.get("modality")}
    request.update(date_from=asked.options.get("from"), date_to=asked.options.get("to"))
    request.update(text=" ".join(asked.arguments) or None, limit=_whole(asked, "limit", 50))
    answer = Answer(do(loaded, "studies", request))
    if "json" in asked.options:
        print_rows(answer)
        return DONE
    lines = [_line(row) for row in answer]
    if lines:
        print("\n".join(table(_COLUMNS, lines)))
    else:
        print("no study is like that")
    if answer.summary and answer.summary["after"]:
        print("there are older ones; ask for more with --limit, up to 500")
    return DONE


def _line(row):
    ways = []
    for each in row["destinations"]:
        states = ["%d %s" % (each[state], state) for state in _WAYS if each[state]]
        ways.append("%s: %s" % (each["name"], ", ".join(states)))
    return (
        str(row["study_key"]), _cut(row["patient_name"]), _cut(row["patient_id"]), _cut(row["date"]),
        " ".join(row["modalities"]) or "-", str(row["objects"]), size(row["bytes"]), "; ".join(ways) or "nowhere",
    )  # fmt: skip


def _cut(text):
    text = shown(text or "-")
    return text if len(text) <= _TEXT_COLUMNS else text[: _TEXT_COLUMNS - 3] + "..."


def _whole(asked, name, otherwise=None):
    words = asked.options.get(name)
    return otherwise if words is None else _number("--" + name, words)


def _number(what, words):
    if not words.isascii() or not words.isdigit() or len(words) > 18:
        raise UsageError("%s: expected a whole number, found %s" % (what, words))
    return int(words)


def _picture(asked, loaded):
    request = {"object": _number("OBJECT", asked.arguments[0]), "frame": _whole(asked, "frame")}
    request.update(size=_whole(asked, "size"), center=asked.options.get("center"), width=asked.options.get("width"))

    def say(found):
        window = ", center %g, width %g" % (found["center"], found["width"]) if found["center"] is not None else ""
        frame = "frame %d of %d, " % (found["frame"], found["frames"]) if found["frames"] > 1 else ""
        sizes = (found["columns"], found["rows"], found["shown_columns"], found["shown_rows"])
        return "%s%d x %d shown as %d x %d%s; not for diagnosis" % (frame, *sizes, window)

    return _written(asked, loaded, "picture", request, say)


def _download(asked, loaded):
    series = asked.options.get("series")
    if ("object" in asked.options) == ("study" in asked.options):
        raise UsageError("say either --object ID or --study KEY")
    request = {"object": _whole(asked, "object"), "study_key": _whole(asked, "study"), "series": series}

    def say(found):
        return "%s, %s" % (count(found["objects"], "object"), size(found["bytes"]))

    return _written(asked, loaded, "download", request, say)


def _written(asked, loaded, verb, request, say):
    """Let a verb write the file that was named last, which is there only when it is whole."""
    path = asked.arguments[-1]
    with Output(path) as file:
        answer = Answer(do(loaded, verb, request, file))
        list(answer)
        if answer.summary is None:
            return FAILED
    if path != "-":
        say_line("%s: %s" % (path, say(answer.summary)))
    return DONE


def _send_again(asked, loaded):
    if ("object" in asked.options) == ("study" in asked.options):
        raise UsageError("say either --object ID or --study KEY")
    request = {"object": _whole(asked, "object"), "study_key": _whole(asked, "study")}
    request["destination"] = asked.arguments[0]

    def say(found):
        held = "; %s to be released first" % count(found["held"], "has", "have") if found["held"] else ""
        return "%s queued for %s%s" % (count(found["queued"], "object"), request["destination"], held)

    return report(asked, do(loaded, "send-again", request), say)


COMMANDS = {"studies": _studies, "picture": _picture, "download": _download, "send-again": _send_again}
