"""Where volumes go: an image, a disc, a stick, a folder, an archive. What each can hold, and the writing of it."""

import os
import time
from collections import namedtuple

from edge.export.order import BURNER, DIR, ISO, USB, ZIP, is_protected
from edge.export.progress import BURNING
from edge.media import layout, manifest, profile
from edge.media.errors import MediaError, NoDisc
from edge.media.leaf import Leaf

# path: where it lies; octets; sha256: of an image or an archive, "" for others
Made = namedtuple("Made", "path octets sha256")

COMPARED = "burnt and compared; may be handed out"
_WORDS = {
    BURNER: COMPARED, USB: "written and compared; may be handed out", DIR: "written and compared",
    ISO: "written and read back; its SHA-256 is known", ZIP: "written and read back; its SHA-256 is known",
}  # fmt: skip
_LOOK_S = 3.0


def words(order):
    """Return what there is to say of an export that came to its end."""
    found = _WORDS[order.kind]
    if is_protected(order):
        found += "; nobody opens it without the password or the private key"
    return found


def room(order):
    """Return how many octets a volume can hold, None where nothing says so before."""
    if order.kind == BURNER:
        disc = blank_disc(order.place)
        return min(disc.octets - layout.BURN_PADDING, layout.CAPACITIES[order.medium])
    return layout.CAPACITIES[order.medium] if order.kind == ISO else None


def blank_disc(place):
    """Return the burn.Disc in a burner; NoDisc where none is, or it is not blank, MediaError where it is no burner."""
    from edge.media import burn

    disc = burn.look(place)
    if not disc.is_blank:
        raise NoDisc("the disc in %s is not blank (%s): put in a blank one" % (place, disc.kind))
    return disc


def has_udf(chosen):
    """Say whether a disc of a profile.Profile has UDF beside ISO 9660."""
    return chosen.file_systems != (profile.CD9660,)


def place(order, number, of):
    """Return where one of several volumes goes: FILE_1_3.iso."""
    if of == 1 or order.kind != ISO:
        return order.place
    stem, extension = os.path.splitext(order.place)
    return "%s_%d_%d%s" % (stem, number, of, extension)


def write(order, chosen, leaves, staging, identifier, number, of, pace, password=None):
    """Generator of Progress: write one volume; returns Made.

    chosen: its profile.Profile; leaves: a list of Leaf; identifier: its File-set ID; password: of an
    archive. Raises MediaError.
    """
    path = place(order, number, of)
    if order.kind == DIR:
        from edge.media import stick

        return (yield from _told(stick.write_folder(leaves, path, staging.path), "writing and comparing", pace))
    if order.kind == USB and order.formats:
        from edge.media import fat

        written = fat.write(leaves, path, identifier, staging.path)
        return (yield from _told(written, "formatting, writing and comparing", pace))
    if order.kind == USB:
        from edge.media import stick

        return (yield from _told(stick.write(leaves, path, staging.path), "writing and comparing", pace))
    if order.kind == ZIP:
        from edge.media import archive

        made = yield from _told(archive.write(leaves, path, time.time(), password), "writing", pace)
        return (yield from _read_back(made, pace))
    from edge.media import image

    if order.kind == ISO:
        written = image.write(leaves, path, identifier, has_udf(chosen), compare=True)
        return (yield from _told(written, "writing the image", pace))
    from edge.media import burn

    if number > 1:
        yield from _next_disc(order, number, of, pace)
    image_path = os.path.join(staging.path, "IMAGE")
    yield from _told(image.write(leaves, image_path, identifier, has_udf(chosen)), "writing the image", pace)
    try:
        return (yield from _told(burn.write(image_path, path), BURNING, pace))
    finally:
        os.unlink(image_path)


def _next_disc(order, number, of, pace):
    """Wait until another blank disc is in the drive."""
    while True:
        try:
            blank_disc(order.place)
            return
        except MediaError:
            pass  # the tray is open, or the drive looks at the disc
        yield pace.at("waiting for a blank disc, %d of %d" % (number, of), number - 1, of)
        time.sleep(_LOOK_S)


def _read_back(made, pace):
    """Read a file that was written back from its disk; return its Made with its SHA-256, by which a copy is checked."""
    from hashlib import sha256  # which brings OpenSSL

    digest, done = sha256(), 0
    for piece in manifest.pieces(Leaf(made.path, made.path, made.octets), drop=True):
        digest.update(piece)
        done += len(piece)
        yield pace.at("reading it back", done, made.octets)
    return made._replace(sha256=digest.hexdigest())


def _told(written, stage, pace):
    try:
        while True:
            each = next(written)
            yield pace.at(stage, each.done, each.total)
    except StopIteration as end:
        return Made(*end.value)
    finally:
        written.close()
