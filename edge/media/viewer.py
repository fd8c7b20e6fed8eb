"""A viewer that opens from the volume, in any browser and without a network: its files, and the pixels for it.

    VIEWER/VIEWER.HTM ...    what it consists of, the same on every volume (edge/media/static)
    VIEWER/STUDIES.JS        patients, studies and series
    VIEWER/S000001/          a series: SERIES.JS says what its images are, F0000001.JS and on are its frames

Scripts, because a page from file:// may load nothing else; see `packing`. What cannot be shown is listed with the
reason. Objects pass one by one, frames strip by strip, so memory does not grow with either.
"""

import base64
import hashlib
import json
import os
from collections import namedtuple

from edge.dicom import uid
from edge.dicom.errors import DicomError
from edge.media import packing, person, sight
from edge.media.errors import MediaError
from edge.media.leaf import Leaf
from edge.pixels import fetch, image, limited, looks, plan, shades
from edge.spool.inflate import inflater

FOLDER = "VIEWER"
PAGE = FOLDER + "/VIEWER.HTM"
_UNIT = 0x00281054  # Rescale Type
_STATIC = os.path.join(os.path.dirname(__file__), "static")

# How far it is, in objects
Passed = namedtuple("Passed", "done total")

# How large it will be. most: octets, never more; likely: by what a few frames came to; files: how many, at most
Forecast = namedtuple("Forecast", "most likely files")


def make(instances, total, folder):
    """Generator of Passed: write the viewer's files below `folder`; returns an iterator of their Leaf.

    instances: iterable of sight.Instance; total: how many they are; folder: of the staging area, empty. What
    cannot be read or shown is listed in the viewer with the reason. MediaError where nothing can be written.
    """
    try:
        yield from _make(instances, total, folder)
    except OSError as error:
        raise MediaError("the viewer cannot be written to %s: %s; make room there and try again" % (
            folder, error.strerror or error)) from error  # fmt: skip
    return leaves(folder)


def _make(instances, total, folder):
    top = os.path.join(folder, FOLDER)
    os.makedirs(top)
    with limited.Decoders() as decoders, _Script(os.path.join(top, "STUDIES.JS"), "EDGE.studies([") as studies:
        series = None
        keys, people = None, person.People()
        done = 0
        try:
            for each in instances:
                seen, why, fd = _seen(each.path)
                texts = seen.texts if seen else {}
                new = _keys(each, seen, keys, people)
                if new != keys:
                    if series is not None:
                        series.close()
                        studies.add(series.summary)
                    for depth, describe in enumerate((_patient, _study)):
                        if keys is None or new[: depth + 1] != keys[: depth + 1]:
                            studies.add(describe(texts))
                    keys = new
                    number = series.number + 1 if series is not None else 1
                    series = _Series(number, top, texts, decoders)
                try:
                    series.take(seen, why, fd)
                finally:
                    if fd is not None:
                        os.close(fd)
                done += 1
                yield Passed(done, total)
            if series is not None:
                series.close()
                studies.add(series.summary)
        finally:
            if series is not None:
                series.close()


def _keys(instance, seen, before, people):
    """Return what stands for the patient, study and series of an object; before: that of the object before it, or None.

    people: person.People. The patient is whom the object itself names, so that no name of another can stand over its
    pictures.
    """
    if seen is not None:
        texts = seen.texts
        named = [texts[each] for each in ("patient_id", "patient_name", "birth_date", "sex")]
        whose = people.number(person.Person(*named))
    else:  # it shows nothing, and stays where it was put
        whose = before[0][1] if before is not None and before[0][0] == instance.patient else None
    return (instance.patient, whose), instance.study, instance.series


def _seen(path):
    """Return (Sight or None, why not, file descriptor or None) of an object."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError as error:
        return None, "it cannot be read: %s" % error.strerror, None
    try:
        return sight.see(fd), "", fd
    except DicomError as error:
        return None, str(error), fd


def leaves(folder):
    """Yield the Leaf of every file that `make` wrote below `folder`, and of those that are always the same."""
    yield from static_leaves()
    yield from leaves_below(folder, FOLDER)


def leaves_below(folder, name):
    """Yield the Leaf of every file below the folder `name` of a staging area, in the order of their names."""
    with os.scandir(os.path.join(folder, name)) as found:
        names = sorted([each.name for each in found])
    for each in names:
        path = os.path.join(folder, name, each)
        if os.path.isdir(path):
            yield from leaves_below(folder, name + "/" + each)
        else:
            yield Leaf(name + "/" + each, path, os.path.getsize(path))


def static_leaves():
    """Return the leaves that are the same on every volume."""
    found = []
    for name in sorted(os.listdir(_STATIC)):
        path = os.path.join(_STATIC, name)
        found.append(Leaf("%s/%s" % (FOLDER, name.upper()), path, os.path.getsize(path)))
    return found


def _patient(texts):
    return {
        "patient": sight.person(texts.get("patient_name", "")), "id": texts.get("patient_id", ""),
        "born": sight.date(texts.get("birth_date", "")), "sex": texts.get("sex", ""),
    }  # fmt: skip


def _study(texts):
    return {
        "study": texts.get("study_description", ""), "date": sight.date(texts.get("study_date", "")),
        "time": sight.time(texts.get("study_time", "")), "id": texts.get("study_id", ""),
        "accession": texts.get("accession", ""), "institution": texts.get("institution", ""),
    }  # fmt: skip


class _Script:
    """A script that calls a function with a list, which is written item by item."""

    def __init__(self, path, begin):
        self._file = open(path, "wb")
        self._file.write(begin.encode("ascii") + b"\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def add(self, item):
        """Add an item, of what JSON knows."""
        octets = json.dumps(item, separators=(",", ":"), allow_nan=False).encode("ascii")
        self._file.write(octets.replace(b"<", b"\\u003c") + b",\n")

    def close(self):
        """End the script; may be called again."""
        if not self._file.closed:
            self._file.write(b"]);\n")
            self._file.close()


class _Series:
    """A series that is being written."""

    def __init__(self, number, top, texts, decoders):
        self.number = number
        self.name = "S%06d" % number
        self._path = os.path.join(top, self.name)
        os.mkdir(self._path)
        self._script = _Script(os.path.join(self._path, "SERIES.JS"), 'EDGE.series("%s",[' % self.name)
        self._decoders = decoders
        self._known = {}  # of what was written once: its digest -> its number
        self._frames = 0
        self._texts = texts
        self._images = self._shown = 0

    @property
    def summary(self):
        """What the tree of studies says about it."""
        texts = self._texts
        return {
            "series": texts.get("series_description", ""), "key": self.name, "number": texts.get("series_number", ""),
            "modality": texts.get("modality", ""), "images": self._images, "shown": self._shown,
            "frames": self._frames,
        }  # fmt: skip

    def close(self):
        """End the script of the series; may be called again."""
        if self._script is not None:
            self._script.close()
            self._script = None

    def _once(self, kind, item):
        """Write an item where it was not written before; return its number, by which images speak of it."""
        key = hashlib.sha256(json.dumps([kind, item]).encode("ascii")).digest()[:16]
        if key not in self._known:
            self._known[key] = len(self._known)
            self._script.add({kind: item})
        return self._known[key]

    def take(self, seen, why, fd):
        """Write an object: its frames, and what is to be known of them."""
        self._images += 1
        record = {"n": seen.texts["number"] if seen else "", "at": self._frames + 1}
        why = why or seen.why
        if not why:
            try:
                self._write(seen, fd, record)
                self._shown += 1
            except DicomError as error:
                why = str(error)
        if why:
            record.update(why=why, what=_what(seen))
        self._script.add(record)

    def _write(self, seen, fd, record):
        first = self._frame(seen, fd, 1)
        record["form"] = self._once("form", form(seen, first))
        record["frames"] = seen.frames
        if seen.frame_ms and seen.frames > 1:
            record["ms"] = seen.frame_ms
        place = " ".join([seen.texts[name] for name in ("side", "body_part") if seen.texts[name]])
        if place:
            record["place"] = place
        view = self._once("view", view_of(seen, 1))
        views = [view]
        self._put(seen, first)
        for number in range(2, seen.frames + 1):
            if seen.each:
                view = self._once("view", view_of(seen, number))
            views.append(view)
            self._put(seen, self._frame(seen, fd, number))
        record["view"] = views if len(set(views)) > 1 else views[0]

    def _frame(self, seen, fd, number):
        return _frame(seen, fd, number, self._decoders)

    def _put(self, seen, frame):
        self._frames += 1
        name = "F%07d" % self._frames
        given = seen.pixels.image
        with open(os.path.join(self._path, name + ".JS"), "wb") as file:
            rows = frame.rows(range(given.rows))
            packing.write(file, "%s/%s" % (self.name, name), rows, *_cells(seen, frame))


def _frame(seen, fd, number, decoders):
    opened = seen.opened
    return fetch.Frame(fd, seen.found, seen.pixels, number, opened.syntax, opened.offset, inflater, decoders)


def _what(seen):
    """Return what an object is that is not shown."""
    if seen is None:
        return "object"
    return seen.texts["title"] or uid.name(seen.sop_class) or "object"


def _cells(seen, frame):
    """Return (octets of a row, of a cell, from a sample to the next of its colour) of what Frame.rows gives."""
    given = seen.pixels.image
    cell = max(1, given.bits_allocated // 8)
    if frame.is_halved:
        return 2 * given.columns, cell, 4
    row = given.columns * given.components * cell
    lane = min(cell, 4)
    return row, lane, cell if given.components == 1 or frame.is_planar else cell * given.components


def form(seen, frame):
    """Return what says how the samples of an object lie, and what they are, as the viewer wants it.

    seen: sight.Sight; frame: a fetch.Frame of it.
    """
    pixels, given, found = seen.pixels, seen.pixels.image, seen.found
    row, lane, step = _cells(seen, frame)
    shift = pixels.high_bit + 1 - given.bits_stored
    made = {
        "rows": given.rows, "columns": given.columns, "samples": given.components,
        "cell": max(1, given.bits_allocated // 8), "lane": lane, "step": step, "row": row,
        "strip": packing.strip_rows(row), "bits": given.bits_stored,
        "shift": shift if 0 <= shift <= given.bits_allocated - given.bits_stored else 0, "signed": given.is_signed,
        "colours": frame.photometric if given.components > 1 else pixels.photometric,
        "lies": "half" if frame.is_halved else "plane" if frame.is_planar and given.components > 1 else "pixel",
    }  # fmt: skip
    if found.kind == plan.FLOAT:
        made["float"] = 1
    padding = image.number(found.values, image.PADDING, None)
    if padding is not None:
        made["padding"] = padding
    for name, values in (("modality", found.modality_lut), ("voi", found.voi_lut)):
        table = shades.lut(values, given.is_signed)
        if table is not None:
            made[name] = {"first": table.first, "top": table.top, "entries": _base64(table.entries)}
    if pixels.photometric == "PALETTE COLOR":
        palette = shades.palette(found.values, given.is_signed)
        made["palette"] = [[first, base64.b64encode(entries).decode("ascii")] for first, entries in palette]
    if seen.regions:
        made["regions"] = [list(region) for region in seen.regions]
    return made


def _base64(entries):
    octets = b"".join([entry.to_bytes(2, "little") for entry in entries])
    return base64.b64encode(octets).decode("ascii")


def view_of(seen, frame):
    """Return what a frame says about how it is to look, and how long a pixel is, as the viewer wants it."""
    values = sight.values_of(seen, frame)
    slope = (shades.numbers_of(values, looks.SLOPE) or [1.0])[0] or 1.0
    intercept = (shades.numbers_of(values, looks.INTERCEPT) or [0.0])[0]
    found = seen.found._replace(values=values)
    made = {
        "slope": slope, "intercept": intercept,
        "windows": [[one.center, one.width, one.function, one.name] for one in shades.windows(found)],
    }  # fmt: skip
    unit = image.text(values, _UNIT)
    if unit:
        made["unit"] = unit
    spacing = sight.spacing_of(values)
    if spacing is not None:
        made["spacing"] = [spacing.rows, spacing.columns, spacing.where]
    elif sight.aspect_of(values) != 1.0:
        made["aspect"] = sight.aspect_of(values)
    return made


# How large it will be

_SAMPLED = 64  # so many frames are packed to see what they come to, of a series one
_SERIES_OCTETS, _RECORD_OCTETS = 1024, 512


def forecast(instances, total):
    """Generator of Passed: work out the Forecast of what `make` with the same arguments will write, and return it."""
    always = list(static_leaves())
    fixed, files = sum([each.size for each in always]) + 1024, len(always) + 1
    most, likely, sampled, ratio = 0, 0.0, 0, 1.0
    keys, people = None, person.People()
    for done, each in enumerate(instances, 1):
        seen, why, fd = _seen(each.path)
        new = _keys(each, seen, keys, people)
        is_new = new != keys
        if is_new:
            keys = new
            fixed += _SERIES_OCTETS
            files += 1
        try:
            fixed += _said_octets(seen)
            if not why and not seen.why:
                files += seen.frames
                most += seen.frames * packing.most(_frame_octets(seen))
                if is_new and sampled < _SAMPLED:
                    sampled += 1
                    ratio = _ratio(seen, fd)
                likely += seen.frames * _frame_octets(seen) * ratio
        finally:
            if fd is not None:
                os.close(fd)
        yield Passed(done, total)
    return Forecast(fixed + most, fixed + int(likely), files)


def _said_octets(seen):
    """Return how many octets what is said about an object takes at most, in scripts: a character takes up to six."""
    if seen is None:
        return _RECORD_OCTETS
    found = seen.found
    values = [] if found is None else [*found.values.values(), *found.modality_lut.values(), *found.voi_lut.values()]
    frames = _RECORD_OCTETS * len(seen.each)
    return _RECORD_OCTETS + frames + 6 * sum(map(len, seen.texts.values())) + 4 * sum(map(len, values))


def _frame_octets(seen):
    given = seen.pixels.image
    return max(1, given.bits_allocated // 8) * given.rows * given.columns * given.components


def _ratio(seen, fd):
    """Return what share of its octets the first frame of an object takes as a script."""
    with limited.Decoders() as decoders:
        try:
            first = _frame(seen, fd, 1, decoders)
        except DicomError:
            return 0.0
        counted = _Counted()
        packing.write(counted, "", first.rows(range(seen.pixels.image.rows)), *_cells(seen, first))
    return counted.octets / _frame_octets(seen)


class _Counted:
    """A file of which only the length is kept."""

    def __init__(self):
        self.octets = 0

    def write(self, octets):
        """Count what would be written."""
        self.octets += len(octets)
        return len(octets)

    def tell(self):
        """Return where the file ends."""
        return self.octets

    def seek(self, at):
        """Go on from `at`."""
        self.octets = at

    def truncate(self):
        """End here."""
