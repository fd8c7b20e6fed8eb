"""`edge route`: which routes of the configuration apply to a file, and why."""

import os
import time

from edge.console import text
from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.dicom import uid
from edge.dicom.errors import DicomError
from edge.morph import match
from edge.spool import examine
from edge.spool.disk import READ, Disk
from edge.spool.intake import Source, facts
from edge.ways.routes import PRIORITIES, router

_TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M")


def run(asked, loaded):
    """Say for each file which routes apply; return the exit code: FAILED when a file cannot be read or goes nowhere."""
    options = asked.options
    when = _when(options["at"]) if "at" in options else time.time()
    if "ip" in options:
        _check_address(options["ip"])
    asking = router(loaded.config, lambda: when)
    disk = Disk()
    code = DONE
    rows = []
    for path in asked.arguments:
        try:
            found = _facts(disk, path, asking.wanted, options, loaded.config)
        except DicomError as error:
            code = text.complain("%s: %s" % (text.shown(path), error), FAILED)
            continue
        except OSError as error:
            code = text.complain("%s cannot be read: %s" % (text.shown(path), error.strerror.lower()), FAILED)
            continue
        answer = asking(found)
        if isinstance(answer, str):
            code = FAILED
        if "json" in options:
            rows.append(_row(path, found, asking.explain(found), answer))
        else:
            text.say(*_lines(path, found, asking.explain(found), answer))
    if "json" in options:
        text.print_json({"files": rows})
    return code


def _when(words):
    for form in _TIMES:
        try:
            return time.mktime(time.strptime(words, form))
        except (ValueError, OverflowError):
            pass
    raise UsageError('--at: expected a time like "2026-11-23 18:30", found %s' % words)


def _check_address(words):
    try:
        match.read_network(words)
    except ValueError as unfit:
        raise UsageError("--ip: expected an address, but %s: %s" % (unfit, words)) from None


def _facts(disk, path, wanted, options, settings):
    """Return the intake.Facts of the file at `path`, as if it had just been received."""
    fd = disk.open(path, READ)
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(0, "it is a folder; name its files")
        found = examine.identify(disk, fd, wanted)
    finally:
        disk.close(fd)
    source = Source(
        options.get("from", found.source_ae), options.get("called", settings.box.ae_title),
        options.get("ip", "127.0.0.1"),
    )  # fmt: skip
    return facts(found.sop_class, found.sop_instance, found.transfer_syntax, source, found.values)


def _lines(path, found, verdicts, answer):
    """Yield what there is to say about one file, as lines for a person."""
    source = found.source
    yield "%s: %s from %s at %s" % (
        text.shown(path), uid.name(found.sop_class), text.shown(source.calling) or "no AE title", source.address
    )  # fmt: skip
    for number, verdict in enumerate(verdicts, 1):
        says = "applies" if verdict.applies else "does not apply" if verdict.asked else "is not asked"
        yield "  route %d to %s %s" % (number, text.listing(verdict.rule.to), says)
        if not verdict.asked:
            yield "         a final route came before"
            continue
        if not verdict.findings:
            yield "    yes  it is for everything"
        for finding in verdict.findings:
            yield "    %s  %s; found %s" % ("yes" if finding.holds else "no ", finding.words, text.shown(finding.found))
    if isinstance(answer, str):
        yield "  held: %s" % answer
    else:
        yield "  goes to %s" % text.listing([_goes(each) for each in answer])


def _goes(answer):
    if isinstance(answer, str):
        return answer
    names = {level: name for name, level in PRIORITIES.items()}
    return "%s (%s)" % (answer[0], names[answer[1]])


def _row(path, found, verdicts, answer):
    """Return what there is to say about one file, for a program."""
    return {
        "path": path,
        "sop_instance": found.sop_instance,
        "routes": [
            {
                "to": list(verdict.rule.to),
                "applies": verdict.applies,
                "asked": verdict.asked,
                "conditions": [
                    {"condition": each.words, "holds": each.holds, "found": each.found} for each in verdict.findings
                ],
            }
            for verdict in verdicts
        ],
        "to": [] if isinstance(answer, str) else [each if isinstance(each, str) else each[0] for each in answer],
        "held": answer if isinstance(answer, str) else None,
    }
