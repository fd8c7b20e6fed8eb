"""What an object is, found out from its head, and what it takes to turn it into another transfer syntax, in elements.

`examine` reads as far as the pixel data. `plan` decides: which codecs, which elements change, or, in words, why it
cannot be done. Nothing has been written by then, so that who forwards can still choose another way.

Source: PS3.3 C.7.6.1.1.5 (lossy compression), C.7.6.3 (image pixel), C.9.2 (overlays), C.12.4 (derivation); PS3.5 8.
"""

from collections import namedtuple

from edge.dicom import element, reader, syntax, uid, writer
from edge.dicom.errors import LimitError, LocalError, PeerError, TruncatedError
from edge.dicom.octets import pad_even, swapped
from edge.pixels import binding, image, registry

# How pixels lie in a data set
NONE, NATIVE, ENCAPSULATED, FLOAT = "none", "native", "encapsulated", "float"

# What `examine` finds. values: {tag: octets in little endian} of the top level; kind: see above; vr, length: of Pixel
# Data, length element.UNDEFINED where it is made of fragments; icon: whether pixels within a sequence are compressed;
# little: the byte order there is
Subject = namedtuple("Subject", ("values", "kind", "vr", "length", "icon", "little"))

# An overlay that lies in the unused bits of the pixels. group: 0x6000 to 0x601E; bit: its number
Overlay = namedtuple("Overlay", ("group", "bit"))

# What is to be done. target: TransferSyntax; source_codec, target_codec: registry.Codec, None where pixels are not
# touched; pixels: image.Pixels, None where not touched; colour: whether RGB is transformed; edits, items: as Rewriter
# takes them; overlays: tuple of Overlay; sop_instance: str, the new one of a lossy object; lossy: the name of its
# method, or None; copies: whether fragments are copied as they are; notes: tuple of str
Plan = namedtuple(
    "Plan",
    "target source_codec target_codec pixels colour edits items overlays sop_instance lossy copies notes",
)

LONGEST_VALUE = 0xFFFFFFFE

_IMAGE_TYPE, _DERIVATION, _SOURCE_IMAGES, _DERIVATION_CODES = 0x00080008, 0x00082111, 0x00082112, 0x00089215
_WANTED = {
    _IMAGE_TYPE, element.SOP_CLASS, element.SOP_INSTANCE, _DERIVATION, image.OFFSETS, image.LENGTHS,
    image.SAMPLES_PER_PIXEL, image.PHOTOMETRIC, image.PLANAR, image.FRAMES, image.ROWS, image.COLUMNS,
    image.BITS_ALLOCATED, image.BITS_STORED, image.HIGH_BIT, image.SIGNED, image.LOSSY, image.LOSSY_RATIO,
    image.LOSSY_METHOD, image.PADDING,
}  # fmt: skip
_OVERLAY_ROWS, _OVERLAY_COLUMNS, _OVERLAY_ALLOCATED, _OVERLAY_BIT, _OVERLAY_DATA = 0x10, 0x11, 0x100, 0x102, 0x3000
_TABLE_LIMIT = 1 << 26
_MOST_FRAMES = 1 << 24

# Photometric Interpretation of what a decoder gives (PS3.5 8.2.4, PS3.3 C.7.6.3.1.2)
DECODED_AS = {
    registry.OPENJPEG: {"YBR_RCT": "RGB", "YBR_ICT": "RGB"},
    registry.OPENJPH: {"YBR_RCT": "RGB", "YBR_ICT": "RGB"},
    registry.JPEG: {"YBR_FULL_422": "YBR_FULL"},  # the stream's own colours, upsampled
}
_METHOD = {"1.2.840.10008.1.2.4.50": "ISO_10918_1", "1.2.840.10008.1.2.4.51": "ISO_10918_1",
           "1.2.840.10008.1.2.4.81": "ISO_14495_1", "1.2.840.10008.1.2.4.203": "ISO_15444_15"}  # fmt: skip


# What a lossy object was made from (PS3.16 CID 7202)
_NATIVE_SOURCE = ("121320", "Uncompressed predecessor")
_LOSSY_SOURCE = ("121330", "Lossy compressed predecessor")
_COMPRESSED_SOURCE = ("121322", "Source image for image processing operation")


class NoPixels(LocalError):
    """There is nothing in the object that a codec could be used on."""


def examine(chunks, known, inflate=None, inflate_limit=None, notices=None):
    """Return the Subject that an iterator of `chunks` holds; no more of them is taken than its head needs.

    known: the TransferSyntax. Raises PeerError, LimitError, TruncatedError where the head cannot be read.
    """
    source = reader.Reader(known, inflate=inflate, inflate_limit=inflate_limit)
    looker = Looker(source, known)
    for chunk in chunks:
        source.feed(chunk)
        for event in source.events():
            if looker.take(event):
                break
        if looker.is_done:
            break
    else:
        if looker.kind == NONE:
            source.finish()
    if notices is not None:
        notices += source.notices
    return Subject(looker.values, looker.kind, looker.vr, looker.length, looker.icon, source.little)


class Looker:
    """Takes the events of a data set up to its pixels, and keeps what says how those lie; see Subject."""

    def __init__(self, source, known):
        self.values = {}
        self.kind = NONE
        self.vr, self.length = "", 0
        self.icon = False
        self.is_done = False
        self._source = source
        self._known = known
        self._depth = 0
        self._start = None  # the first octets of a Pixel Data of given length, while they decide what it is
        self._table = None  # an offset table that comes in pieces

    def take(self, event):
        """Look at an event; say whether all that is wanted is known."""
        kind = type(event)
        if self._start is not None and kind in (reader.Chunk, reader.ValueEnded):
            if kind is reader.Chunk:
                self._start += bytes(event.view[: 8 - len(self._start)])
            if len(self._start) >= 8 or kind is reader.ValueEnded:
                self._judge(bytes(self._start))
        elif self._table is not None and kind in (reader.Chunk, reader.ValueEnded):
            if kind is reader.Chunk:
                self._table += event.view
            else:
                self.values[event.tag] = bytes(self._table)
                self._table = None
        elif kind is reader.SequenceBegan:
            self._depth += 1
        elif kind is reader.SequenceEnded:
            self._depth -= 1
        elif kind is reader.FragmentsBegan:
            if self._depth:
                self.icon = True
            elif event.tag == image.PIXELS:
                self.kind, self.vr, self.length = ENCAPSULATED, event.vr, element.UNDEFINED
                self.is_done = True
        elif self._depth == 0 and kind is reader.Element:
            self._element(event)
        elif self._depth == 0 and kind is reader.ValueBegan:
            self._long(event)
        return self.is_done

    def _element(self, event):
        tag = event.tag
        if tag == image.PIXELS:
            self.vr, self.length = event.vr, len(event.value)
            self._judge(event.value[:8])
        elif tag in (image.FLOAT_PIXELS, image.DOUBLE_PIXELS):
            self.kind, self.is_done = FLOAT, True
        elif tag in _WANTED or 0x60000000 <= tag < 0x60200000 and len(event.value) < 256:
            width = 1 if self._source.little else element.WIDTHS.get(event.vr, 1)
            self.values[tag] = swapped(event.value, width)
        elif tag & 0xFF00FFFF == 0x60003000:
            self.values[tag] = b""

    def _long(self, event):
        if event.tag == image.PIXELS:
            self.vr, self.length, self._start = event.vr, event.length, bytearray()
        elif event.tag in (image.FLOAT_PIXELS, image.DOUBLE_PIXELS):
            self.kind, self.is_done = FLOAT, True
        elif event.tag in (image.OFFSETS, image.LENGTHS) and event.length <= _TABLE_LIMIT:
            self._table = bytearray()
        elif event.tag in _WANTED:
            raise LimitError("%s has %d octets, more than is taken" % (element.name(event.tag), event.length))
        elif event.tag & 0xFF00FFFF == 0x60003000:
            self.values[event.tag] = b""

    def _judge(self, start):
        """Tell what a Pixel Data of given length is, which in an encapsulated syntax ought not to be there."""
        self.is_done = True
        self.kind = NATIVE
        if self._known.encapsulated:
            marked = start.startswith((b"\xfe\xff\x00\xe0", b"\xff\xd8\xff", b"\xff\x4f\xff\x51"))
            try:
                is_native = image.native_octets(image.read(self.values)) in (self.length, self.length - 1)
            except PeerError:
                is_native = False
            if marked or not is_native:
                self.kind = ENCAPSULATED


def plan(subject, source, target_codec, near=0, new_uid=None, is_file=False):
    """Return the Plan for a Subject in the TransferSyntax `source` to become registry.Codec `target_codec`.

    near: the largest error of a near-lossless codec; new_uid: SOP Instance UID for an object that is not the same any
    more; is_file: whether what was written can be changed afterwards. LocalError, PeerError in words where it cannot be
    done: the object stays as it is.
    """
    target = syntax.lookup(target_codec.uid)
    if source.uid == target.uid:
        return Plan(target, None, None, None, False, {}, {}, (), None, None, True, ())
    if registry.is_video(source.uid):
        raise LocalError("%s is video, which passes through as it is and is never transcoded" % source.name)
    if not target_codec.encodes:
        raise LocalError("%s is read, but not written here" % target.name)
    found = registry.state(target_codec)
    if not found.encodes:
        raise LocalError("the codec for %s is missing: %s" % (target.name, found.reason))
    if subject.kind in (NONE, FLOAT) or subject.kind == NATIVE and not target.encapsulated:
        return _untouched(subject, source, target)
    return _touched(subject, source, target, target_codec, near, new_uid, is_file)


def _untouched(subject, source, target):
    if target.encapsulated:
        what = "has floating point pixels, which stay native" if subject.kind == FLOAT else "has no pixel data"
        raise NoPixels("the object %s: it cannot be in %s" % (what, target.name))
    if subject.icon:
        raise LocalError(_icon(source))
    return Plan(target, None, None, None, False, {}, {}, (), None, None, False, ())


def _icon(source):
    return "pixels within a sequence (an icon) are compressed in %s, and would have to stay so" % source.name


def _touched(subject, source, target, target_codec, near, new_uid, is_file):
    source_codec = None
    if subject.kind == ENCAPSULATED:
        lacking = registry.missing(source.uid)
        if lacking:
            raise LocalError(lacking)
        source_codec = registry.of(source.uid)
        if subject.icon:
            raise LocalError(_icon(source))
    pixels = image.read(subject.values)
    if pixels.frames > _MOST_FRAMES:
        raise PeerError("Number of Frames says %d; no object of more than %d is taken" % (pixels.frames, _MOST_FRAMES))
    needed = image.native_octets(pixels)
    if subject.kind == NATIVE and subject.length < needed:
        words = "there are %d octets of pixels, and %d frames take %d: have the object sent again"
        raise TruncatedError(words % (subject.length, pixels.frames, needed))
    coded = pixels  # as it is between decoder and encoder
    edits, items, notes = {image.OFFSETS: None, image.LENGTHS: None}, {}, []
    if source_codec is not None:
        if pixels.image.bits_allocated not in source_codec.allocated:
            words = "%s has no pixels of %d bits allocated"
            raise PeerError(words % (source.name, pixels.image.bits_allocated))
        decoded = DECODED_AS.get(source_codec.engine, {}).get(pixels.photometric, pixels.photometric)
        if pixels.image.components == 1:
            decoded = pixels.photometric
        if source_codec.engine != registry.NATIVE and decoded in image.HALVED:
            raise LocalError("compressed pixels that are %s cannot be decoded here" % decoded)
        coded = pixels._replace(photometric=decoded)
        _lossy_before(subject, source, edits)
    if not target.encapsulated and image.octets(pixels.image) * pixels.frames > LONGEST_VALUE:
        target = syntax.lookup(syntax.ENCAPSULATED_UNCOMPRESSED)
        target_codec = registry.of(target.uid)
        notes.append("the pixels are too long for one value, so they become " + target.name)
    overlays = ()
    if target.encapsulated:
        _check(coded, target, target_codec)
        if target_codec.engine not in (registry.NATIVE, "rle"):
            overlays = _embedded(subject.values, pixels.image)
    photometric, colour = coded.photometric, False
    if target_codec.engine in (registry.OPENJPEG, registry.OPENJPH) and photometric == "RGB":
        photometric, colour = "YBR_RCT" if target_codec.lossless else "YBR_ICT", True
    if photometric != pixels.photometric:
        edits[image.PHOTOMETRIC] = ("CS", _padded(photometric, b" "))
    if pixels.image.components > 1:
        edits[image.PLANAR] = ("US", b"\0\0")
    for each in overlays:
        edits[each.group << 16 | _OVERLAY_ALLOCATED] = ("US", b"\1\0")
        edits[each.group << 16 | _OVERLAY_BIT] = ("US", b"\0\0")
        notes.append("the overlay of group %04X lay in the pixels; it moves to Overlay Data" % each.group)
    lossy = None
    if not target_codec.lossless:
        if not is_file:
            raise LocalError("%s loses something, and is only written to files" % target.name)
        lossy = _METHOD[target.uid]
        how, most = "JPEG-LS near-lossless", near
        if target_codec.engine == registry.OPENJPH:
            how, most = target.name + ", irreversible", irreversible_loss(pixels.image.bits_stored)
        _lossy(subject, "%s, no sample off by more than %d" % (how, most), new_uid, lossy, edits, items)
        if image.PADDING in subject.values:
            notes.append("Pixel Padding Value is kept, but samples that had it may be off by as much as any other")
    return Plan(target, source_codec, target_codec, coded, colour, edits, items, overlays,
                new_uid if lossy else None, lossy, False, tuple(notes))  # fmt: skip


def irreversible_loss(bits_stored):
    """Return how far a sample may be off in High-Throughput JPEG 2000 that loses; the encoder refuses what is worse.

    Source: native/bound/openjph.cpp, which decodes what it has encoded.
    """
    return min(8, (1 << bits_stored) // 4)


def _padded(text, filler):
    return pad_even(text.encode("ascii"), filler)


def _check(pixels, target, codec):
    """Refuse, in words, what a codec may not hold (PS3.5 8.2)."""
    given = pixels.image
    if given.bits_allocated not in codec.allocated:
        raise LocalError("%s takes no pixels of %d bits allocated" % (target.name, given.bits_allocated))
    if not codec.stored[0] <= given.bits_stored <= codec.stored[1]:
        raise LocalError("%s takes no pixels of %d bits stored" % (target.name, given.bits_stored))
    if pixels.photometric in image.HALVED:
        raise LocalError("the pixels are %s: subsampled colour is not compressed here" % pixels.photometric)
    if codec.engine not in (registry.NATIVE, "rle"):
        if pixels.photometric not in registry.TAKEN_AS_IS:
            raise LocalError("%s takes no pixels that are %s" % (target.name, pixels.photometric or "of no named kind"))
        if pixels.high_bit != given.bits_stored - 1:
            words = "High Bit is %d with %d Bits Stored: %s takes only samples at the low end of their cell"
            raise LocalError(words % (pixels.high_bit, given.bits_stored, target.name))
    wraps = codec.engine == binding.JPEG_LS and given.is_signed
    if not codec.lossless and (wraps or pixels.photometric == "PALETTE COLOR"):
        what = "signed samples wrap around" if wraps else "palette indices are no shades"
        raise LocalError("%s would do harm: %s; take a lossless one" % (target.name, what))


def _embedded(values, given):
    """Return the Overlays that lie in unused bits of the pixels (retired, and found all the same)."""
    found = []
    for group in range(0x6000, 0x6020, 2):
        base = group << 16
        bit = image.number(values, base | _OVERLAY_BIT, 0)
        if base | _OVERLAY_ROWS not in values or base | _OVERLAY_DATA in values or bit == 0:
            continue
        size = tuple([image.number(values, base | each, 0) for each in (_OVERLAY_COLUMNS, _OVERLAY_ROWS)])
        if not given.bits_stored <= bit < given.bits_allocated or size != (given.columns, given.rows):
            words = "the overlay of group %04X lies in bit %d of the pixels, with other columns and rows or "
            raise LocalError(words % (group, bit) + "among their own bits: it cannot be moved out, and would be lost")
        if given.components != 1 or given.is_signed:
            raise LocalError("an overlay lies in pixels that are signed or coloured: it would be lost")
        found.append(Overlay(group, bit))
    return tuple(found)


def _lossy_before(subject, source, edits):
    """Have an object say that it was lossy once where its syntax always is (PS3.3 C.7.6.1.1.5)."""
    if source.uid in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"):
        if image.text(subject.values, image.LOSSY) != "01":
            edits[image.LOSSY] = ("CS", b"01")
        if not image.text(subject.values, image.LOSSY_METHOD):
            edits[image.LOSSY_METHOD] = ("CS", _padded(_METHOD[source.uid], b" "))


def _lossy(subject, how, new_uid, method, edits, items):
    """Have an object say what was done to it, and name the one it was made from."""
    values = subject.values
    if not image.text(values, element.SOP_INSTANCE) or not new_uid:
        raise LocalError("the object has no SOP Instance UID by which the new one could name it")
    edits[element.SOP_INSTANCE] = ("UI", _padded(new_uid, b"\0"))
    kind = values.get(_IMAGE_TYPE, b"ORIGINAL\\PRIMARY ").partition(b"\\")
    edits[_IMAGE_TYPE] = ("CS", pad_even(b"DERIVED" + kind[1] + kind[2].rstrip(b" "), b" "))
    before = values.get(_DERIVATION, b"").rstrip(b" \0")
    said = how.encode("ascii")
    edits[_DERIVATION] = ("ST", pad_even(before + b"; " + said if before else said, b" "))
    edits[image.LOSSY] = ("CS", b"01")
    # What was added to a syntax that is always lossy goes before this one (see _lossy_before)
    methods = image.text({image.LOSSY_METHOD: edits[image.LOSSY_METHOD][1]} if image.LOSSY_METHOD in edits else values,
                         image.LOSSY_METHOD)  # fmt: skip
    edits[image.LOSSY_METHOD] = ("CS", _padded(methods + "\\" + method if methods else method, b" "))
    edits[image.SMALLEST] = edits[image.LARGEST] = None
    items[_DERIVATION_CODES] = _item([
        (0x00080100, "SH", "113040"), (0x00080102, "SH", "DCM"), (0x00080104, "LO", "Lossy Compression"),
    ])  # fmt: skip
    code, meaning = _NATIVE_SOURCE
    if subject.kind == ENCAPSULATED:
        code, meaning = _LOSSY_SOURCE if methods else _COMPRESSED_SOURCE
    purpose = [(0x00080100, "SH", code), (0x00080102, "SH", "DCM"), (0x00080104, "LO", meaning)]
    items[_SOURCE_IMAGES] = _item([
        (0x00081150, "UI", uid.from_octets(values.get(element.SOP_CLASS, b""))),
        (0x00081155, "UI", uid.from_octets(values[element.SOP_INSTANCE])), (0x0040A170, "SQ", [purpose]),
    ])  # fmt: skip


def _item(content):
    """Return the octets of an item in explicit VR little endian."""
    whole = writer.data_set([(_SOURCE_IMAGES, "SQ", [content])], syntax.lookup(syntax.EXPLICIT_LITTLE))
    return whole[12:-8]
