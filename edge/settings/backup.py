"""The whole configuration as one file, sealed by a passphrase: to keep, to put back, to set another box up with.

In it are the text of the configuration, every file that it names (certificates, keys, tokens, passwords), and users.
The seal (`access.seal`) holds JSON, whose `schema` says how it is laid out:

    {"schema": 1, "edge": VERSION, "made": s since 1970, "text": "...", "users": "..." or null,
     "files": [{"section": "tls", "number": null, "key": "certificate", "octets": base64}]}

No file that is there is ever written over: a file that is another one on this box goes below its state folder, and the
configuration that is restored says so. So a restored configuration goes back like any other.
"""

import base64
import binascii
import json
import os
import time
from collections import namedtuple

from edge import VERSION
from edge.access import seal
from edge.box import config, load
from edge.net import tls
from edge.settings import document
from edge.spool import writing
from edge.toml.kinds import FILE
from edge.toml.meaning import meaning

SCHEMA = 1
LIMIT_BYTES = 24 << 20
_PASSPHRASE = 8  # letters at least
_FILE_LIMIT = 4 << 20

# What a backup has in it. made: s since 1970; text: of the configuration; users: text, or None; files: {(section,
# number from 1 or None, key): octets}; network: settings of the network, or None
Setup = namedtuple("Setup", ("made", "text", "users", "files", "network"), defaults=(None,))
# What restoring comes to. text: of the configuration, with the paths of this box; files: [(path, octets)] to be
# written; notes: what a person should know, each a sentence
Plan = namedtuple("Plan", ("text", "files", "notes"))


class Unusable(Exception):
    """A backup cannot be made or used; str() says why and what to do."""


def users_path(state_dir):
    """Return the path of the file with the users of a box."""
    return os.path.join(state_dir, "console", "users.json")


def make(kept, passphrase, disk, now=time.time):
    """Return (octets of the backup, how many files are in it, whether users are, notes). Raises Unusable.

    kept: keeper.Keeper; notes: which files are missing in it, and why.
    """
    if len(passphrase) < _PASSPHRASE:
        raise Unusable("the passphrase is too short: it keeps every key and password, so give %d letters" % _PASSPHRASE)
    files, notes = gathered(kept.text or "", kept.path, disk)
    try:
        users = writing.read(disk, users_path(kept.state_dir))
    except OSError as error:
        raise Unusable("the users cannot be read: %s" % error.strerror.lower()) from None
    found = {
        "schema": SCHEMA,
        "edge": VERSION,
        "made": int(now()),
        "text": kept.text or "",
        "users": users and users.decode(),
        "files": files,
    }
    try:
        return seal.seal(json.dumps(found).encode(), passphrase), len(files), users is not None, notes
    except ValueError as error:
        raise Unusable(str(error)) from None


def opened(octets, passphrase):
    """Return the Setup of a backup. Raises Unusable: another passphrase, a changed octet, a newer schema."""
    try:
        inside = seal.unseal(octets, passphrase)
    except seal.CannotOpen as error:
        raise Unusable(str(error)) from None
    try:
        found = json.loads(inside)
        schema = found["schema"]
        if schema == SCHEMA:
            setup = Setup(found["made"], found["text"], found["users"], files_of(found["files"]))
            _check_users(setup.users)
            if isinstance(setup.text, str):
                return setup
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unusable("what the passphrase opens is no backup of a box, or a damaged one") from None
    if isinstance(schema, int) and schema > SCHEMA:
        words = "this backup was made by a newer edge (%s; schema %s, this one knows %d): update this box first"
        raise Unusable(words % (found.get("edge"), schema, SCHEMA))
    raise Unusable("what the passphrase opens is no backup of a box, or a damaged one")


def gathered(text, config_path, disk):
    """Return (rows of the files that the text of a configuration names, notes on those that cannot be had).

    Raises Unusable.
    """
    files, notes = [], []
    for (section, number, key), path in named(text, config_path):
        try:
            if os.path.exists(path) and not os.path.isfile(path):
                continue  # a device, such as a serial line
            octets = writing.read(disk, path)
            if octets is None:
                raise FileNotFoundError(0, "there is no such file")
        except OSError as error:
            notes.append("%s is not in it: %s" % (path, (error.strerror or str(error)).lower()))
            continue
        if len(octets) > _FILE_LIMIT:
            raise Unusable("%s is too long to be in a backup (%d octets)" % (path, len(octets)))
        shown = base64.b64encode(octets).decode()
        files.append({"section": section, "number": number, "key": key, "octets": shown})
    return files, notes


def files_of(rows):
    """Return {(section, number, key): octets} of the rows of files; ValueError, KeyError or TypeError for others."""
    return {(each["section"], each["number"], each["key"]): _octets(each["octets"]) for each in rows}


def plan(setup, kept, disk):
    """Return the Plan of restoring a Setup on the box of a keeper.Keeper; nothing is written.

    Raises Unusable, load.ConfigError and keeper.Refusal for what this box cannot run with.
    """
    text, notes = _own_state(setup.text, kept)
    files, edits = {}, []
    for place, path in named(text, kept.path):
        if place not in setup.files:
            if not os.path.exists(path):
                notes.append("%s is neither in the backup nor here" % path)
            continue
        octets = setup.files[place]
        if files.get(path) == octets or _is(disk, path, octets):
            continue
        if not _is_free(path, kept.path, files):
            path = _below_state(disk, kept, os.path.basename(path), octets, files)
            section, number, key = place
            edits.append({"section": section, "number": number, "key": key, "value": path})
            notes.append("%s of %s is now %s" % (key, _words(section, number), path))
        if not _is(disk, path, octets):
            files[path] = octets
    text = _edited(text, edits)
    kept.checked(text)
    return Plan(text, list(files.items()), notes)


def put(plan, disk):
    """Write the files of a Plan, each for its owner alone; return the function that removes them again."""
    written = []

    def remove():
        for path in written:
            writing.remove(disk, path)

    try:
        for path, octets in plan.files:
            disk.make_parents(path)
            written.append(path)
            writing.replace(disk, path, octets)
    except OSError as error:
        remove()
        raise Unusable("%s cannot be written: %s" % (path, (error.strerror or str(error)).lower())) from None
    return remove


def users_of(setup, kept):
    """Return the users of a Setup that has some, as Keeper.begin takes them: (path of their file, its text)."""
    return users_path(kept.state_dir), setup.users


def named(text, config_path):
    """Yield ((section, number, key), absolute path) of every file that a configuration names."""
    folder = os.path.dirname(config_path)
    for place, value in named_as_written(text):
        yield place, os.path.normpath(os.path.join(folder, os.path.expanduser(value)))


def named_as_written(text):
    """Yield ((section, number, key), path as it stands there) of every file that a configuration names."""
    try:
        found_in = meaning(text)
    except ValueError as error:
        raise Unusable("the configuration in it is no TOML: %s" % error) from None
    for section in config.SECTIONS:
        found = found_in.get(section.name, [])
        tables = enumerate(found, 1) if section.repeated and isinstance(found, list) else [(None, found)]
        for number, table in tables:
            for key in section.keys:
                value = table.get(key.name) if isinstance(table, dict) else None
                if key.kind is FILE and isinstance(value, str) and value != tls.SYSTEM:
                    yield (section.name, number, key.name), value


def _own_state(text, kept):
    """Return (the text with the state folder of this box, notes)."""
    import tomllib

    try:
        there = load.parse(text, kept.path).config.box.state_dir
        if there == kept.state_dir:
            return text, []
        own = tomllib.loads(kept.text or "").get("box", {}).get("state_dir")
    except load.ConfigError as error:
        raise Unusable("this box cannot run with the configuration in it: %s" % error.lines()[0]) from None
    edit = {"section": "box", "key": "state_dir", "value": own}
    return _edited(text, [edit]), ["state_dir stays %s; the backup's was %s" % (kept.state_dir, there)]


def _edited(text, edits):
    try:
        return document.edited(text, edits)
    except document.Unfit as unfit:
        raise Unusable(str(unfit)) from None


def _is(disk, path, octets):
    try:
        return writing.read(disk, path) == octets
    except OSError:
        return False


def _is_free(path, config_path, taken):
    """Say whether a file of the backup can be put at `path`: nothing is there, and it is below the configuration."""
    folder = os.path.dirname(config_path)
    if os.path.lexists(path) or path in taken or os.path.commonpath((folder, path)) != folder:
        return False
    above = os.path.dirname(path)
    while not os.path.exists(above):
        above = os.path.dirname(above)
    return os.access(above, os.W_OK)


def _below_state(disk, kept, name, octets, taken):
    """Return a path below the state folder where a file of this name can be put, or is already."""
    folder = os.path.join(kept.state_dir, "settings", "files")
    stem, suffix = os.path.splitext(name)
    number = 1
    while True:
        path = os.path.join(folder, name if number == 1 else "%s.%d%s" % (stem, number, suffix))
        if octets == taken.get(path) or _is(disk, path, octets) or not os.path.lexists(path) and path not in taken:
            return path
        number += 1


def _words(section, number):
    return "[%s]" % section if number is None else "[[%s]] %d" % (section, number)


def _octets(words):
    try:
        return base64.b64decode(words, validate=True)
    except binascii.Error:
        raise ValueError from None


def _check_users(users):
    """Raise ValueError, KeyError or TypeError for users that no box could read."""
    if users is not None:
        for each in json.loads(users)["users"]:
            if not all([isinstance(each[field], str) and each[field] for field in ("name", "role", "key", "salt")]):
                raise ValueError
