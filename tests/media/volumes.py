"""Volumes for tests: generators run to their end, leaves laid into a folder."""

import shutil


def end(generator):
    """What a generator returns."""
    while True:
        try:
            next(generator)
        except StopIteration as done:
            return done.value


def place(leaves, folder):
    """Lay leaves into a folder under the names that they have on a volume."""
    for leaf in leaves:
        path = folder / leaf.name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(leaf.path, path)
