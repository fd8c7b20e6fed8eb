"""`edge send`: the files that were named, one after the other, into the box that runs or into its state folder."""

import os
import stat

from edge.console import control
from edge.verbs import objects


def files(paths):
    """Yield the paths of the files that were named, and of those in folders and below, in the order of their names."""
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for base, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                if name.upper() != "DICOMDIR":  # it lists objects, and is none
                    yield os.path.join(base, name)


def into_spool(box, destination, paths):
    """Yield the row (see objects.take) of each file, taken in by this process."""
    objects.may_send(box, destination)
    for path in paths:
        yield _with_file(path, lambda path, file: objects.take(box, destination, path, file))


def over(channel, destination, paths):
    """Yield the row of each file, handed to the box at the other end of `channel`; raises control.Failed."""
    control.tell(channel, {"verb": "send", "destination": destination})
    control.hear(channel)
    channel.wait_at_most(control.LONG_S)  # an object may be large, and is checked and made durable before the answer
    for path in paths:
        yield _with_file(path, lambda path, file: _hand_over(channel, path, file))
    control.tell(channel, {"end": True})
    control.hear(channel)


def _hand_over(channel, path, file):
    control.tell(channel, {"path": path}, file)
    return control.hear(channel)["row"]


def _with_file(path, action):
    """Return what `action(path, descriptor)` returns, or the row of a file that cannot be opened."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)  # a FIFO would keep us waiting
    except OSError as error:
        return objects.left_out(path, "it cannot be opened: %s" % error.strerror.lower())
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return objects.left_out(path, "it is not a regular file")
        return action(path, file)
    finally:
        os.close(file)
