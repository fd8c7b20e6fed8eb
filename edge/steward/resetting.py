"""The role that ends what runs: reboot, power off, and the order to be as new at the next start."""

import os

from edge.steward import erasing, programs
from edge.steward.shapes import Role, State, Verb

ORDERED_AT = "/dev/disk/by-partlabel/bootstate"
_SYSTEMCTL = "/usr/bin/systemctl"
_WITHIN_S = 30


def ordered_at():
    """Return the path of the partition with the order; the environment's EDGE_RESET_ORDER goes before ORDERED_AT."""
    return os.environ.get("EDGE_RESET_ORDER") or ORDERED_AT


def _state(_, __):
    return {"is_ordered": erasing.is_ordered(ordered_at())}


def _order(_, __):
    erasing.order(ordered_at())
    return {"is_ordered": True}


def _cancel(_, __):
    erasing.order(ordered_at(), False)
    return {"is_ordered": False}


def _reboot(_, __):
    programs.run([_SYSTEMCTL, "--no-block", "reboot"], _WITHIN_S)
    return {}


def _poweroff(_, __):
    programs.run([_SYSTEMCTL, "--no-block", "poweroff"], _WITHIN_S)
    return {}


ROLE = Role(
    "resetting",
    "reboots, powers off, orders a factory reset",
    (
        Verb("state", "says whether a factory reset is ordered", _state, alone=False),
        Verb("order", "orders a factory reset, done at the next start", _order),
        Verb("cancel", "takes the order back", _cancel),
        Verb("reboot", "starts the box anew", _reboot),
        Verb("poweroff", "switches the box off", _poweroff),
    ),
    State,
)
