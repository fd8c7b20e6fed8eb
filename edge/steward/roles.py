"""The roles there are: one small process each, with the privileges of that role and no others."""

import importlib

from edge.steward.errors import Misused

# role: the file of this room that has its ROLE
NAMES = ("network", "mounts", "resetting", "lamps", "updating")


def role(name):
    """Return the Role of that name; Misused where there is none."""
    if name not in NAMES:
        raise Misused("no steward %.40r; there are: %s" % (name, ", ".join(NAMES)))
    try:
        return importlib.import_module("edge.steward." + name).ROLE
    except ModuleNotFoundError as error:
        raise Misused("this build has no steward %s (%s)" % (name, error)) from None
