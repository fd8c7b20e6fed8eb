"""Cuts a record everywhere, builds what that may leave, and has each judged: exhaustively, or by chance.

Two cuts that leave the same files with the same promises are judged once. A tree is built in memory; the real spool
opens it, and repairs it as it would on a box.
"""

import hashlib
import os
import shutil
from collections import namedtuple

from tests.crash.simulator import judge, states

# points: where the record was cut; built: trees; judged: those of them that differ
Tally = namedtuple("Tally", "points built judged")


def write(tree, folder, indexes):
    """Put a Tree into the folder, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in sorted(tree.folders):
        os.mkdir(folder + path)
    for path, octets in tree.files.items():
        with open(folder + path, "wb") as file:
            file.write(octets)
    octets = indexes[tree.index] if tree.index is not None else None
    if octets is not None and "/state" in tree.folders:
        with open(folder + "/state/index.db", "wb") as file:
            file.write(octets)


def fingerprint(tree, promised):
    """Return what tells one tree, with what was promised of it, from others."""
    digest = hashlib.sha1(usedforsecurity=False)
    for path in sorted(tree.folders):
        digest.update(b"%b\0" % path.encode())
    for path, octets in sorted(tree.files.items()):
        digest.update(b"%b\0%d\0" % (path.encode(), len(octets)))
        digest.update(octets)
    digest.update(repr((tree.index, sorted(promised.must.items()), sorted(promised.may))).encode())
    return digest.digest()


def _is_made_anew(path):
    return path in ("/state/lock", "/state/journal/spare") or path.startswith("/state/partial/")


class Sweep:
    """Cuts the record of a Recorder; trees go into `folder`, in memory."""

    def __init__(self, recorder, folder, marks=()):
        """`marks`: what was promised before the record began."""
        self.recorder = recorder
        self.folder = str(folder)
        self._marks = list(marks)
        self._seen = set()
        self._points = self._built = 0
        self._folders = {
            number for number, what in recorder.before.items() if isinstance(what, dict)
        } | recorder._names.keys()

    @property
    def tally(self):
        """How much was done so far."""
        return Tally(self._points, self._built, len(self._seen))

    def _cuts(self):
        cut = states.Cut(self.recorder)
        cut.marks += self._marks
        yield 0, cut
        for number, change in enumerate(self.recorder.changes, 1):
            cut.go_on(change)
            yield number, cut

    def _build(self, cut, choose, octets_of, *fewer):
        return states.build(cut, choose, octets_of, self._folders.__contains__, *fewer)

    def everywhere(self, thin=True):
        """Judge everything that any cut may leave; judge.Broken says what broke, and where.

        `thin`: what the opening of a spool makes anew whatever it finds, the lock, the partial files and the spare
        segment, is either as new as it can be or as old, all of it; and the index the newest, the oldest, or none.
        """
        fewer = (_is_made_anew, True) if thin else ()
        for number, cut in self._cuts():
            self._points += 1
            promised = judge.promises(cut.marks)
            for tree in states.every(lambda choose, cut=cut: self._build(cut, choose, states.shapes, *fewer)):
                self._look(number, tree, promised)

    def by_chance(self, dice, cuts, trees=2):
        """Judge some trees of some cuts; the last of them stays in `folder`, repaired. Return the marks up to it."""
        wanted = set(dice.choices(range(len(self.recorder.changes) + 1), k=cuts))
        last = max(wanted)
        for number, cut in self._cuts():
            if number in wanted:
                self._points += 1
                promised = judge.promises(cut.marks)
                for _ in range(trees):
                    self._look(number, self._build(cut, dice.randrange, states.sectors), promised)
            if number == last:
                return list(cut.marks)
        return []

    def _look(self, number, tree, promised):
        self._built += 1
        print_of_it = fingerprint(tree, promised)
        if print_of_it in self._seen:
            return
        self._seen.add(print_of_it)
        write(tree, self.folder, self.recorder.indexes)
        try:
            judge.judge(self.folder, promised)
        except Exception as error:
            raise judge.Broken("%s\n%s" % (error, self.story(number, tree))) from error

    def story(self, number, tree):
        """Say in words where the record was cut, and what was left."""
        lines = ["cut behind change %d of %d:" % (number, len(self.recorder.changes))]
        for change in self.recorder.changes[max(0, number - 12) : number]:
            path = "" if change.node is None else self.recorder.paths[change.node]
            more = [each if not isinstance(each, bytes) else "%d octets" % len(each) for each in change.more]
            lines.append("  %s %s %s" % (change.kind, path, more))
        lines.append("left, with index %s of %d:" % (tree.index, len(self.recorder.indexes) - 1))
        lines += ["  %s: %d octets" % (path, len(octets)) for path, octets in sorted(tree.files.items())]
        return "\n".join(lines)
