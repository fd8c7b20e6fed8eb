"""What there is to see in an object, and who and what it is of: read in one pass over its head, never the pixels.

For the viewer and the pages alike. What each frame of an enhanced multi-frame object says differently is kept by frame.

Source: PS3.3 C.7.6.5 (cine), C.8.5.5 (ultrasound regions), 10.7 (pixel spacing).
"""

from collections import namedtuple

from edge.dicom import element, reader, syntax, text
from edge.dicom.errors import DicomError
from edge.dicom.octets import get_numbers, swapped
from edge.pixels import image, looks, plan, registry, render, shades, source
from edge.spool.inflate import inflater

# One object to be shown. path: of its Part 10 file; patient, study, series: what is the same within one and different
# between two, whatever it is; objects of a series follow each other, series of a study, and studies of a patient
Instance = namedtuple("Instance", "path patient study series")

# How long a pixel is. rows: from one row to the next, columns: from one column to the next, in mm; where: "" in the
# patient, "detector" or "nominal" (of film that was scanned)
Spacing = namedtuple("Spacing", "rows columns where")

# A region of an ultrasound picture (PS3.3 C.8.5.5). Corners in pixels; across, down: mm a pixel
Region = namedtuple("Region", "left top right bottom across down")

# What is seen. sop_class: str; texts: {name of TEXTS: str}; opened: source.FileSource; found: looks.Looks, None
# where there are no pictures; pixels: image.Pixels, None where they cannot be described, too; frames: how many; each:
# {frame: {tag: octets}} of what frames say differently; regions: tuple of Region; frame_ms: float or None; why: in
# words why nothing can be shown, or ""
Sight = namedtuple("Sight", "sop_class texts opened found pixels frames each regions frame_ms why")

TEXTS = {
    0x00080020: "study_date", 0x00080030: "study_time", 0x00080050: "accession", 0x00080060: "modality",
    0x00080080: "institution", 0x00081030: "study_description", 0x0008103E: "series_description",
    0x00100010: "patient_name", 0x00100020: "patient_id", 0x00100030: "birth_date", 0x00100040: "sex",
    0x00180015: "body_part", 0x00200010: "study_id", 0x00200011: "series_number", 0x00200013: "number",
    0x00200062: "side", 0x00420010: "title",
}  # fmt: skip
_PERSON = 0x00100010
_ASCII = (0x00080020, 0x00080030, 0x00080060, 0x00100030, 0x00100040, 0x00180015, 0x00200011, 0x00200013, 0x00200062)
_RATE, _CINE_RATE, _FRAME_TIME, _FRAME_TIMES = 0x00082144, 0x00180040, 0x00181063, 0x00181065
_SPACING, _CALIBRATED, _ASPECT = 0x00280030, 0x00280A02, 0x00280034
_AT_DETECTOR, _NOMINAL = 0x00181164, 0x00182010
_KEPT = (_RATE, _CINE_RATE, _FRAME_TIME, _FRAME_TIMES, _AT_DETECTOR, _NOMINAL)
_REGIONS = 0x00186011
_MM = {3: 10.0}  # Physical Units: centimetres, the only length there is
_LONGEST_TEXT = 1024
_INFLATE_LIMIT = 1 << 36


class _Looker(looks.Looker):
    """Keeps the texts, the regions, and what every frame says of itself, beside what says how pixels look."""

    def __init__(self, source, known):
        super().__init__(source, known, 0)
        self.texts = {}
        self.charsets = ()
        self.each = {}
        self.regions = []

    def take(self, event):
        """Look at an event; say whether all that is wanted is known."""
        if type(event) is reader.Element:
            if not self.path:
                self._note(event)
            elif len(self.path) == 1 and self.path[0][0] == _REGIONS:
                self._region(event)
        return super().take(event)

    def _note(self, event):
        tag = event.tag
        if tag == element.SPECIFIC_CHARACTER_SET:
            self.charsets = text.terms(event.value)
        elif tag in TEXTS:
            self.texts[tag] = bytes(event.value[:_LONGEST_TEXT])
        elif tag in _KEPT:
            self.more[tag] = bytes(event.value)

    def _region(self, event):
        number = self.path[0][1]
        while len(self.regions) < number and number <= 64:
            self.regions.append({})
        if number <= len(self.regions):
            width = 1 if self._source.little else element.WIDTHS.get(event.vr, 1)
            self.regions[number - 1][event.tag] = swapped(event.value, width)

    def keep(self, event):
        """Keep an element of group 0028, by frame where it stands in what a frame says."""
        if self.path and self.path[0][0] in (looks.PER_FRAME, looks.SHARED) and len(self.path) == 2:
            frame = 0 if self.path[0][0] == looks.SHARED else self.path[0][1]
            width = 1 if self._source.little else element.WIDTHS.get(event.vr, 1)
            self.each.setdefault(frame, {})[event.tag] = swapped(event.value, width)
        else:
            super().keep(event)


def see(fd):
    """Return the Sight of the Part 10 file under `fd`. DicomError where it is none."""
    opened = source.FileSource(fd)
    known = opened.syntax
    inflate = inflater() if known.deflated else None
    limit = _INFLATE_LIMIT if known.deflated else None
    found, looker = looks.look_by(
        lambda events: _Looker(events, known), opened.chunks(), known, opened.offset, inflate, limit
    )
    found.values.update(looker.each.pop(0, {}))
    texts = {name: _text(looker, tag) for tag, name in TEXTS.items()}
    sop_class = opened.meta.sop_class or ""
    bare = Sight(sop_class, texts, opened, None, None, 0, {}, (), None, "")
    if found.kind == plan.NONE:
        return bare._replace(why="there are no pictures in it")
    try:
        why = _why(found, known)
        pixels = render.described(found)
    except DicomError as error:
        return bare._replace(found=found, why=str(error))
    if not why and pixels.image.bits_allocated not in (1, 8, 16, 32) and found.kind != plan.FLOAT:
        why = "there are %d bits allocated" % pixels.image.bits_allocated
    if not why and pixels.image.components not in (1, 3):
        why = "there are %d samples a pixel" % pixels.image.components
    regions = [region for region in map(_region_of, looker.regions) if region is not None]
    return Sight(
        sop_class, texts, opened, found, pixels, pixels.frames, looker.each, tuple(regions), _frame_ms(found.values),
        why,
    )  # fmt: skip


def _why(found, known):
    if found.kind != plan.ENCAPSULATED:
        return ""
    if registry.is_video(known.uid):
        return "it is a video (%s)" % known.name
    return registry.missing(known.uid)


def _text(looker, tag):
    octets = looker.texts.get(tag, b"")
    charsets = () if tag in _ASCII else looker.charsets
    return text.printable(text.split(octets, charsets, tag == _PERSON)[0].strip("\0 "))


def person(name):
    """Return a Person Name as people write it: the alphabetic group, and in brackets the others."""
    groups = [" ".join([part.strip() for part in group.split("^") if part.strip()]) for group in name.split("=")]
    groups = [group for group in groups if group]
    return groups[0] + (" (%s)" % ", ".join(groups[1:]) if groups[1:] else "") if groups else ""


def date(value):
    """Return a DA as 2026-01-05, what is none as it is."""
    plain = value.replace(".", "")
    return "-".join((plain[:4], plain[4:6], plain[6:])) if len(plain) == 8 and plain.isdigit() else value


def time(value):
    """Return a TM, as the standard has it or with colons as of old, as at most six digits; what is none as it is."""
    plain = value.replace(":", "").strip()
    return plain[:6] if plain[:4].isdigit() and len(plain) >= 4 else value


def values_of(sight, frame):
    """Return {tag: octets} as they hold for a frame, counted from 1."""
    own = sight.each.get(frame)
    return {**sight.found.values, **own} if own else sight.found.values


def spacing_of(values):
    """Return the Spacing, None where nothing says how long a pixel is."""
    given = {tag: _pair(values, tag) for tag in (_SPACING, _AT_DETECTOR, _NOMINAL)}
    if given[_SPACING]:
        same = given[_SPACING] == given[_AT_DETECTOR] and not image.text(values, _CALIBRATED)
        return Spacing(*given[_SPACING], "detector" if same else "")
    if given[_AT_DETECTOR]:
        return Spacing(*given[_AT_DETECTOR], "detector")
    return Spacing(*given[_NOMINAL], "nominal") if given[_NOMINAL] else None


def aspect_of(values):
    """Return how high a pixel is for its width, where only that is said; 1.0 otherwise."""
    pair = _pair(values, _ASPECT)
    return pair[0] / pair[1] if pair else 1.0


def _pair(values, tag):
    numbers = shades.numbers_of(values, tag)
    return tuple(numbers[:2]) if len(numbers) >= 2 and all([_is_sane(each) for each in numbers[:2]]) else None


def _is_sane(number):
    """Say whether a length, a time or a rate can be meant."""
    return 1e-6 < number < 1e6


def _frame_ms(values):
    """Return how long a frame is shown, in milliseconds, None where nothing says it."""
    times = [each for each in shades.numbers_of(values, _FRAME_TIMES) if _is_sane(each)]
    rates = [each for tag in (_RATE, _CINE_RATE) for each in shades.numbers_of(values, tag)[:1] if _is_sane(each)]
    found = [each for each in shades.numbers_of(values, _FRAME_TIME)[:1] if _is_sane(each)]
    if times:
        found.append(sum(times) / len(times))
    found += [1000.0 / each for each in rates]
    return found[0] if found else None


def _region_of(given):
    """Return the Region of an item of the Sequence of Ultrasound Regions, None where it measures no lengths."""
    units = [(get_numbers(given.get(tag, b""), "US", True) or (0,))[0] for tag in (0x00186024, 0x00186026)]
    corners = [(get_numbers(given.get(tag, b""), "UL", True) or (None,))[0] for tag in range(0x00186018, 0x00186020, 2)]
    deltas = [(get_numbers(given.get(tag, b""), "FD", True) or (0.0,))[0] for tag in (0x0018602C, 0x0018602E)]
    if None in corners or not all([_is_sane(abs(each)) for each in deltas]):
        return None
    if units[0] not in _MM or units[1] not in _MM:
        return None
    return Region(*corners, abs(deltas[0]) * _MM[units[0]], abs(deltas[1]) * _MM[units[1]])


def syntax_name(sight):
    """Return the name of an object's transfer syntax."""
    return syntax.lookup(sight.opened.syntax.uid).name
