"""One export from its order to its volumes: gathered, shared out, laid out, written."""

import os
from collections import namedtuple

from edge.dicom.errors import DicomError
from edge.export import choose, content, hiding, sheets, target, volume
from edge.export.order import BURNER, DIR, ISO, ZIP, is_sealed
from edge.export.progress import Pace
from edge.export.record import NOT_KEPT
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
    pace = Pace()
    listing = yield from choose.listed(spool.index, order, staging, pace)
    try:
        return (yield from made(spool, listing, settings, order, staging, password, pace))
    except (MediaError, DicomError, OSError):
        staging.whole()  # which may be why
        raise


def told(spool, settings, order, staging, password=None):
    """As `run`; returns ([{field of Done: value}], {field of content.Tally: value}, words), as a record keeps them."""
    return in_words((yield from run(spool, settings, order, staging, password)))


def in_words(result):
    """Return a Result as a record keeps it; see `told`."""
    tally = {name: getattr(result.tally, name) for name in ("objects", "left_out", "reasons", "notes")}
    return [each._asdict() for each in result.volumes], tally, result.words


def made(spool, listing, settings, order, staging, password, pace):
    """As `run`, of what was chosen: a choose.Listing. spool: what content.Content needs of one."""
    if order.has_password and password is None:
        raise MediaError(NOT_KEPT)
    locks = _locks(order, password)
    room = target.room(order)
    found = content.Content(spool, listing, order, hiding.stages_of(settings, order), staging, settings.box.ae_title)
    yield from found.gather(pace)
    job = _Job(found, order, profile.named(order.profile), settings, staging, room, pace, locks, password)
    plan = yield from job.planned()
    of = len(plan.volumes) if plan else 1
    done = []
    try:
        for number in range(1, of + 1):
            done.append((yield from job.volume(plan, number, of)))
    except BaseException as error:
        for each in done:
            if order.kind == ISO:
                for path in (each.path, *each.sheets):
                    os.unlink(path)
        if done and order.kind == BURNER and isinstance(error, MediaError):
            raise MediaError("%s (the discs before, up to %s, are good)" % (error, done[-1].label)) from error
        raise
    return Result(done, found.tally, target.words(order))


def _instances(found):
    for each in found:
        yield sight.Instance(each.path, each.patient, each.study, each.series)


def _locks(order, password):
    """Return what seals a secure file-set, () where it is none."""
    if not is_sealed(order):
        return ()
    from edge.media import envelope

    words = [envelope.Password(password)] if order.has_password else []
    return (*words, *[envelope.Receiver(each.encode("ascii", "replace")) for each in order.receivers])


def _growth(locks, extra, has_each):
    """Return a function of a content.Item: how many octets of a volume it takes."""
    if not locks:
        return lambda item: item.size + int(item.size * extra) + item.read * has_each
    from edge.media import envelope

    return lambda item: envelope.size(item.size, *locks)


def _parts(found, grown):
    for each in found:
        yield span.Part(each.study, each.series, grown(each))


class _Job:
    """An export under way, once its objects are gathered."""

    def __init__(self, found, order, chosen, settings, staging, room, pace, locks, password):
        self._found = found
        self._order = order
        self._chosen = chosen
        self._settings = settings
        self._staging = staging
        self._room = room
        self._pace = pace
        self._locks = locks
        self._password = password

    def planned(self):
        """Generator of Progress: share the objects out; returns the span.Plan, None where one volume takes all of them.

        Where the viewer has no room, it is left out.
        """
        try:
            return (yield from self._planned())
        except MediaError as error:
            if not self._order.viewer:
                raise
            self._leave_out_viewer(error)
        return (yield from self._planned())

    def _planned(self):
        extra = yield from self._beside()
        if self._room is None:
            return None
        room, has_each = self._room - _FIXED, self._read() <= pages.PAPERS_OCTETS
        if not has_each:
            room -= pages.PAPERS_OCTETS  # each volume may have as much
        return span.Plan(_parts(self._found, _growth(self._locks, extra, has_each)), room)

    def _read(self):
        """Return how many octets lie beside the pages of all objects, where they have any."""
        return 0 if is_sealed(self._order) else self._found.tally.read

    def _leave_out_viewer(self, why):
        self._order = self._order._replace(viewer=False)
        self._found.tally.note("the viewer was left out, since there is no room for it: %s" % why)

    def _beside(self):
        """Reckon pages and viewer, ask for the room that staging takes; return how many octets they add to an octet."""
        order, tally, staging = self._order, self._found.tally, self._staging
        octets = 0 if is_sealed(order) else pages.forecast(len(tally.series), len(tally.studies)).likely
        if order.viewer:
            looking = viewer.forecast(_instances(self._found), tally.objects)
            while True:
                try:
                    each = next(looking)
                except StopIteration as end:
                    octets += end.value.likely
                    break
                yield self._pace.at("reckoning the viewer", each.done, each.total)
        octets = int(octets * _PER_PAGE)
        read = self._read()
        needed = octets + read + _FIXED + 2048 * tally.objects
        if is_sealed(order):
            needed += tally.octets + _PER_LOCK * (1 + len(order.receivers)) * tally.objects
        writes_here = order.kind == BURNER or order.kind in (ISO, ZIP, DIR)
        if writes_here and (order.kind == BURNER or staging.is_here(os.path.dirname(order.place))):
            needed += octets + read + tally.octets + _FIXED
        staging.ask(needed)
        return octets / max(1, tally.octets)

    def volume(self, plan, number, of):
        """Generator of Progress: make and write one volume, without the viewer where it exceeds it; returns Done."""
        found, order = self._found, self._order
        if plan is None:
            count = found.tally.objects

            def items():
                return iter(found)

        else:
            count = plan.volumes[number - 1].files

            def items():
                under_way = plan.assign(_Assigned(each) for each in found)
                return (each.item for at, each in under_way if at == number)

        try:
            return (yield from self._volume(items, count, number, of))
        except _TooLarge as error:
            if not order.viewer:
                raise
            self._leave_out_viewer(error)
        return (yield from self._volume(items, count, number, of))

    def _volume(self, items, count, number, of):
        order, staging, settings = self._order, self._staging, self._settings
        identifier = span.identifier(order.label, number, of)
        made = volume.Volume(
            staging, items, count, order, self._chosen, settings, identifier, number, of, self._found.tally.note,
            self._locks,
        )  # fmt: skip
        try:
            yield from made.make(self._pace)
            if self._room is not None:
                _check(made.leaves, self._room, self._chosen)
            staging.keep()
            written = yield from target.write(
                order, self._chosen, made.leaves, staging, identifier, number, of, self._pace, self._password
            )
        finally:
            made.close()
        drawn = ()
        if made.contents is not None:
            yield self._pace.at(sheets.STAGE, number - 1, of)
            drawn = sheets.draw(made, settings, written.path)
        return Done(*written, count, span.label(number, of), drawn)


class _TooLarge(MediaError):
    """A volume exceeds its disc."""


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
        raise _TooLarge(
            "a volume comes to %d MB, and its disc takes %d MB: take larger discs, or leave the viewer out"
            % (octets >> 20, room >> 20)
        )
