"""What a volume consists of, made step by step: objects under their File IDs, DICOMDIR, pages, viewer.

STEPS is the list of what is made for each volume, in this order: functions of a Volume that are generators of Progress
and add to its leaves; the last one seals them where the volume is protected so.
"""

import os
import time

from edge.export import sheets
from edge.export.leaves import Leaves
from edge.export.order import is_sealed
from edge.export.staging import remove
from edge.media import directory, fileset, pages, sight, viewer
from edge.media.leaf import Leaf
from edge.media.survey import Surveyor

_EVERY = 64  # objects, between two looks at the room


class Volume:
    """One volume while it is made.

    folder: where what is made for it lies; items: function that returns an iterator over its content.Items; count: how
    many they are; identifier: File-set ID and volume identifier; number, of: which of how many; note: function of
    words; locks: of a secure file-set, of edge.media.envelope
    """

    def __init__(self, staging, items, count, order, profile, settings, identifier, number, of, note, locks=()):
        self.folder = os.path.join(staging.path, "VOLUME")
        self.staging = staging
        self.items = items
        self.count = count
        self.order = order
        self.profile = profile
        self.identifier = identifier
        self.number, self.of = number, of
        self.note = note
        self.locks = locks
        self.leaves = None
        self.contents = sheets.Contents() if order.has_sheets else None
        own = settings.media
        named = ("", "") if order.deidentify else (own.institution or "", own.contact or "")  # they say where it was
        self.about = pages.About(*named, "", time.strftime("%Y-%m-%d"), number, of, order.viewer)

    def instances(self):
        """Yield the sight.Instance of each item."""
        for each in self.items():
            yield sight.Instance(each.path, each.patient, each.study, each.series)

    def make(self, pace):
        """Generator of Progress: make all of it."""
        os.mkdir(self.folder)
        self.leaves = Leaves(self.folder + ".LEAVES")
        for step in STEPS:
            yield from step(self, pace)

    def close(self):
        """Let go of what was made, and remove it."""
        if self.leaves is not None:
            self.leaves.close()
        remove(self.folder)


def objects(volume, pace):
    """Name the objects, and write the directory of them."""
    path = os.path.join(volume.folder, directory.NAME)
    names, surveyor = fileset.Names(), Surveyor(volume.profile.extra)
    writer = directory.Writer(path, volume.identifier, volume.profile.extra)
    try:
        for done, each in enumerate(volume.items(), 1):
            found = surveyor.look(each.path)
            file_id = names.next(found)
            for words in writer.add(found, file_id):
                volume.note(words)
            volume.leaves.add(Leaf("/".join(file_id), each.path, each.size))
            if volume.contents is not None:
                volume.contents.add(found, each)
            yield pace.at("writing the directory", done, volume.count)
        writer.finish()
    finally:
        writer.close()
    volume.leaves.add(Leaf(directory.NAME, path, os.path.getsize(path)))


def web(volume, pace):
    """Make the pages for whoever has no DICOM software; a secure file-set has none."""
    if is_sealed(volume.order):
        return
    made = pages.make(volume.instances(), volume.count, volume.folder, volume.about)
    volume.leaves.extend((yield from _watched(volume, made, "making the pages", pace)))


def shown(volume, pace):
    """Make the viewer, where it is wanted."""
    if volume.order.viewer:
        made = viewer.make(volume.instances(), volume.count, volume.folder)
        volume.leaves.extend((yield from _watched(volume, made, "making the viewer", pace)))


def sealed(volume, pace):
    """Seal all of it, where it is a secure file-set."""
    if is_sealed(volume.order):
        from edge.media import envelope

        made = envelope.seal_all(volume.leaves, volume.folder, *volume.locks)
        found = yield from _watched(volume, made, "sealing", pace, 1)
        plain, volume.leaves = volume.leaves, Leaves(volume.folder + ".SEALED")
        with plain:
            volume.leaves.extend(found)


def _watched(volume, made, stage, pace, every=_EVERY):
    while True:
        try:
            each = next(made)
        except StopIteration as end:
            return end.value
        if each.done % every == 0:
            volume.staging.keep()
        yield pace.at(stage, each.done, each.total)


STEPS = (objects, web, shown, sealed)

