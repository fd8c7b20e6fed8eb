"""Verbs on the appliance as a whole: sticks in and out, restart, power off, factory reset. A steward does them."""

from edge.verbs import stewards
from edge.verbs.verb import ENGINEER, OPERATOR, Argument, Refused, Verb

_PATIENCE_S = 660  # for a slow stick to be written out


def mount(box, request, who):
    """Mount a stick or a disc that is in; return where."""
    return stewards.asked("mounts", "mount", _PATIENCE_S, device=request["device"], write=request.get("write", False))
    yield  # a verb without rows is a generator all the same


def unmount(box, request, who):
    """Write out what waits for a stick or a disc, so that it may be pulled out."""
    return stewards.asked("mounts", "unmount", _PATIENCE_S, device=request["device"])
    yield


def restart(box, request, who):
    """Have the whole box start anew."""
    return stewards.asked("resetting", "reboot")
    yield


def power_off(box, request, who):
    """Switch the box off."""
    return stewards.asked("resetting", "poweroff")
    yield


def factory_reset(box, request, who):
    """Order that everything is erased at the next start, and start anew."""
    title = box.config.box.ae_title
    if request["title"] != title:
        words = "a factory reset erases every object, every setting and every user: to have it done, give title as %s"
        raise Refused(words % title)
    waiting = sum([states[state][0] for states in box.spool.jobs.counts().values() for state in _UNDONE])
    if waiting and not request.get("lose"):
        words = "%d jobs are not delivered yet, and their objects would be lost: wait, or say `lose`, too"
        raise Refused(words % waiting)
    stewards.asked("resetting", "order")
    return stewards.asked("resetting", "reboot")
    yield


_UNDONE = ("waiting", "sending", "sent", "held")


_DEVICE = Argument("device", "text", "Its name as the kernel has it, such as sdb1 or sr0.", True)

VERBS = (
    Verb(
        "mount",
        "mount a stick or a disc that is in",
        mount,
        OPERATOR,
        (_DEVICE, Argument("write", "truth", "Whether it is to be written, too.")),
        None,
        {"path": "text"},
        changes=True,
        slow=True,
    ),
    Verb(
        "unmount",
        "let go of a stick or a disc, so that it may be pulled out",
        unmount,
        OPERATOR,
        (_DEVICE,),
        None,
        {},
        changes=True,
        slow=True,
    ),
    Verb("restart", "have the whole box start anew", restart, ENGINEER, (), None, {}, changes=True, slow=True),
    Verb("power-off", "switch the box off", power_off, ENGINEER, (), None, {}, changes=True, slow=True),
    Verb(
        "factory-reset",
        "erase everything on the box, and start as new",
        factory_reset,
        ENGINEER,
        (
            Argument("title", "text", "The AE title of the box, to be sure.", True),
            Argument("lose", "truth", "Also where objects are not delivered yet, which are lost."),
        ),
        None,
        {},
        changes=True,
        slow=True,
    ),
)
