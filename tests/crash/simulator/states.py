"""Every tree of files that a power cut may leave, of a record that is cut at some point.

What POSIX allows, which is more than ext4 does. A name shows what it stood for at the last sync of its folder, or
anything that it has stood for since, each name for itself: a rename may be there on one side and not on the other, a
later name without an earlier one. A file has the octets of its last sync, and of what was written since any part, in
units of a sector, in any order; its length is one that it has had since: where a sector did not come, there is what
was there before, or zeros. Nothing below a folder whose own name is missing can be seen.

`choose(number)` decides wherever there are several ways, by returning 0 to number - 1. `every` calls `build` with all
that it could answer; a source of chance answers otherwise. Choices are only asked for where they make a difference.
"""

from collections import namedtuple

SECTOR = 512

# files: {path: octets}; folders: a set of paths; index: number of its state, None for none
Tree = namedtuple("Tree", "files folders index")


class Pending:
    """What was written to a file, or what its length was made, since it was synced."""

    __slots__ = ("durable", "changes")

    def __init__(self, durable):
        self.durable = durable
        self.changes = []

    def sync(self):
        """Make all of it durable."""
        self.durable = whole(self.durable, self.changes)
        self.changes = []


def whole(octets, changes):
    """Return what a file has after all of these changes."""
    if not changes:
        return octets
    made = bytearray(octets)
    for change in changes:
        if change.kind == "size":
            del made[change.more[0] :]
            made.extend(bytes(change.more[0] - len(made)))
        else:
            offset, written = change.more
            if offset > len(made):
                made.extend(bytes(offset - len(made)))
            made[offset : offset + len(written)] = written
    return bytes(made)


class Cut:
    """A record up to one point: what is durable by then, and what is not."""

    def __init__(self, recorder):
        self.files = {}
        self.folders = {}  # number -> {name: [what is durable, what it stood for since, ...]}
        self.indexes = [0]  # numbers of the states that the index may have
        self.marks = []
        for number, what in recorder.before.items():
            if isinstance(what, dict):
                self.folders[number] = {name: [each] for name, each in what.items()}
            else:
                self.files[number] = Pending(what)

    def go_on(self, change):
        """Take one more change into account."""
        kind, node, more = change
        if kind == "name":
            self._name(node, *more)
        elif kind == "move":
            name, folder, new, number = more
            self._name(node, name, None)
            self._name(folder, new, number)
        elif kind in ("write", "size"):
            self._file(node).changes.append(change)
        elif kind == "sync":
            if node in self.files:
                self.files[node].sync()
            for values in self.folders.get(node, {}).values():
                del values[:-1]
        elif kind == "index":
            self.indexes.append(more[0])
        elif kind == "checkpoint":
            self.indexes = [more[0]]
        else:
            self.marks.append(more[0])

    def _name(self, folder, name, number):
        values = self.folders.setdefault(folder, {}).setdefault(name, [None])
        if number != values[-1]:
            values.append(number)

    def _file(self, number):
        if number not in self.files:
            self.files[number] = Pending(b"")
        return self.files[number]


def build(cut, choose, octets_of, is_folder, together=lambda path: False, few=False):
    """Return one Tree that the cut may have left.

    octets_of(Pending, choose): the octets of a file; is_folder(number): whether it is a folder. To have fewer of them:
    together(path): whether this is one of those that are all durable as they are, or all as they were before;
    few: let the index be the oldest that it can be, the newest, or none, but nothing in between.
    """
    files, folders, seen, waiting = {}, set(), {}, [("", 0)]
    tied = []

    def is_new():
        if not tied:
            tied.append(choose(2) == 0)
        return tied[0]

    while waiting:
        path, number = waiting.pop()
        if is_folder(number):
            folders.add(path)
            for name, values in sorted(cut.folders.get(number, {}).items()):
                several, below = list(dict.fromkeys(values)), path + "/" + name
                if len(several) == 1:
                    value = several[0]
                elif together(below):
                    value = values[-1] if is_new() else values[0]
                else:
                    value = several[choose(len(several))]
                if value is not None:
                    waiting.append((below, value))
        else:
            if number not in seen:
                pending = cut.files.get(number) or Pending(b"")
                if pending.changes and together(path):
                    seen[number] = whole(pending.durable, pending.changes) if is_new() else pending.durable
                else:
                    seen[number] = octets_of(pending, choose)
            files[path] = seen[number]
    indexes = [cut.indexes[-1], cut.indexes[0]] if few else cut.indexes
    indexes = list(dict.fromkeys([*indexes, 0]))
    return Tree(files, folders, indexes[choose(len(indexes))] if len(indexes) > 1 else indexes[0])


def shapes(pending, choose):
    """The octets of a file, one of a few that stand for all: each write whole, torn in its middle, or missing."""
    if not pending.changes:
        return pending.durable
    found = _shapes(pending)
    return found[choose(len(found))]


def _shapes(pending):
    """Return the different contents that a file may have: all of the changes first, none of them last."""
    changes = pending.changes
    found = {whole(pending.durable, changes): None}
    for at, change in enumerate(changes):
        before, after = changes[:at], changes[at + 1 :]
        found[whole(pending.durable, before)] = None
        found[whole(pending.durable, before + _zeros(changes[at:], pending.durable))] = None
        if change.kind == "write":
            offset, octets = change.more
            half = -(-(offset + len(octets) // 2) // SECTOR) * SECTOR - offset
            half = half if 0 < half < len(octets) else len(octets) // 2  # small writes are torn too
            first = change._replace(more=(offset, octets[:half]))
            second = change._replace(more=(offset + half, octets[half:]))
            found[whole(pending.durable, [*before, first])] = None
            found[whole(pending.durable, [*before, second, *after])] = None
    found.pop(pending.durable, None)
    return [*found, pending.durable]


def _zeros(changes, durable):
    """Return changes that make a file as long, and write nothing: what was longer has zeros."""
    length = len(whole(durable, changes))
    longest = max([length] + [sum((each.more[0], len(each.more[1]))) for each in changes if each.kind == "write"])
    return [changes[0]._replace(kind="size", more=(longest,))] if longest > len(durable) else []


def sectors(pending, choose):
    """The octets of a file, of which each sector came or not for itself, as did its length."""
    if not pending.changes:
        return pending.durable
    lengths, made, length = {len(pending.durable)}, bytearray(pending.durable), len(pending.durable)
    for change in pending.changes:
        if change.kind == "size":
            length = change.more[0]
            for at in range(length, len(made), SECTOR):
                if choose(2):
                    made[at : at + SECTOR] = bytes(len(made[at : at + SECTOR]))
        else:
            offset, octets = change.more
            length = max(length, offset + len(octets))
            made.extend(bytes(max(0, length - len(made))))
            at = offset
            while at < offset + len(octets):
                end = min((at // SECTOR + 1) * SECTOR, offset + len(octets))
                if choose(2):
                    made[at:end] = octets[at - offset : end - offset]
                at = end
        lengths.add(length)
    several = sorted(lengths)
    return bytes(made[: several[choose(len(several))]])


def every(build_one):
    """Yield `build_one(choose)` for every sequence of choices that it can be given."""
    answers = []
    while answers is not None:
        asked = []

        def choose(number, answers=tuple(answers), asked=asked):
            answer = answers[len(asked)] if len(asked) < len(answers) else 0
            asked.append((answer, number))
            return answer

        yield build_one(choose)
        while asked and asked[-1][0] == asked[-1][1] - 1:
            asked.pop()
        answers = [answer for answer, _ in asked[:-1]] + [asked[-1][0] + 1] if asked else None
