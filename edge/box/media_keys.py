"""What the configuration says of discs, sticks and folders that studies are exported to, by hand or by rules."""

import os

from edge.box.rule_keys import CONDITIONS
from edge.toml.kinds import FILE, FOLDER, NAME, TRUTH, Kind, choice, several, toml
from edge.toml.section import REQUIRED, Section, key

# As edge/media/profile.py has them, which nothing on this floor may read
PROFILES = (
    "STD-GEN-CD", "STD-GEN-DVD-RAM", "STD-GEN-BD", "STD-GEN-DVD-JPEG", "STD-GEN-DVD-J2K", "STD-GEN-USB-JPEG",
    "STD-GEN-USB-J2K", "STD-GEN-MMC-JPEG", "STD-GEN-MMC-J2K", "STD-GEN-CF-JPEG", "STD-GEN-CF-J2K", "STD-GEN-SD-JPEG",
    "STD-GEN-SD-J2K", "STD-GEN-BD-JPEG", "STD-GEN-BD-J2K",
)  # fmt: skip

_KINDS = ("iso", "usb", "burner", "dir", "zip")


def _read_words(value):
    if not isinstance(value, str) or not value.strip() or len(value) > 256 or not value.isprintable():
        raise ValueError
    return value


def _read_place(value):
    kind, _, path = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind not in _KINDS or not os.path.isabs(path.removeprefix("stdio:")) or "\0" in path:
        raise ValueError
    return value


def _read_drive(value):
    if not isinstance(value, str) or not os.path.isabs(value.removeprefix("stdio:")) or "\0" in value:
        raise ValueError
    return value


def _read_minutes(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.05 <= value <= 1440:
        raise ValueError
    return value


_MINUTES = Kind("0.05 to 1440", "a number of minutes from 0.05 to 1440", _read_minutes, toml)
_DRIVE = Kind("drive", "a burner from / on, such as /dev/sr0, or stdio:FILE in its place", _read_drive, toml)
_WORDS = Kind("text", "a line of text", _read_words, toml)
_PLACE = Kind(
    "place", "iso:, dir: or zip: with a folder, usb: with where it is mounted, or burner: with a device, from / on",
    _read_place, toml,
)  # fmt: skip

_PROFILE = (
    "The application profile (PS3.11) where none is named; without it STD-GEN-USB-JPEG for sticks, and STD-GEN-CD for "
    "all others."
)

MEDIA = Section(
    "media",
    False,
    "Discs, sticks and folders that studies are exported to, with a directory (DICOMDIR), pages and a viewer. The "
    "`burner` has to be one that the box's user may use: a member of the group cdrom.",
    (
        key("institution", _WORDS, None, "Who hands them out, as pages name it.", example='"City Hospital"'),
        key("contact", _WORDS, None, "Whom to ask about them, as pages name it.", example='"Radiology, ext. 4711"'),
        key(
            "export_dir",
            FOLDER,
            None,
            "Where the console puts images of discs, folders and archives; without it `exports` in the state folder. "
            "The command line names any place.",
            example='"/srv/exports"',
        ),
        key("burner", _DRIVE, None, "The burner that the console and rules use.", example='"/dev/sr0"'),
        key(
            "profile",
            choice(*PROFILES),
            None,
            _PROFILE,
            example='"STD-GEN-DVD-JPEG"',
        ),
        key("viewer", TRUTH, True, "Whether a viewer goes with them, which opens from the disc in any browser."),
        key(
            "deidentify_as",
            NAME,
            None,
            "The destination whose [[deidentify]] says how a de-identified export is made; needed only where there are "
            "several.",
            example='"archive"',
        ),
        key(
            "quiet_min",
            _MINUTES,
            15,
            "A study is finished when nothing new of it has come for so many minutes: then [[export]] applies.",
        ),
    ),
)

EXPORT = Section(
    "export",
    True,
    "Studies that are exported by themselves, once each, when they are finished; one table for each rule. A rule "
    "applies to a study of which an object fulfils all of its conditions, which are those of a route. It is for "
    "studies that come after it.",
    (
        *CONDITIONS,
        key(
            "to",
            _PLACE,
            REQUIRED,
            "Where to: a burner, a stick, or a folder in which each study gets an image, an archive or a folder.",
            example='"burner:/dev/sr0"',
        ),
        key("profile", choice(*PROFILES), None, "The application profile; without it as [media] has it.",
            example='"STD-GEN-CD"'),
        key("deidentify", TRUTH, False, "Whether the objects go de-identified, as [[deidentify]] says."),
        key("viewer", TRUTH, True, "Whether a viewer goes with it; with a secure file-set there is none."),
        key("password_file", FILE, None, "The file whose first line is the password that opens it. Nobody else may be "
            "able to read it.", example='"/etc/edge/media.password"'),
        key("receiver", several(FILE), (), "Certificates (PEM) of those whose private keys open it: a secure file-set.",
            example='["/etc/edge/ward.pem"]'),
        key("sheets", TRUTH, False, "Whether a label and a cover sheet are drawn, as PDF."),
    ),
)  # fmt: skip


def anchored(settings, anchor):
    """Return a config.Config with each path of media as the function `anchor` has it."""
    own = settings.media
    paths = {name: getattr(own, name) and anchor(getattr(own, name)) for name in ("export_dir",)}
    rules = [
        each._replace(
            password_file=each.password_file and anchor(each.password_file),
            receiver=tuple([anchor(path) for path in each.receiver]),
        )
        for each in settings.exports
    ]
    return settings._replace(media=own._replace(**paths), exports=tuple(rules))


def mistakes(settings):
    """Yield (path of keys, words) for what is wrong between keys that are right each by itself."""
    name = settings.media.deidentify_as
    if name is not None and not any([name in each.to for each in settings.identities if isinstance(each.to, tuple)]):
        yield ("media", "deidentify_as"), "no [[deidentify]] is for %s" % name
    for number, each in enumerate(settings.exports, 1):
        if each.receiver and each.to.startswith("zip:"):
            yield ("export", number, "receiver"), "an archive is opened by a password alone; expected password_file"
