"""`edge send`: the files that were named, one after the other, into the box that runs or into its state folder."""

import os

from edge.console import control, verbs
from edge.console.commands import FAILED


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
    """Yield the row (see verbs.take) of each file, taken in by this process."""
    verbs.may_send(box, destination)
    for path in paths:
        yield _with_file(path, lambda path, file: verbs.take(box, destination, path, file))


def over(channel, destination, paths):
    """Yield the row of each file, handed to the box at the other end of `channel`; raises control.Failed."""
    channel.send({"verb": "send", "destination": destination})
    _expect(channel)
    for path in paths:
        yield _with_file(path, lambda path, file: _hand_over(channel, path, file))
    channel.send({"end": True})
    _expect(channel)


def _hand_over(channel, path, file):
    channel.send({"path": path}, file)
    return _expect(channel)["row"]


def _expect(channel):
    """Return the next line of the box; Failed when it is a refusal, or the end."""
    answer, _ = channel.receive() or ({"failed": "the box went away; what is not listed was not taken"}, None)
    if "failed" in answer:
        raise control.Failed(answer["failed"], answer.get("code", FAILED))
    return answer


def _with_file(path, action):
    """Return what `action(path, descriptor)` returns, or the row of a file that cannot be opened."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return verbs.left_out(path, "it cannot be opened: %s" % error.strerror.lower())
    try:
        return action(path, file)
    finally:
        os.close(file)
