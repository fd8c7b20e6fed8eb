"""`edge import` and `edge media`: what comes from media, and whether it is as it has to be."""

import os

from edge.console import reaching, setting
from edge.console.arguments import UsageError
from edge.console.commands import DONE, FAILED
from edge.console.reaching import Answer, do, print_rows
from edge.console.text import complain, count, print_json, shown, size


def run(asked, loaded):
    """Run the Asked command with a Loaded configuration and return its exit code."""
    if asked.command.name == "import":
        return reaching.guarded(lambda: _import(asked, loaded), loaded)
    what, path = asked.arguments
    if what == "check":
        return reaching.guarded(lambda: _check(asked, path), loaded)
    if what == "index":
        return reaching.guarded(lambda: _index(asked, path), loaded)
    if what == "format":
        return reaching.guarded(lambda: _format(asked, path), loaded)
    raise UsageError("media: expected check, index or format, found %s" % what)


def _import(asked, loaded):
    from edge.verbs import media

    os.makedirs(loaded.config.box.state_dir, mode=0o700, exist_ok=True)
    request = {"path": os.path.abspath(asked.arguments[0]), "to": asked.options.get("to")}
    if "passphrase-file" in asked.options:
        request["password"] = setting.passphrase(asked, False)
    answer = Answer(do(loaded, "import", request))
    if "json" in asked.options:
        print_rows(answer)
    else:
        once = media.Once()
        for row in answer:
            words = row["error"] and "%s: %s" % ("held" if row["taken"] else "left out", row["error"])
            if words and once.is_new(words):
                complain("%s: %s" % (shown(row["path"]), words), FAILED)
        for number, words in once.more():
            complain("%s: %s" % (count(number, "more file"), words), FAILED)
    found = answer.summary
    if found is None:
        return FAILED
    if "json" not in asked.options:
        words = ["%s taken in" % count(found["taken"], "object")]
        words += ["%d %s" % (found[key], said) for key, said in _ALSO if found[key]]
        print(", ".join(words))
    return FAILED if found["left_out"] or found["held"] or not found["taken"] + found["known"] else DONE


_ALSO = (
    ("known", "here before"),
    ("held", "held"),
    ("left_out", "left out"),
    ("passed_over", "other files passed over"),
)


def _check(asked, path):
    from edge.verbs import media

    folder = os.environ.get("TMPDIR", "/var/tmp")  # on a disk, where /tmp may be memory
    answer = Answer(media.findings(path, asked.options.get("profile"), folder))
    number = 0
    if "json" in asked.options:
        rows = list(answer)
        print_json({"path": path, "good": not rows, "findings": rows})
        return FAILED if rows else DONE
    for row in answer:
        number += 1
        print("%s: %s%s" % (row["code"], shown(row["where"]) + ": " if row["where"] else "", shown(row["error"])))
    print("%s: %s" % (shown(path), count(number, "finding") if number else "nothing is wrong with it"))
    return FAILED if number else DONE


def _format(asked, path):
    from edge.media import fat
    from edge.media.errors import MediaError

    try:
        octets = fat.size(path)
        if "yes" not in asked.options:
            words = "all that is on %s (%s) would be lost: add --yes where that may be"
            raise UsageError(words % (path, size(octets)))
        fat.empty(path, asked.options.get("id", "DICOM"))
    except MediaError as error:
        return complain(str(error), FAILED)
    if "json" in asked.options:
        print_json({"path": path, "bytes": octets})
    else:
        words = "%s: an empty stick of FAT32, %s; mount it, and `edge export --to usb:FOLDER`"
        print(words % (shown(path), size(octets)))
    return DONE


def _index(asked, path):
    from edge.media import fileset, profile
    from edge.media.errors import MediaError

    noted, kept, left_out = [], 0, 0
    try:
        chosen = profile.named(asked.options["profile"]) if "profile" in asked.options else None
        if not os.path.isdir(path):
            raise MediaError("%s is no folder" % path)
        for name, words in fileset.FileSet(path, chosen).index(asked.options.get("id")):
            kept += name is not None
            left_out += name is None
            for each in words:
                line = "%s: %s" % ("/".join(name), each) if name else each
                if "json" in asked.options:
                    noted.append(line)
                elif name:
                    print(shown(line))
                else:
                    complain(shown(line), FAILED)
    except MediaError as error:
        return complain(str(error), FAILED)
    if "json" in asked.options:
        print_json({"path": path, "objects": kept, "left_out": left_out, "notes": noted})
    else:
        but = ", %d left out" % left_out if left_out else ""
        print("%s: %s in its DICOMDIR%s" % (shown(path), count(kept, "object"), but))
    return FAILED if left_out else DONE
