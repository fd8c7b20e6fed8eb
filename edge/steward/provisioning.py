"""A plain `edge-setup.toml` on the firmware partition: what a box is like before it starts for the first time.

It is for whoever writes the card, and could write anything else there, too; so it is believed without a seal, but only
by a box that has nothing of its own yet: its tables [network] and [[network.interface]] where no network was ever
confirmed, all others as the box's configuration where it has no other than every new box and nobody has claimed it.
What the card does not say stays as every new box has it: where the state lies, and the serial console. Afterwards, and
for sticks, there is the setup file, which is sealed or signed. What is secret in it stays readable on the card.
"""

import os

from edge.spool import writing
from edge.spool.disk import Disk

PATH = "/boot/firmware/edge-setup.toml"
STATE_DIR = "/var/lib/edge"
BEGINS_WITH = "/usr/share/edge/edge.toml"  # the configuration of every new box
_LIMIT = 256 << 10
_NETWORK = "network"

_disk = Disk()


def place():
    """Return (path of the file, the box's state folder), or what the environment says instead."""
    return os.environ.get("EDGE_FIRMWARE_SETUP") or PATH, os.environ.get("EDGE_STATE_DIR") or STATE_DIR


def read(path):
    """Return (settings of the network or None, text of the configuration or None, why it is not usable or None)."""
    try:
        with open(path, "rb") as file:
            octets = file.read(_LIMIT + 1)
    except FileNotFoundError:
        return None, None, None
    except OSError as error:
        return None, None, "it cannot be read: %s" % error.strerror.lower()
    if len(octets) > _LIMIT:
        return None, None, "it is longer than %d octets" % _LIMIT
    import tomlkit  # once in the life of a box

    try:
        found = tomlkit.parse(octets.decode().replace("\r\n", "\n"))  # whoever writes FAT may write lines like that
    except (ValueError, RecursionError) as error:
        return None, None, "it is no TOML: %s" % error
    settings = found.unwrap().get(_NETWORK)
    if _NETWORK in found:
        del found[_NETWORK]
    return settings, tomlkit.dumps(found) if found.unwrap() else None, None


def is_new(state_dir):
    """Say whether the box of a state folder has no configuration of its own and no users yet."""
    configured = writing.read(_disk, os.path.join(state_dir, "edge.toml"))
    is_own = configured not in (None, writing.read(_disk, BEGINS_WITH))
    return not is_own and not os.path.lexists(os.path.join(state_dir, "console", "users.json"))


def configure(state_dir, text):
    """Make `text` the configuration of a new box; return why it cannot be, or None."""
    from edge.box import load

    path = os.path.join(state_dir, "edge.toml")
    try:
        load.parse(text, path)
    except load.ConfigError as error:
        return "; ".join(error.lines())
    try:
        standard = (writing.read(_disk, BEGINS_WITH) or b"").decode()
        writing.replace(_disk, path, _completed(text, standard).encode())
        owner = os.stat(state_dir)
        os.chown(path, owner.st_uid, owner.st_gid)
    except OSError as error:
        return "%s cannot be written: %s" % (path, error.strerror.lower())
    return None


def _completed(text, standard):
    """Return a configuration with what `standard` has and it does not say."""
    import tomlkit

    found = tomlkit.parse(text)
    for name, table in tomlkit.parse(standard).items():
        if name not in found:
            found[name] = table
            continue
        for key, value in table.items():
            found[name].setdefault(key, value)
    return tomlkit.dumps(found)
