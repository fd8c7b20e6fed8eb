"""Transfer syntax -> codec: what each can do, by which library, and why not where it cannot.

The short names are what a person types (`edge transcode --to`, `compress =`); the UIDs are what travels.

Source: PS3.5 8.2 and 10 (which pixels each transfer syntax takes), A.4.
"""

from collections import namedtuple

from edge.dicom import syntax
from edge.dicom.errors import DicomError
from edge.pixels import binding

# name: short, lower case; uid: str; engine: who codes it ("native" for none, a name of binding, or of limited);
# encodes: whether it can be written at all; lossless: whether what is written here loses nothing;
# allocated: the Bits Allocated it takes; stored: (least, most) Bits Stored it takes
Codec = namedtuple("Codec", ("name", "uid", "engine", "encodes", "lossless", "allocated", "stored"))

# What there is of a codec on this machine. decodes, encodes: bool; library: name and version in words; reason: why what
# it could do is not there, "" where nothing is missing
State = namedtuple("State", ("decodes", "encodes", "library", "reason"))

NATIVE = "native"
OPENJPEG, OPENJPH, JPEG = "openjpeg", "openjph", "jpeg"
LIBRARIES = {OPENJPEG: "OpenJPEG", OPENJPH: "OpenJPH", JPEG: "libjpeg-turbo"}
_IN_LIMITED = {OPENJPEG: "j2k", OPENJPH: "htj2k", JPEG: "jpeg"}  # what edge.pixels.limited calls these codecs

_ANY = (1, 8, 16, 32, 64)
_BYTES = (8, 16)

CODECS = (
    Codec("explicit", syntax.EXPLICIT_LITTLE, NATIVE, True, True, _ANY, (1, 64)),
    Codec("implicit", syntax.IMPLICIT_LITTLE, NATIVE, True, True, _ANY, (1, 64)),
    Codec("deflated", syntax.DEFLATED_LITTLE, NATIVE, True, True, _ANY, (1, 64)),
    Codec("big", syntax.EXPLICIT_BIG, NATIVE, False, True, _ANY, (1, 64)),
    Codec("encapsulated-uncompressed", syntax.ENCAPSULATED_UNCOMPRESSED, NATIVE, True, True, (8, 16, 32), (1, 32)),
    Codec("rle", "1.2.840.10008.1.2.5", binding.RLE, True, True, (8, 16, 32), (1, 32)),
    Codec("jpeg-lossless", "1.2.840.10008.1.2.4.70", binding.JPEG_LOSSLESS, True, True, _BYTES, (1, 16)),
    Codec("jpeg-lossless-57", "1.2.840.10008.1.2.4.57", binding.JPEG_LOSSLESS, True, True, _BYTES, (1, 16)),
    Codec("jpeg-ls", "1.2.840.10008.1.2.4.80", binding.JPEG_LS, True, True, _BYTES, (1, 16)),
    Codec("jpeg-ls-near", "1.2.840.10008.1.2.4.81", binding.JPEG_LS, True, False, _BYTES, (2, 16)),
    Codec("j2k", "1.2.840.10008.1.2.4.90", OPENJPEG, True, True, _BYTES, (1, 16)),
    Codec("j2k-91", "1.2.840.10008.1.2.4.91", OPENJPEG, False, False, _BYTES, (1, 16)),
    Codec("htj2k", "1.2.840.10008.1.2.4.201", OPENJPH, True, True, _BYTES, (1, 16)),
    Codec("htj2k-rpcl", "1.2.840.10008.1.2.4.202", OPENJPH, True, True, _BYTES, (1, 16)),
    Codec("htj2k-203", "1.2.840.10008.1.2.4.203", OPENJPH, True, False, _BYTES, (1, 16)),
    Codec("jpeg-baseline", "1.2.840.10008.1.2.4.50", JPEG, False, False, (8,), (8, 8)),
    Codec("jpeg-extended", "1.2.840.10008.1.2.4.51", JPEG, False, False, _BYTES, (8, 12)),
)

_BY_NAME = {each.name: each for each in CODECS}
_BY_UID = {each.uid: each for each in CODECS}

# Photometric Interpretations that every lossless codec here takes as they are (PS3.5 tables 8.2.1-1 to 8.2.4-1)
TAKEN_AS_IS = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL")

VIDEO = tuple(["1.2.840.10008.1.2.4.10%d" % number for number in range(9)]) + ("1.2.840.10008.1.2.7.",)


def named(name):
    """Return the Codec of a short name, or None."""
    return _BY_NAME.get(name)


def of(uid):
    """Return the Codec of a transfer syntax UID, or None."""
    return _BY_UID.get(uid)


def encodable(lossless_only=False):
    """Return the short names of all that objects can be turned into, whether or not its library is there."""
    return tuple([each.name for each in CODECS if each.encodes and (each.lossless or not lossless_only)])


def is_video(uid):
    """Say whether `uid` is a video transfer syntax: such objects pass through and are never decoded."""
    return uid.startswith(VIDEO)


def name_in_limited(engine):
    """Return what edge.pixels.limited calls the codec of a bound library."""
    return _IN_LIMITED[engine]


def _libraries():
    """Return {"openjpeg": (whether it is there, version or reason), ...} of the bound libraries."""
    try:
        from edge.pixels import limited  # not before it is asked for: it looks for libraries
    except ImportError:
        return dict.fromkeys(LIBRARIES, (False, "not built"))
    return limited.available()


def states():
    """Return {short name: State} of every codec, with the versions in use, for a table."""
    bound = _libraries()
    versions = _versions() if any([is_there for is_there, _ in bound.values()]) else {}
    for name, words in versions.items():
        if bound.get(name, (False,))[0]:
            bound[name] = (True, words)
    return {each.name: _state(each, bound) for each in CODECS}


def _versions():
    from edge.pixels import limited

    try:
        return limited.versions()
    except DicomError:
        return {}  # the table can do without them


def state(codec):
    """Return the State of one Codec."""
    return _state(codec, _libraries() if codec.engine in LIBRARIES else {})


def _state(codec, bound):
    if codec.engine == NATIVE:
        return State(True, codec.encodes, "edge", "")
    if codec.engine in LIBRARIES:
        name = LIBRARIES[codec.engine]
        is_there, words = bound.get(codec.engine, (False, "not built"))
        words = words if name in words else "%s: %s" % (name, words)
        return State(True, codec.encodes, words, "") if is_there else State(False, False, name, words)
    is_there, words = binding.available()
    if is_there:
        return State(True, codec.encodes, "edge (%s)" % words if codec.engine == binding.JPEG_LS else "edge", "")
    return State(False, False, "edge", words)


def decodes(uid):
    """Say whether objects in a transfer syntax can be decoded on this machine."""
    codec = of(uid)
    return codec is not None and state(codec).decodes


def encodes(uid):
    """Say whether objects can be turned into a transfer syntax on this machine."""
    codec = of(uid)
    return codec is not None and state(codec).encodes


def missing(uid):
    """Return in words why pixels in a transfer syntax cannot be decoded on this machine, or "" when they can."""
    codec = of(uid)
    if codec is None:
        return "there is no codec for %s" % syntax.lookup(uid).name
    found = state(codec)
    return "" if found.decodes else "the codec for %s is missing: %s" % (syntax.lookup(uid).name, found.reason)
