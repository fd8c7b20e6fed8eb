"""Objects to try the box with: CT, MR, CR and US, complete, valid for dciodvfy, and of nobody.

    head = phantom.study("CT", seed=3)
    made = phantom.ct(head, number=12, of=40)
    made.sop_class, made.sop_instance, made.transfer_syntax
    made.data_set                        # bytes, in made.transfer_syntax
    made.pixels                          # where its pixel data lies in data_set: a slice
    phantom.part10(made)                 # bytes of a Part 10 file
    phantom.save(made, folder)           # writes it as FOLDER/<SOP Instance UID>.dcm, returns the path

`ct`, `mr`, `cr` and `us` all take the study, `number` and `of` (which picture of how many), and as options
`sop_instance` and `series` (UIDs; made from the seed otherwise), `syntax` (explicit, implicit or deflated little
endian) and `size` (columns); `us` takes `frames`. `MAKERS` names them by modality. The same arguments always give the
same bytes.
"""

import os
import zlib
from collections import namedtuple
from random import Random

from edge.demo import pictures
from edge.dicom import element, octets, uid, writer
from edge.dicom import part10 as files
from edge.dicom import syntax as syntaxes

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
CR_IMAGE = "1.2.840.10008.5.1.4.1.1.1"
US_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"

# What the objects of one study share. uid, frame: str UIDs; the rest str as the standard writes dates, times and names
Study = namedtuple(
    "Study", "seed modality uid frame patient_name patient_id birth_date sex date time accession description doctor"
)
# sop_class, sop_instance, transfer_syntax: str; data_set: bytes; pixels: slice of data_set, None when deflated
Phantom = namedtuple("Phantom", ("sop_class", "sop_instance", "transfer_syntax", "data_set", "pixels"))

_NAMES = ("DEMO^ADA", "DEMO^BERNHARD", "DEMO^CHLOÉ", "DEMO^DÖRTE", "DEMO^EMIL", "DEMO^FRANÇOISE", "DEMO^GÜNTHER")
_DESCRIPTIONS = {"CT": "CT head", "MR": "MR head", "CR": "Chest, two views", "US": "Carotid, colour Doppler"}


def _uid(*what):
    """Return a UID that only `what` decides."""
    return uid.from_random(Random(repr(what)).randbytes(16))


def study(modality, seed=0, date="20260105", time="081500"):
    """Return a Study of `modality` (CT, MR, CR or US) whose every detail follows from `seed`."""
    return Study(
        seed,
        modality,
        _uid("study", modality, seed),
        _uid("frame", modality, seed),
        _NAMES[seed % len(_NAMES)],
        "DEMO-%05d" % (seed % 100000),
        "%d0%d1%d" % (1932 + seed % 60, 1 + seed % 9, seed % 10),
        "FM"[seed % 2],
        date,
        time,
        "A%07d" % (seed % 10000000),
        _DESCRIPTIONS[modality],
        "DEMO^REFERRER",
    )


def ct(of_study, number=1, of=1, sop_instance=None, series=None, syntax=syntaxes.EXPLICIT_LITTLE, size=512):
    """Make slice `number` of `of` through a head in CT."""
    at = _height(number, of)
    spacing = 240 / size
    elements = _common(of_study, CT_IMAGE, sop_instance, series, number, 1, ("ORIGINAL", "PRIMARY", "AXIAL"))
    elements += _plane(of_study, at, spacing)
    elements += [
        (0x00180060, "DS", "120"),
        (0x00181151, "IS", "240"),
        (0x00181210, "SH", "H31"),
        (0x00281050, "DS", "40"),
        (0x00281051, "DS", "90"),
        (0x00281052, "DS", "-1024"),
        (0x00281053, "DS", "1"),
        (0x00281054, "LO", "HU"),
    ]
    grey = pictures.head_ct(at, size, of_study.seed)
    return _finish(elements + _grey(size, size, 16), grey, syntax)


def mr(of_study, number=1, of=1, sop_instance=None, series=None, syntax=syntaxes.EXPLICIT_LITTLE, size=256):
    """Make slice `number` of `of` through a head in MR, T2 in a study of even seed and T1 in one of odd."""
    at = _height(number, of)
    weighting = "t1" if of_study.seed % 2 else "t2"
    echo, repetition = ("12", "520") if weighting == "t1" else ("98", "4200")
    elements = _common(of_study, MR_IMAGE, sop_instance, series, number, 1, ("ORIGINAL", "PRIMARY", "OTHER"))
    elements += _plane(of_study, at, 240 / size)
    elements += [
        (0x00180020, "CS", "SE"),
        (0x00180021, "CS", "NONE"),
        (0x00180022, "CS", ""),
        (0x00180023, "CS", "2D"),
        (0x00180080, "DS", repetition),
        (0x00180081, "DS", echo),
        (0x00180087, "DS", "1.5"),
        (0x00180091, "IS", "1"),
        (0x00281050, "DS", "500"),
        (0x00281051, "DS", "1000"),
    ]
    return _finish(elements + _grey(size, size, 12), pictures.head_mr(at, weighting, size, of_study.seed), syntax)


def cr(of_study, number=1, of=1, sop_instance=None, series=None, syntax=syntaxes.EXPLICIT_LITTLE, size=1024):
    """Make a chest film of `size` columns."""
    rows = size * 19 // 16
    elements = _common(of_study, CR_IMAGE, sop_instance, series, number, number, ("ORIGINAL", "PRIMARY"))
    elements += [
        (0x00180015, "CS", "CHEST"),
        (0x00180060, "DS", "125"),
        (0x00181164, "DS", ("0.34", "0.34")),
        (0x00185101, "CS", "PA"),
        (0x00200020, "CS", ("L", "F")),
        (0x00281050, "DS", "1500"),
        (0x00281051, "DS", "3000"),
    ]
    return _finish(elements + _grey(size, rows, 12), pictures.chest(size, rows, of_study.seed + 7 * number), syntax)


def us(of_study, number=1, of=1, sop_instance=None, series=None, syntax=syntaxes.EXPLICIT_LITTLE, size=320, frames=20):
    """Make a loop of `frames` colour pictures of a beating carotid, `size` columns wide."""
    rows = size * 3 // 4
    fan = _fan(size, rows)
    elements = _common(of_study, US_MULTI_FRAME, sop_instance, series, number, 1, ("ORIGINAL", "PRIMARY"))
    elements += [
        (0x00080008, "CS", ("ORIGINAL", "PRIMARY", "VASCULAR", "0011")),
        (0x00180040, "IS", "20"),
        (0x00181063, "DS", "50"),
        (0x00186011, "SQ", [_region(fan)]),
        (0x00200020, "CS", ""),
        (0x00200060, "CS", "L"),
        (0x00280002, "US", 3),
        (0x00280004, "CS", "RGB"),
        (0x00280006, "US", 0),
        (0x00280008, "IS", str(frames)),
        (0x00280009, "AT", 0x00181063),
        (0x00280010, "US", rows),
        (0x00280011, "US", size),
        (0x00280100, "US", 8),
        (0x00280101, "US", 8),
        (0x00280102, "US", 7),
        (0x00280103, "US", 0),
        (0x00280301, "CS", "NO"),
        (0x00282110, "CS", "00"),
    ]
    loop = b"".join([pictures.neck(fan, frame / frames, of_study.seed) for frame in range(frames)])
    return _finish(elements, loop, syntax, 8)


MAKERS = {"CT": ct, "MR": mr, "CR": cr, "US": us}

_FANS = {}


def _fan(columns, rows):
    fan = _FANS.get((columns, rows))
    if fan is None:
        fan = _FANS[(columns, rows)] = pictures.Fan(columns, rows)
    return fan


def _height(number, of):
    """Spread the slices of a head from below the crown to the base, -0.8 to 0.7."""
    return -0.8 + 1.5 * (number - 0.5) / of


def _common(of_study, sop_class, sop_instance, series, number, series_number, image_type):
    """Elements that every object has: who, when, where from, which of the series."""
    series = series or _uid("series", of_study.uid, series_number)
    sop_instance = sop_instance or _uid("instance", series, number)
    return [
        (0x00080005, "CS", "ISO_IR 100"),
        (0x00080008, "CS", image_type),
        (0x00080016, "UI", sop_class),
        (0x00080018, "UI", sop_instance),
        (0x00080020, "DA", of_study.date),
        (0x00080021, "DA", of_study.date),
        (0x00080022, "DA", of_study.date),
        (0x00080023, "DA", of_study.date),
        (0x00080030, "TM", of_study.time),
        (0x00080031, "TM", of_study.time),
        (0x00080032, "TM", of_study.time),
        (0x00080033, "TM", of_study.time),
        (0x00080050, "SH", of_study.accession),
        (0x00080060, "CS", of_study.modality),
        (0x00080070, "LO", "Edge phantom works"),
        (0x00080080, "LO", "Demonstration"),
        (0x00080090, "PN", of_study.doctor),
        (0x00081010, "SH", "PHANTOM-" + of_study.modality),
        (0x00081030, "LO", of_study.description),
        (0x0008103E, "LO", "Series %d" % series_number),
        (0x00081090, "LO", "Phantom " + of_study.modality),
        (0x00100010, "PN", of_study.patient_name),
        (0x00100020, "LO", of_study.patient_id),
        (0x00100030, "DA", of_study.birth_date),
        (0x00100040, "CS", of_study.sex),
        (0x00181000, "LO", "0001"),
        (0x00181020, "LO", "1.0"),
        (0x0020000D, "UI", of_study.uid),
        (0x0020000E, "UI", series),
        (0x00200010, "SH", "1"),
        (0x00200011, "IS", str(series_number)),
        (0x00200013, "IS", str(number)),
        (
            0x00400275,
            "SQ",
            [
                [
                    (0x00400007, "LO", of_study.description),
                    (0x00400009, "SH", "STEP-1"),
                    (0x00401001, "SH", "P" + of_study.accession[1:]),
                ]
            ],
        ),
    ]


def _plane(of_study, at, spacing):
    """Elements that place a slice in the patient: 240 mm square, 200 mm from crown to base."""
    position = 100 * -at
    return [
        (0x00180015, "CS", "HEAD"),
        (0x00180050, "DS", "5"),
        (0x00185100, "CS", "HFS"),
        (0x00200012, "IS", "1"),
        (0x00200032, "DS", ("-120", "-120", "%.3f" % position)),
        (0x00200037, "DS", ("1", "0", "0", "0", "1", "0")),
        (0x00200052, "UI", of_study.frame),
        (0x00201040, "LO", ""),
        (0x00201041, "DS", "%.3f" % position),
        (0x00280030, "DS", ("%.6g" % spacing, "%.6g" % spacing)),
    ]


def _grey(columns, rows, bits):
    """Elements that describe grey samples of `bits` in 16."""
    return [
        (0x00280002, "US", 1),
        (0x00280004, "CS", "MONOCHROME2"),
        (0x00280010, "US", rows),
        (0x00280011, "US", columns),
        (0x00280100, "US", 16),
        (0x00280101, "US", bits),
        (0x00280102, "US", bits - 1),
        (0x00280103, "US", 0),
        (0x00280301, "CS", "NO"),
        (0x00282110, "CS", "00"),
    ]


def _region(fan):
    """Where in the picture the fan lies, and that it is 40 mm deep."""
    per_row = 4.0 / (fan.rows - fan.TOP - 4)
    return [
        (0x00186012, "US", 1),      # tissue
        (0x00186014, "US", 1),      # 2D
        (0x00186016, "UL", 2),      # opaque
        (0x00186018, "UL", 0),
        (0x0018601A, "UL", fan.TOP),
        (0x0018601C, "UL", fan.columns - 1),
        (0x0018601E, "UL", fan.rows - 1),
        (0x00186024, "US", 3),      # cm
        (0x00186026, "US", 3),
        (0x0018602C, "FD", per_row),
        (0x0018602E, "FD", per_row),
    ]


def _finish(elements, pixels, syntax, bits=16):
    """Put the elements in order, write them and the pixel data in `syntax`, and return the Phantom."""
    known = syntaxes.lookup(syntax)
    if known.encapsulated or not known.little:
        raise ValueError("phantoms are made in explicit, implicit or deflated little endian, not in %s" % known.name)
    values = {tag: (tag, vr, value) for tag, vr, value in elements}
    written = syntaxes.of_layout(True, known.explicit)
    head = writer.data_set(values.values(), written, ("ISO_IR 100",))
    padded = octets.pad_even(pixels, b"\0")
    vr = "OW" if bits == 16 or not known.explicit else "OB"
    head += element.write(element.PIXEL_DATA, vr, len(padded), known.explicit)
    data_set = head + padded
    lies = slice(len(head), len(data_set))
    if known.deflated:
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        data_set = octets.pad_even(packer.compress(data_set) + packer.flush(), b"\0")
        lies = None
    sop_class, sop_instance = values[element.SOP_CLASS][2], values[element.SOP_INSTANCE][2]
    return Phantom(sop_class, sop_instance, syntax, data_set, lies)


def part10(made, source_ae="PHANTOM"):
    """Return `made`, a Phantom, as the bytes of a Part 10 file."""
    return files.head(made.sop_class, made.sop_instance, made.transfer_syntax, source_ae) + made.data_set


def save(made, folder):
    """Write `made` into `folder` as a Part 10 file named after its SOP Instance UID; return the path."""
    path = os.path.join(folder, made.sop_instance + ".dcm")
    with open(path, "wb") as file:
        file.write(part10(made))
    return path
