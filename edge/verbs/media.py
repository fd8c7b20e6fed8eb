"""Verbs on media: objects taken in from a disc, stick or folder, and whether a file-set is as it has to be.

What reads media is loaded when it is asked for: a box that idles does not carry it.
"""

import os

from edge.media.errors import MediaError
from edge.spool.errors import Degraded, NoSpace
from edge.spool.intake import NEW, Source
from edge.verbs.box import must_know
from edge.verbs.verb import OPERATOR, VIEWER, Argument, Refused, Verb

FROM_MEDIA = Source("", "", "from media")
MOUNTS = ("/media", "/mnt", "/run/media", "/run/edge/media")  # where whoever is not at the command line may look
FAT = ("vfat", "msdos")  # of a stick that any reader of media takes
_DISCS = ("iso9660", "udf")
_REASONS = 100  # that are kept, to tell each once
_FINDINGS = 10000  # more say nothing that these do not


def import_set(box, request, who):
    """Take the objects of a file-set in, each once; yield a row for each file, return how many came to what."""
    from edge.media import opened, take
    from edge.ways.routes import router

    path = _allowed(request["path"], who)
    name = request.get("to")
    if name is not None:
        must_know(box, name)
        destinations = [name]
    else:
        destinations = router(box.config)
        if not box.is_running:  # the service has its own look out for what its routes ask
            box.spool.intake.look_for(destinations.wanted)
    tally = dict.fromkeys(("taken", "known", "held", "left_out", "passed_over"), 0)
    try:
        key = opened.Password(request["password"]) if request.get("password") else None
        partial = os.path.join(box.spool.path, "partial")

        def adopt(fd):
            return box.spool.adopt(fd, destinations, FROM_MEDIA)

        for each in take.take(path, adopt, key, partial, lambda octets: _ask(box, octets)):
            if each.passed:
                tally["passed_over"] += 1
                continue
            yield _row(box, each, tally)
    except (MediaError, NoSpace, Degraded) as error:
        raise Refused(str(error)) from None
    except OSError as error:
        raise Refused("%s cannot be read: %s" % (path, (error.strerror or str(error)).lower())) from None
    if not any(tally.values()):
        raise Refused("no file lies in %s" % path)
    return tally


class Once:
    """Tells what is said of many files once: `is_new` of words that were not said yet, `more` of how many were."""

    def __init__(self):
        self._counts = {}

    def is_new(self, words):
        """Count words, and say whether these come for the first time."""
        known = len(self._counts) < _REASONS or words in self._counts
        if known:
            self._counts[words] = self._counts.get(words, 0) + 1
        return not known or self._counts[words] == 1

    def more(self):
        """Yield (of how many files besides the first, words) for what was said of several."""
        for words, count in self._counts.items():
            if count > 1:
                yield count - 1, words


def _ask(box, octets):
    """Raise MediaError unless a file of so many octets may be opened beside the spool."""
    if octets > box.config.limits.object_bytes:
        raise MediaError("it is longer than object_bytes of [limits]")
    if octets > box.spool.quota.spare():
        raise MediaError("it takes %d MB to open, and the box has no room to spare: free some" % -(-octets >> 20))


def _row(box, each, tally):
    row = {"path": each.path, "done": each.done, "total": each.total, "taken": each.stored is not None, "object": None,
           "verdict": None, "state": None, "error": each.words}  # fmt: skip
    if each.stored is None:
        tally["left_out"] += 1
        return row
    stored = box.spool.index.get(each.stored.object_id)
    held = stored.hold is not None
    tally["held" if held else "taken" if each.stored.verdict == NEW else "known"] += 1
    row.update(object=stored.id, verdict=each.stored.verdict, state="held" if held else "queued", error=stored.why)
    return row


def places(box, request, who):
    """Yield a row for each burner, stick and disc that is here."""
    import shutil

    from edge.media import devices

    for each in devices.burners():
        yield {"kind": "burner", "path": each.path, "name": each.name, "free": None, "has_set": False}
    for each in devices.mounts():
        if any([each.folder.startswith(mount + "/") for mount in MOUNTS]):
            kind = "disc" if each.kind in _DISCS else "stick" if each.kind in FAT else "folder"
            try:
                free = None if each.is_read_only else shutil.disk_usage(each.folder).free
                has_set = "DICOMDIR" in [name.upper() for name in os.listdir(each.folder)]
            except OSError:
                continue  # it went just now
            if kind == "folder" and not has_set:
                continue  # a disk of the machine's own
            name = os.path.basename(each.folder)
            yield {"kind": kind, "path": each.folder, "name": name, "free": free, "has_set": has_set}
    return {}


def check_media(box, request, who):
    """Yield a row for each finding about the file-set at a path; return how many there are."""
    path = _allowed(request["path"], who)
    count = 0
    partial = os.path.join(box.spool.path, "partial")
    for row in findings(path, request.get("profile"), partial, lambda octets: _ask(box, octets)):
        count += 1
        yield row
    return {"findings": count}


def findings(path, name, folder, ask=None):
    """Yield a row for each finding about the file-set at `path`, held against the profile `name`, if there is one.

    folder, ask: where files of an image or an archive lie, unpacked, one at a time, as edge.media.inside has it.
    """
    from edge.media import examine, inside, profile

    try:
        chosen = profile.named(name) if name else None
        root = inside.root_of(path)
        if not os.path.isdir(root) and not inside.is_packed(root):
            raise MediaError("%s is no folder of a file-set, nor its DICOMDIR, an image or a ZIP archive" % path)
        for number, each in enumerate(examine.examine(root, chosen, folder, ask or inside.nothing_asked)):
            if number >= _FINDINGS:
                return
            yield {"code": each.code, "where": each.where, "error": each.words}
    except MediaError as error:
        raise Refused(str(error)) from None
    except OSError as error:
        raise Refused("%s cannot be read: %s" % (path, (error.strerror or str(error)).lower())) from None


def _allowed(path, who):
    """Return `path` where this asker may look; Refused elsewhere: only the command line's user is the box's owner."""
    if who.skin == "command line":
        return path
    real = os.path.realpath(path)
    if not any([real == mount or real.startswith(mount + "/") for mount in MOUNTS]):
        raise Refused("%s is no medium; media are mounted below %s" % (path, ", ".join(MOUNTS)))
    return real


_PATH = Argument("path", "text", "A folder on the box, a DICOMDIR, an image (ISO), a ZIP archive, or one file.", True)

VERBS = (
    Verb(
        "import",
        "take in the objects of a disc, a stick, a folder, an image or a ZIP archive",
        import_set,
        OPERATOR,
        (
            _PATH,
            Argument("to", "text", "Queue them for this destination; without, they go by the routes."),
            Argument("password", "secret", "What opens a secure file-set (PS3.15 Annex D)."),
        ),
        {
            "path": "text",
            "done": "number",
            "total": "number",
            "taken": "truth",
            "object": "number?",
            "verdict": "text?",
            "state": "text?",
            "error": "text?",
        },
        {"taken": "number", "known": "number", "held": "number", "left_out": "number", "passed_over": "number"},
        changes=True,
        slow=True,
    ),
    Verb(
        "media",
        "list burners, sticks and discs that are here",
        places,
        VIEWER,
        (),
        {"kind": "text", "path": "text", "name": "text", "free": "number?", "has_set": "truth"},
        {},
    ),
    Verb(
        "check-media",
        "hold a file-set on a medium against the standard",
        check_media,
        VIEWER,
        (_PATH, Argument("profile", "text", "An application profile to hold it against, too: STD-GEN-CD, ...")),
        {"code": "text", "where": "text", "error": "text"},
        {"findings": "number"},
        slow=True,
    ),
)
