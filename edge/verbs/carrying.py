"""Verbs on the whole configuration as one file: backups, and setup files on sticks."""

import os
import time

from edge.spool.disk import Disk
from edge.verbs.trial import CHANGED, WITHIN, begun, keeper_of, meaning, outcome, refusing
from edge.verbs.verb import ENGINEER, Argument, Refused, Verb


def backup(box, request, who):
    """Write the configuration, the files that it names and the users as one sealed file; return what is in it."""
    from edge.settings import backup as backups  # only who makes one pays for it

    kept = keeper_of(box)
    octets, files, has_users, notes = _usable(backups, backups.make, kept, request["passphrase"], Disk())
    request["file"].write(octets)
    return {"bytes": len(octets), "files": files, "users": has_users, "notes": notes}
    yield


def restore_backup(box, request, who):
    """Make the configuration of a backup the box's, on trial; return as `change` does."""
    from edge.settings import backup as backups

    kept, disk = keeper_of(box), Disk()
    octets = request["file"].read(backups.LIMIT_BYTES + 1)
    if len(octets) > backups.LIMIT_BYTES:
        raise Refused("it is longer than any backup")
    setup = _usable(backups, backups.opened, octets, request["passphrase"])
    if request.get("users") and setup.users is None:
        raise Refused("there are no users in this backup; leave them out")
    plan = _usable(backups, refusing, backups.plan, setup, kept, disk)
    remove = _usable(backups, backups.put, plan, disk)
    notes = list(plan.notes)
    try:
        made = time.strftime("%Y-%m-%d %H:%M", time.localtime(setup.made))
        users = backups.users_of(setup, kept) if request.get("users") else None
        said = "the backup of " + made  # what was good once is put back, even where a certificate has expired since
        done = begun(kept, request, plan.text, who, lambda changes: said, users=users, strict=False)
    except Refused:
        remove()
        raise
    if users is not None:
        notes.append("the users are those of the backup%s" % (done["trial"] and ", as long as the change stays" or ""))
    return {**done, "notes": notes}
    yield


def setups(box, request, who):
    """Yield a row for each setup file on a stick; return the folders that are looked at."""
    taker = _sticks(box).taker()
    if request.get("look"):
        box.setups.look()
    for each in taker.found():
        yield {
            "folder": each.folder, "state": each.state, "words": each.words, "at": each.at, "serial": each.serial,
        }  # fmt: skip
    return {"folders": list(box.config.setup.stick_dirs)}


def take_setup(box, request, who):
    """Take the setup file on a stick that is sealed by a passphrase, on trial; return as `change` does."""
    from edge.settings import catalogue, sticks

    kept, taker = keeper_of(box), _sticks(box).taker()
    folder = request.get("folder") or _only([each.folder for each in taker.found()])
    _must_be_looked_at(folder, box.config.setup.stick_dirs)
    within = {"within_s": request["within_s"]} if "within_s" in request else {}
    try:
        trial, notes, (before, after) = taker.take(folder, request["passphrase"], str(who), who.address, **within)
    except sticks.Refused as refused:
        raise Refused(str(refused)) from None
    changes = catalogue.changes(meaning(before), meaning(after))
    return {**outcome(kept, trial, changes), "notes": notes}
    yield


# How it is done


def _usable(backups, action, *arguments):
    """Return what `action` returns; what is wrong with a backup as the verb's refusal."""
    try:
        return action(*arguments)
    except backups.Unusable as error:
        raise Refused(str(error)) from None


def _sticks(box):
    if box.setups is None:
        raise Refused("no box runs here that would look at sticks: start it, or `edge restore` a backup")
    return box.setups


def _must_be_looked_at(folder, allowed):
    """Raise Refused for a folder that is neither one of stick_dirs nor in one, in words that name them."""
    real = os.path.realpath(folder)
    within = [os.path.realpath(each).rstrip("/") for each in allowed]
    if not any([(real + "/").startswith(each + "/") for each in within]):
        words = "setup files are taken from %s only (`stick_dirs` under [setup]), and %s is none of them nor in one"
        raise Refused(words % (" and ".join(allowed) or "no folder", folder))


def _only(folders):
    if len(folders) != 1:
        words = "there is no setup file on any stick" if not folders else "there are setup files in %s: say which"
        raise Refused(words % " and ".join(folders) if folders else words)
    return folders[0]


_PASSPHRASE = Argument("passphrase", "secret", "What the file is, or is to be, sealed by.", True)

VERBS = (
    Verb(
        "backup",
        "write the configuration, its files and the users as one sealed file",
        backup,
        ENGINEER,
        (_PASSPHRASE,),
        None,
        {"bytes": "number", "files": "number", "users": "truth", "notes": ["text"]},
        changes=True,
        file="out",
        slow=True,
    ),
    Verb(
        "restore-backup",
        "make the configuration of a backup the box's, on trial",
        restore_backup,
        ENGINEER,
        (_PASSPHRASE, Argument("users", "truth", "Take the users of the backup, too, on trial as the rest."), WITHIN),
        None,
        {**CHANGED, "notes": ["text"]},
        changes=True,
        file="in",
        slow=True,
    ),
    Verb(
        "setups",
        "list the setup files on sticks, and what became of them",
        setups,
        ENGINEER,
        (Argument("look", "truth", "Look at the sticks now."),),
        {"folder": "text", "state": "text", "words": "text", "at": "time", "serial": "number?"},
        {"folders": ["text"]},
        slow=True,
    ),
    Verb(
        "take-setup",
        "take the setup file of a stick by its passphrase, on trial",
        take_setup,
        ENGINEER,
        (
            Argument("folder", "text", "Where it is, as `setups` has it; without it, the only one."),
            _PASSPHRASE,
            WITHIN,
        ),
        None,
        {**CHANGED, "notes": ["text"]},
        changes=True,
        slow=True,
    ),
)
