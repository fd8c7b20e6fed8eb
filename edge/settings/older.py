"""An older program over the state of a newer one, as it is when an update was gone back from.

The spool says by itself what it cannot read. A configuration that has keys of the newer program is another matter:
leaving them out could send objects where they must not go. So the box runs by the newest version of its history that
this program understands, which is what ran before, until a person has looked; the file stays as it is.
"""

import os

from edge import VERSION
from edge.box import load
from edge.settings import history
from edge.spool import writing
from edge.spool.disk import Disk
from edge.update import release

_NAME = "program"  # in the folder of settings: the version that understood the configuration last


def remember(loaded, version=VERSION):
    """Put down that this program runs by a Loaded configuration, for an older one to find."""
    disk, path = Disk(), _path(loaded.config.box.state_dir)
    try:
        if writing.read(disk, path) != version.encode():
            disk.make_parents(path)
            writing.replace(disk, path, version.encode())
    except OSError:
        pass  # it will be said elsewhere that nothing can be written


def understood(path):
    """Return the Loaded of the newest version that this program understands of the configuration at `path`.

    None unless a newer program had it before. Where it is written which folder holds the state has to be readable.
    """
    import tomllib

    try:
        with open(path, "rb") as file:
            folder = tomllib.load(file).get("box", {}).get("state_dir")
    except (OSError, TypeError, ValueError, AttributeError):
        return None
    if not isinstance(folder, str):
        return None
    state_dir = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(path)), os.path.expanduser(folder)))
    disk = Disk()
    last = writing.read(disk, _path(state_dir))
    if last is None or not release.is_older(VERSION, last.decode("ascii", "replace")):
        return None
    for each in history.History(os.path.join(state_dir, "settings", "history"), disk).versions():
        if each.outcome == history.KEPT:
            try:
                loaded = load.parse(each.text, path)
            except load.ConfigError:
                continue
            words = "it has keys that this version does not know; the box runs by version %d of its history" % each.id
            return loaded._replace(warnings=(load.Mistake(None, "", words), *loaded.warnings))
    return None


def _path(state_dir):
    return os.path.join(state_dir, "settings", _NAME)
