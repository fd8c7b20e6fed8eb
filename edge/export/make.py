"""One export from its order to its volumes: gathered, shared out, laid out, written."""

import os
from collections import namedtuple

from edge.export import content, hiding, sheets, target, volume
from edge.export.order import BURNER, DIR, ISO, ZIP, is_sealed
from edge.export.progress import Pace
from edge.export.record import NOT_KEPT
from edge.export.staging import remove
from edge.media import layout, pages, profile, sight, span, viewer
from edge.media.errors import MediaError

# One volume that was made. path: where it lies; octets; sha256: of an image, or ""; objects: how many; label: "1 of 2";
# sheets: paths of its label and its cover sheet, or none
Done = namedtuple("Done", "path octets sha256 objects label sheets", defaults=((),))
# What came of it. volumes: list of Done; tally: content.Tally
Result = namedtuple("Result", "volumes tally words")

_FIXED = 2 << 20  # of a volume: descriptors, README, the viewer's own files, on the safe side
_PER_LOCK = 2048  # of a sealed file: what it has for each who can open it, on the safe side
_PER_PAGE = 1.15  # what pages and viewer come to at most, beside what was reckoned


def run(spool, settings, order, staging, password=None):
    """Generator of progress.Progress: make an export; returns its Result. Raises MediaError.

    settings: config.Config; order: order.Order; staging: staging.Staging, entered; password: str, of an order that has
    one. Closed before its end, or failing, it leaves nothing behind but discs that are burnt already.
    """
    if order.has_password and password is None:
        raise MediaError(NOT_KEPT)
    pace = Pace()
    locks = _locks(order, password)
    chosen = profile.named(order.profile)
    room = target.room(order)
    found = content.Content(spool, order, hiding.stages_of(settings, order), staging, settings.box.ae_title)
    yield from found.gather(pace)
    tally = found.tally
    extra = yield from _beside(found, order, staging, pace)
    grown = _growth(locks, extra)
    plan = None
    if room is not None:
        plan = span.Plan(_parts(found, grown), room - _FIXED)
    of = len(plan.volumes) if plan else 1
    done = []
    try:
        for number in range(1, of + 1):
            made = yield from _volume(
                found, order, chosen, settings, staging, plan, number, of, room, pace, locks, password
            )
            done.append(made)
    except BaseException as error:
        for each in done:
            if order.kind == ISO:
                for path in (each.path, *each.sheets):
                    os.unlink(path)
        if done and order.kind == BURNER and isinstance(error, MediaError):
            raise MediaError("%s (the discs before, up to %s, are good)" % (error, done[-1].label)) from error
        raise
    return Result(done, tally, target.words(order))


def _instances(found):
    for each in found:
        yield sight.Instance(each.path, each.patient, each.study, each.series)


def _beside(found, order, staging, pace):
    """Reckon pages and viewer, ask for the room that staging takes; return how many octets they add to an octet."""
    tally = found.tally
    octets = 0 if is_sealed(order) else pages.forecast(len(tally.series), len(tally.studies)).likely
    if order.viewer:
        looking = viewer.forecast(_instances(found), tally.objects)
        while True:
            try:
                each = next(looking)
            except StopIteration as end:
                octets += end.value.likely
                break
            yield pace.at("reckoning the viewer", each.done, each.total)
    octets = int(octets * _PER_PAGE)
    needed = octets + _FIXED + 2048 * tally.objects
    if is_sealed(order):
        needed += tally.octets + _PER_LOCK * (1 + len(order.receivers)) * tally.objects
    writes_here = order.kind == BURNER or order.kind in (ISO, ZIP, DIR)
    if writes_here and (order.kind == BURNER or staging.is_here(os.path.dirname(order.place))):
        needed += octets + tally.octets + _FIXED
    staging.ask(needed)
    return octets / max(1, tally.octets)


def _locks(order, password):
    """Return what seals a secure file-set, () where it is none."""
    if not is_sealed(order):
        return ()
    from edge.media import envelope

    words = [envelope.Password(password)] if order.has_password else []
    return (*words, *[envelope.Receiver(each.encode("ascii", "replace")) for each in order.receivers])


def _growth(locks, extra):
    """Return a function of the octets of an object: how many of a volume it takes."""
    if not locks:
        return lambda octets: octets + int(octets * extra)
    from edge.media import envelope

    return lambda octets: envelope.size(octets, *locks)


def _parts(found, grown):
    for each in found:
        yield span.Part(each.study, each.series, grown(each.size))


def _volume(found, order, chosen, settings, staging, plan, number, of, room, pace, locks, password):
    if plan is None:
        count = found.tally.objects

        def items():
            return iter(found)

    else:
        count = plan.volumes[number - 1].files

        def items():
            under_way = plan.assign(_Assigned(each) for each in found)
            return (each.item for at, each in under_way if at == number)

    identifier = span.identifier(order.label, number, of)
    note = found.tally.note
    made = volume.Volume(staging, items, count, order, chosen, settings, identifier, number, of, note, locks)
    try:
        yield from made.make(pace)
        if room is not None:
            _check(made.leaves, room, chosen)
        volume.removed(made)
        written = yield from target.write(
            order, chosen, made.leaves, staging, identifier, number, of, pace, password
        )
    finally:
        remove(made.folder)
    drawn = ()
    if made.contents is not None:
        yield pace.at(sheets.STAGE, number - 1, of)
        drawn = sheets.draw(made, settings, written.path)
    return Done(*written, count, span.label(number, of), drawn)


class _Assigned:
    """An item as span.Plan shares it out."""

    __slots__ = ("item", "study", "series")

    def __init__(self, item):
        self.item = item
        self.study, self.series = item.study, item.series


def _check(leaves, room, chosen):
    sizes = layout.Sizes()
    for each in leaves:
        sizes.add(each.name, each.size)
    octets = sizes.image(target.has_udf(chosen))
    if octets > room:
        raise MediaError(
            "a volume comes to %d MB, and its disc takes %d MB: take larger discs, or leave the viewer out"
            % (octets >> 20, room >> 20)
        )
