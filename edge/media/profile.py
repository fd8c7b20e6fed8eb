"""Application profiles: what a medium of each kind may hold, and what has to become of an object for it.

A profile is a row: its transfer syntaxes, the media and file systems it is for, and the keys its directory carries
beside those that PS3.3 demands. `what` is the one question whoever exports has.

Source: PS3.11 D (CD-R, DVD-RAM, BD), H (DVD, compressed), J (USB and flash, compressed), M (BD, compressed);
PS3.12 F, P, R for the file systems.
"""

from collections import namedtuple

from edge.dicom import syntax
from edge.media import records
from edge.media.errors import MediaError
from edge.pixels import registry

# name: as PS3.11 has it; media: words; file_systems: those allowed, of CD9660, UDF, UDF_BRIDGE, FAT16, FAT32; syntaxes:
# UIDs of the transfer syntaxes allowed, the first of which everything uncompressed goes by; extra: {record type: keys}
# beyond records.KEYS; updatable: whether the profile has a role that adds to a set and removes from it
Profile = namedtuple("Profile", "name media file_systems syntaxes extra updatable")
# action: one of AS_IS, TRANSCODE, REFUSE; to: UID of the transfer syntax to turn the object into, or None; words: why
Fate = namedtuple("Fate", "action to words")

AS_IS, TRANSCODE, REFUSE = "as is", "transcode", "refuse"
CD9660, UDF, UDF_BRIDGE, FAT16, FAT32 = "ISO 9660 level 1", "UDF", "UDF with ISO 9660", "FAT16", "FAT32"

_JPEG = (syntax.EXPLICIT_LITTLE, "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
_J2K = (syntax.EXPLICIT_LITTLE, "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
_LOSSLESS = ("1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90")

_SHARED_GROUPS = 0x52009229
# PS3.11 Table D.3-2
_EXTRA = {records.IMAGE: ((records.IMAGE_TYPE, "1C"), (0x00081140, "1C"))}
# PS3.11 Table H.3-2, which J and M take over
_IMAGE_OR_SPECTROSCOPY = (
    (0x00081140, "1C"),  # Referenced Image Sequence
    (0x00280010, "1"),  # Rows, Columns
    (0x00280011, "1"),
    (0x00200052, "1C"),  # Frame of Reference UID
    (0x00200200, "1C"),  # Synchronization Frame of Reference UID
    (0x00280008, "1C"),  # Number of Frames
    (0x00181800, "1C"),  # Acquisition Time Synchronized
    (0x0008002A, "1C"),  # Acquisition DateTime
    (0x00200032, "1C"),  # Image Position, Orientation (Patient), Pixel Spacing: also where all frames share them
    (0x00200037, "1C"),
    (0x00280030, "1C"),
    (_SHARED_GROUPS, "shared"),
)
_EXTRA_COMPRESSED = {
    records.PATIENT: ((records.BIRTH_DATE, "1C"), (records.SEX, "1C")),
    records.SERIES: ((0x00080080, "1C"), (0x00080081, "1C"), (0x00081050, "1C")),  # institution, performing physicians
    records.IMAGE: (
        (records.IMAGE_TYPE, "1C"),
        (0x00500004, "1C"),  # Calibration Image
        (0x00282112, "1C"),  # Lossy Image Compression Ratio
        *_IMAGE_OR_SPECTROSCOPY,
    ),
    "SPECTROSCOPY": _IMAGE_OR_SPECTROSCOPY,
}

_DVD = (UDF, UDF_BRIDGE, CD9660)
_FLASH = (FAT16,)
PROFILES = (
    Profile("STD-GEN-CD", "CD-R", (CD9660,), _JPEG[:1], _EXTRA, True),
    Profile("STD-GEN-DVD-RAM", "DVD-RAM", (UDF,), _JPEG[:1], _EXTRA, True),
    Profile("STD-GEN-BD", "Blu-ray disc", (UDF,), _JPEG[:1], _EXTRA, True),
    Profile("STD-GEN-DVD-JPEG", "DVD", _DVD, _JPEG, _EXTRA_COMPRESSED, False),
    Profile("STD-GEN-DVD-J2K", "DVD", _DVD, _J2K, _EXTRA_COMPRESSED, False),
    Profile("STD-GEN-USB-JPEG", "USB stick", (FAT16, FAT32), _JPEG, _EXTRA_COMPRESSED, True),
    Profile("STD-GEN-USB-J2K", "USB stick", (FAT16, FAT32), _J2K, _EXTRA_COMPRESSED, True),
    Profile("STD-GEN-MMC-JPEG", "multimedia card", _FLASH, _JPEG, _EXTRA_COMPRESSED, True),
    Profile("STD-GEN-MMC-J2K", "multimedia card", _FLASH, _J2K, _EXTRA_COMPRESSED, True),
    Profile("STD-GEN-CF-JPEG", "CompactFlash card", _FLASH, _JPEG, _EXTRA_COMPRESSED, True),
    Profile("STD-GEN-CF-J2K", "CompactFlash card", _FLASH, _J2K, _EXTRA_COMPRESSED, True),
    Profile("STD-GEN-SD-JPEG", "SD card", _FLASH, _JPEG, _EXTRA_COMPRESSED, True),
    Profile("STD-GEN-SD-J2K", "SD card", _FLASH, _J2K, _EXTRA_COMPRESSED, True),
    Profile("STD-GEN-BD-JPEG", "Blu-ray disc", (UDF,), _JPEG, _EXTRA_COMPRESSED, True),
    Profile("STD-GEN-BD-J2K", "Blu-ray disc", (UDF,), _J2K, _EXTRA_COMPRESSED, True),
)
_BY_NAME = {each.name: each for each in PROFILES}


def named(name):
    """Return the Profile of a name, in either case; MediaError, with the names there are, where there is none."""
    found = _BY_NAME.get(name.upper())
    if found is None:
        raise MediaError("no profile is called %s; there are: %s" % (name, ", ".join(_BY_NAME)))
    return found


def what(profile, transfer_syntax, state=registry.state):
    """Return the Fate of an object in `transfer_syntax` (a UID) under a Profile.

    What is compressed stays so where the profile has a lossless form of its own, and is decompressed where not; lossy
    pixels are never compressed with loss a second time. state: what there is of a codec here, as registry.state.
    """
    if transfer_syntax in profile.syntaxes:
        return Fate(AS_IS, None, "")
    known = syntax.lookup(transfer_syntax)
    if not known.encapsulated or transfer_syntax == syntax.ENCAPSULATED_UNCOMPRESSED:
        return _to(profile, known, syntax.EXPLICIT_LITTLE)
    if registry.is_video(transfer_syntax):
        return _refused(profile, known, "video is not decoded here; choose a profile for video, or leave it out")
    codec = registry.of(transfer_syntax)
    if codec is None:
        return _refused(profile, known, "nothing here decodes it; have its sender send it uncompressed")
    found = state(codec)
    if not found.decodes:
        return _refused(profile, known, "it cannot be decoded here: %s" % found.reason)
    for target in profile.syntaxes:
        if target in _LOSSLESS and state(registry.of(target)).encodes:
            return _to(profile, known, target)
    return _to(profile, known, syntax.EXPLICIT_LITTLE)


def _to(profile, known, target):
    words = "%s takes no %s; it becomes %s" % (profile.name, known.name, syntax.lookup(target).name)
    return Fate(TRANSCODE, target, words)


def _refused(profile, known, why):
    return Fate(REFUSE, None, "%s takes no %s (%s), and %s" % (profile.name, known.name, known.uid, why))
