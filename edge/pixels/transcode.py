"""A whole object in another transfer syntax, in parts: for a file, a socket, or to compare.

What comes in is read twice: once as far as the pixel data, to decide, and once to turn it. So the chunks are given as
a function that begins anew. Elements go through edge.pixels.rewrite, pixels through edge.pixels.flow; memory is that of
some frames, or of some rows, never that of the object.

Source: PS3.5 A.4 (encapsulation), A.5 (deflated, padded to even length by a NUL); PS3.3 C.7.6.3.1.8.
"""

import os
import zlib

from edge.dicom import reader, syntax, uid
from edge.dicom.errors import LocalError
from edge.pixels import image, plan, registry
from edge.pixels.binding import Stopped
from edge.pixels.coding import bit_plane
from edge.pixels.flow import Flow
from edge.pixels.rewrite import Rewriter

INFLATE_LIMIT = 1 << 40
NEAR = 2  # the largest error of near-lossless JPEG-LS where nobody says another

_RATIO_OCTETS = 16


class Transcoding:
    """One object on its way. chunks: function, a new iterator of its data set; source: TransferSyntax; name: a codec's.

    inflater: function, a new `inflate` (see edge.dicom.reader); near: for near-lossless; threads: how many may code at
    a time; is_file: whether `patches` will be put into what was written. Made, it knows that it can be done: DicomError
    in words otherwise. `target` is the TransferSyntax that it becomes, `sop_class` and `sop_instance` its UIDs then,
    `notices` what was tolerated, `notes` what had to be done besides.
    """

    def __init__(self, chunks, source, name, inflater=None, near=NEAR, threads=1, is_file=False):
        codec = registry.named(name)
        if codec is None:
            raise LocalError("no codec is called %s; there are: %s" % (name, ", ".join(registry.encodable())))
        self._chunks = chunks
        self._source = source
        self._inflater = inflater
        self._near = near if codec.uid.endswith(".81") else 0
        self._threads = threads
        self._is_file = is_file
        self._stopped = False
        self._flow = None
        self._marks = {}
        self._position = 0
        self._table_at = None
        self.notices = []
        with_limit = self._inflate()
        self._subject = plan.examine(chunks(), source, *with_limit, notices=self.notices)
        self._plan = plan.plan(self._subject, source, codec, self._near, uid.from_random(os.urandom(16)), is_file)
        self.target = self._plan.target
        self.notes = self._plan.notes
        values = self._subject.values
        self.sop_class = image.text(values, 0x00080016)
        self.sop_instance = self._plan.sop_instance or image.text(values, 0x00080018)

    def _inflate(self):
        if not self._source.deflated or self._inflater is None:
            return None, None
        return self._inflater(), INFLATE_LIMIT

    @property
    def frames(self):
        """How many frames there are to do; 0 where no pixels are touched."""
        return 0 if self._plan.pixels is None else self._plan.pixels.frames

    @property
    def most_octets(self):
        """How many octets the object may come to, roughly: those of its native pixels, or 0 where none are touched."""
        return 0 if self._plan.pixels is None else image.octets(self._plan.pixels.image) * self.frames

    @property
    def frames_done(self):
        """How many frames have been done."""
        return 0 if self._flow is None else self._flow.frames_done

    def stop(self):
        """End it at the next rows, from any thread: `parts` raises Stopped."""
        self._stopped = True

    def parts(self):
        """Yield the data set in its new transfer syntax; each part is good until the next.

        Raises DicomError where the object turns out to be damaged, Stopped when it was stopped.
        """
        deflates = self.target.deflated and not self._plan.copies
        try:
            for part in self._deflated(self._made()) if deflates else self._made():
                yield part
                self._position += len(part)
        finally:
            self._stopped = True  # for what other threads still do
            if self._flow is not None:
                self._flow.close()

    def _deflated(self, parts):
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        made = 0
        for part in parts:
            packed = packer.compress(part)
            made += len(packed)
            if packed:
                yield packed
        packed = packer.flush()
        yield packed + b"\0" * (made + len(packed) & 1)

    def _made(self):
        made, subject = self._plan, self._subject
        if made.copies and self._source.deflated:
            yield from self._chunks()
            return
        inflate, limit = self._inflate()
        source = reader.Reader(self._source, inflate=inflate, inflate_limit=limit)
        edits = dict(made.edits)
        stops_at = ()
        if made.pixels is not None:
            stops_at = (image.PIXELS,)
            self._flow = Flow(
                made, subject, self._threads, self._near, lambda: self._stopped, self._is_file, self.notices
            )
            self._placeholders(edits)
        rewriter = Rewriter(source, made.target.explicit, edits, made.items, stops_at, made.copies)
        yield from self._drive(source, rewriter, self._flow)
        yield rewriter.finish()

    def _drive(self, source, rewriter, flow, gives_elements=True):
        """Yield what `rewriter` makes of elements and `flow` of the pixels, as `source` reads all chunks."""
        is_in_pixels = False
        for chunk in self._chunks():
            if self._stopped:
                raise Stopped
            source.feed(chunk)
            while True:
                if not is_in_pixels:
                    for part in rewriter.parts():
                        if gives_elements:
                            yield part
                    if rewriter.reached is None:
                        break
                    parts = flow.begin(rewriter.reached)
                    if gives_elements:
                        yield from self._begun(parts)
                    else:
                        next(parts)
                        yield from parts
                else:
                    event = source.next_event()
                    if event is None:
                        break
                    yield from flow.take(event)
                is_in_pixels = not flow.is_over
        source.finish()

    def _begun(self, parts):
        yield next(parts)  # the head of Pixel Data
        self._table_at = self._position + 8
        yield from parts

    # What is known only at the end, and has its place kept

    def _placeholders(self, edits):
        encapsulation = self._flow.encapsulation
        if encapsulation is not None and encapsulation.is_extended:
            length = 8 * self.frames
            for tag in (image.OFFSETS, image.LENGTHS):
                edits[tag] = ("OV", length, lambda tag=tag: self._kept(tag, bytes(length)))
        if self._plan.lossy:
            before = self._ratio_before()
            length = len(before) + _RATIO_OCTETS + (len(before) & 1)
            octets = before.encode("ascii") + b" " * (length - len(before))
            edits[image.LOSSY_RATIO] = ("DS", length, lambda: self._kept(image.LOSSY_RATIO, octets))
        for each in self._plan.overlays:
            edits[each.group << 16 | 0x3000] = ("OW", *self._overlay(each))

    def _kept(self, tag, octets):
        self._marks[tag] = self._position
        yield octets

    def patches(self):
        """Return [(offset from the data set's beginning, octets)] to put into the file, behind the last part."""
        if self._flow is None or self._flow.encapsulation is None:
            return []
        encapsulation = self._flow.encapsulation
        found = []
        table = encapsulation.basic()
        if table:
            found.append((self._table_at, table))
        if encapsulation.is_extended:
            offsets, lengths = encapsulation.extended()
            found += [(self._marks[image.OFFSETS], offsets), (self._marks[image.LENGTHS], lengths)]
        if self._plan.lossy:
            ratio = image.octets(self._plan.pixels.image) * self.frames / max(1, encapsulation.coded_octets())
            at = self._marks[image.LOSSY_RATIO]
            before = self._ratio_before()
            if before.startswith(" "):
                native = image.octets(self._plan.pixels.image) * self.frames
                found.append((at, b"%.6g" % (native / max(1, self._flow.coded_octets))))
            found.append((at + len(before), b"%.6g" % ratio))
        return found

    def _ratio_before(self):
        """Return what goes before the new ratio: the former one, or room for it where an object came without one."""
        values = self._subject.values
        before = image.text(values, image.LOSSY_RATIO)
        if not before and self._subject.kind == plan.ENCAPSULATED and image.LOSSY_METHOD in self._plan.edits:
            methods = self._plan.edits[image.LOSSY_METHOD][1]
            before = " " * _RATIO_OCTETS if b"\\" in methods else ""
        return before + "\\" if before else ""

    # Overlays that lie in the pixels

    def _overlay(self, overlay):
        """Return (octets, function) of Overlay Data that are read out of the pixels, in one pass over them more."""
        given = self._plan.pixels.image
        samples = given.columns * given.rows * self.frames
        length = (samples + 7) // 8
        length += length & 1
        return length, lambda: self._overlay_data(overlay.bit, samples, length)

    def _overlay_data(self, bit, samples, length):
        """Yield one bit of every sample: eight samples an octet, the first one lowest (PS3.5 8.1.2)."""
        held = b""
        left = samples
        for pixels in self._native():
            text = held + bit_plane(pixels, self._plan.pixels.image, bit)
            text = text[:left]
            whole = len(text) - len(text) % 8
            held = text[whole:]
            left -= whole
            if whole:
                length -= whole // 8
                yield int(text[:whole][::-1], 2).to_bytes(whole // 8, "little")
        if held:
            length -= 1
            yield bytes([int(held[::-1], 2)])
        yield bytes(length)

    def _native(self):
        """Yield the pixels as they are before they are encoded, in pieces of whole samples."""
        codec = registry.named("explicit")
        made = self._plan._replace(target=syntax.lookup(codec.uid), target_codec=codec, overlays=())
        inflate, limit = self._inflate()
        source = reader.Reader(self._source, inflate=inflate, inflate_limit=limit)
        flow = Flow(made, self._subject, 1, 0, lambda: self._stopped, False, [])
        try:
            yield from self._drive(source, Rewriter(source, True, {}, {}, (image.PIXELS,), True), flow, False)
        finally:
            flow.close()
