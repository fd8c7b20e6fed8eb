"""Updates on pages: which versions there are, one installed from an address, the box tested as a new version is."""

from edge.terminal import page
from edge.terminal.effects import Ask, Show
from edge.terminal.plain import wrapped


def updates(talk):
    """Show the versions, and do what is chosen."""
    rows, found = yield from talk.done("versions")
    body = wrapped("Version %s runs%s" % (found["version"], " on " + found["board"] if found["board"] else ""))
    if found["why_not"]:
        body += wrapped(found["why_not"])
    for row in rows:
        said = [words for words, is_so in (("runs", row["runs"]), ("on trial", row["trial"]), ("good", row["good"]))
                if is_so]  # fmt: skip
        body.append("Slot %s   %-16s %s" % (row["slot"], row["version"] or "not known", ", ".join(said) or "not good"))
    if found["last"]["result"] == "went back":
        last = found["last"]
        body += wrapped("It went back from %s: %s" % (last["version"] or "a new version", last["why"]))
    options = []
    if found["staged"] and talk.knows("update"):
        options.append(("1", "Install version %s, which is here, and restart" % found["staged"]))
    if talk.knows("update"):
        options.append(("2", "Install from an address, and restart"))
    if talk.knows("gate"):
        options.append(("3", "Test this version as a new one is tested"))
    if not options:
        yield from page.note("Update", body)
        return
    chosen = yield from page.menu("Update", body, options)
    if chosen == "1":
        yield from _installed(talk)
    elif chosen == "2":
        url = (yield Ask("Address (https://...): ")).strip()
        if url:
            yield from _installed(talk, url=url)
    elif chosen == "3":
        yield from _tested(talk)


def _installed(talk, **request):
    if not (yield from page.sure("The box restarts when it is installed, and is away for about a minute.")):
        return
    _, done = yield from talk.done("update", background=True, **request)
    version = done["version"]
    yield page.said("Version %s is being installed; this page says how far it is." % version)


def _tested(talk):
    rows, done = yield from talk.done("gate")
    words = {True: "good", False: "NOT GOOD", None: "not tried"}
    lines = [line for row in rows for line in wrapped("%s: %s, %s" % (row["name"], words[row["ok"]], row["words"]))]
    yield Show(["", *lines])
    yield page.said("This version is good." if done["good"] else "This version would be gone back from.")
