"""What is to be exported, and to where: read from what was asked, or refused in words."""

import os
import re
from collections import namedtuple
from datetime import date

from edge.media import devices, layout, profile
from edge.media.errors import MediaError

DIR, ZIP, ISO, USB, BURNER = "dir", "zip", "iso", "usb", "burner"
KINDS = (ISO, USB, BURNER, DIR, ZIP)
TO = "iso:FILE, usb:FOLDER, burner:DEVICE, dir:FOLDER or zip:FILE"
_USB = USB + ":"

# studies: list of Study Instance UIDs; patient: a Patient ID, or None; since, until: YYYYMMDD of the Study Date, or
# None; kind, place: of KINDS, and its path; profile: its name; medium: of layout.CAPACITIES, or None; deidentify,
# viewer: bool; label: what the volume is called; has_password: bool, the password itself is never in it; receivers:
# list of certificates in PEM; has_sheets: bool, whether a label and a cover sheet are drawn; wait: bool, whether it
# begins only when nothing of it has come for a while; fetch_from: the destination that is asked for it, or None;
# formats: bool, whether the whole stick is formatted, whose device the place is then
Order = namedtuple(
    "Order",
    "studies patient since until kind place profile medium deidentify viewer label has_password receivers has_sheets"
    " wait fetch_from formats",
    defaults=(False, (), False, False, None, False),
)

_PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_MOST_RECEIVERS = 20
_CERTIFICATE = 1 << 16  # characters; is longer than any
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_MEDIA = {"CD-R": "cd80", "DVD": "dvd", "DVD-RAM": "dvd", "Blu-ray disc": "bd"}


def read(request, settings, is_owner):
    """Return the Order of a request, {argument of the verb `export`: value}; MediaError says what is wrong with it.

    settings: config.Config; is_owner: whether any place may be named, as by whoever may write in the state folder.
    """
    since, until = _date(request.get("since")), _date(request.get("until"))
    found = [request.get("study") or (), request.get("patient"), since, until]
    if not any(found):
        raise MediaError("say what to export: studies by their UID, a patient by the ID, or since or until a date")
    if since and until and since > until:
        raise MediaError("no day is since %s and until %s: exchange them" % (request["since"], request["until"]))
    if request.get("from") and not (found[0] and not any(found[1:])):
        raise MediaError("an archive is asked for studies by their UID: give study, and nothing else, with from")
    formats = bool(request.get("format"))
    if formats and not request["to"].startswith(_USB):
        raise MediaError("only a stick is formatted: leave format out, or give usb: and the device of the stick")
    kind, place = _place(request["to"], settings, is_owner, formats)
    own = settings.media
    name = request.get("profile") or own.profile or ("STD-GEN-USB-JPEG" if kind == USB else "STD-GEN-CD")
    chosen = profile.named(name)
    viewer = _viewer(request, kind, own.viewer)
    return Order(
        list(found[0]), *found[1:], kind, place, chosen.name, _medium(request.get("medium"), chosen, kind),
        bool(request.get("deidentify")), viewer, _label(request.get("label")), bool(request.get("password")),
        list(request.get("receivers") or ()), bool(request.get("sheets")),
        bool(request.get("wait")), request.get("from"), formats,
    )  # fmt: skip


def certificate(path):
    """Return what the file of a receiver's certificate has, as a request takes it. Raises OSError."""
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read(_CERTIFICATE)


def remarks(request, order):
    """Return words on what of a request is otherwise in its Order than it was written."""
    found = []
    if request.get("label") and request["label"] != order.label:
        found.append("the volume is called %s" % order.label)
    if order.kind in (ISO, ZIP) and os.path.basename(request["to"]) != os.path.basename(order.place):
        found.append("it is written to %s" % order.place)
    return found


def is_sealed(order):
    """Say whether an Order is of a secure file-set."""
    return order.kind != ZIP and bool(order.has_password or order.receivers)


def is_protected(order):
    """Say whether what an Order makes is opened by those alone who have a password or a private key."""
    return bool(order.has_password or order.receivers)


def _viewer(request, kind, usual):
    """Return whether a viewer goes with it; MediaError where what protects the volume is not as it has to be."""
    words, receivers, wanted = request.get("password"), request.get("receivers") or (), request.get("viewer")
    if words is not None or receivers:
        _check_locks(words, receivers, kind)
    if kind == ZIP or not (receivers or words is not None):
        return usual if wanted is None else wanted
    if wanted:
        raise MediaError("a secure file-set has no viewer, which would show what it hides: leave out one of the two")
    return False


def _check_locks(words, receivers, kind):
    from edge.media import cipher, envelope, lockedzip  # with libcrypto, which only protected media need

    if words is not None and kind == ZIP:
        lockedzip.password(words)
    elif words is not None:
        cipher.password(words, envelope.LEAST_LETTERS, "a secure file-set")
    if kind == ZIP and receivers:
        raise MediaError("an archive is opened by a password alone: give one, or make a folder for the receiver")
    if len(receivers) > _MOST_RECEIVERS:
        raise MediaError("%d receivers are too many: give %d or fewer" % (len(receivers), _MOST_RECEIVERS))
    for each in receivers:
        if _PRIVATE.search(each):
            raise MediaError("there is a private key beside the certificate of a receiver: give the certificate alone")
        envelope.Receiver(each.encode("utf-8", "replace"))


def _date(text):
    if not text:
        return None
    found = _DATE.fullmatch(text.strip())
    if not found:
        raise MediaError("a date is written as 2026-11-23, found %s" % text[:40])
    try:
        date(*map(int, found.groups()))
    except ValueError:
        raise MediaError("there is no day %s: a date is written as 2026-11-23" % text[:40]) from None
    return "".join(found.groups())


def _label(text):
    if not text:
        return "DICOM"
    label = re.sub("[^A-Z0-9_]+", "_", text.upper()).strip("_")[:16]
    if not label:
        raise MediaError("a volume's label consists of A-Z, 0-9 and _, up to 16 of them; found %s" % text[:40])
    return label


def _medium(name, chosen, kind):
    """Return the medium that is filled: named, or the usual one of the profile; None where only the place limits."""
    if name is not None and name not in layout.CAPACITIES:
        raise MediaError("no medium is called %s; there are: %s" % (name[:40], ", ".join(layout.CAPACITIES)))
    if kind not in (ISO, BURNER):
        if name is not None:
            raise MediaError("a medium is for iso: and burner: alone, what fits %s: is seen there: leave it out" % kind)
        return None
    usual = _MEDIA.get(chosen.media)
    if usual is None:
        raise MediaError("%s is for a %s, and no disc: choose another profile" % (chosen.name, chosen.media))
    return name or usual


def _place(text, settings, is_owner, formats):
    kind, colon, place = text.partition(":")
    if kind not in KINDS or not colon:
        raise MediaError("%s is no place to export to; expected %s" % (text[:80], TO))
    if kind == BURNER:
        return kind, _burner(place, settings, is_owner)
    if kind == USB:
        return kind, _whole_stick(place, is_owner) if formats else _stick(place, is_owner)
    if not place:
        raise MediaError("%s: needs a name behind it" % kind)
    if is_owner and os.path.isabs(place):
        path = os.path.normpath(place)
    else:
        if not _FILE_NAME.fullmatch(place):
            words = "a name here consists of letters, digits and - _ . alone, without folders; found %s"
            raise MediaError(words % place[:80])
        folder = _folder(settings)
        os.makedirs(folder, 0o700, exist_ok=True)
        path = os.path.join(folder, place)
    if kind != DIR and not os.path.splitext(path)[1]:
        path += "." + kind
    if os.path.lexists(path) and not (kind == DIR and os.path.isdir(path) and not os.listdir(path)):
        raise MediaError("%s is there already: remove it, or choose another name" % path)
    return kind, path


def check(kind, place, settings, formats=False):
    """Raise MediaError unless somebody who is not at the command line may name this place, as an Order has it."""
    if kind == BURNER:
        _burner(place, settings, False)
    elif kind == USB:
        (_whole_stick if formats else _stick)(place, False)
    elif os.path.dirname(place) != _folder(settings):
        raise MediaError("%s is outside of the folder for exports: make it again at the command line" % place)


def _folder(settings):
    return settings.media.export_dir or os.path.join(settings.box.state_dir, "exports")


def _burner(place, settings, is_owner):
    place = place or settings.media.burner
    if not place:
        known = devices.burners()
        if len(known) != 1:
            here = ", ".join([each.path for each in known])
            raise MediaError("name the burner: %s" % (here and "there are " + here or "none is here"))
        return known[0].path
    if not is_owner and place != settings.media.burner and place not in [each.path for each in devices.burners()]:
        raise MediaError("%s is no burner of this box" % place[:80])
    return place


def _whole_stick(place, is_owner):
    """Return the device of a stick that is to be formatted."""
    known = [each.path for each in devices.sticks()]
    if not place:
        if len(known) != 1:
            raise MediaError("name the device of the stick: %s" % (", ".join(known) or "none is in"))
        return known[0]
    if not is_owner and place not in known:
        raise MediaError("%s is no stick of this box" % place[:80])
    return place


def _stick(place, is_owner):
    if place and os.path.exists(place) and not os.path.isdir(place):
        words = "%s is no folder where a stick is mounted; with --format the whole of it is formatted, all on it lost"
        raise MediaError(words % place[:80])
    there = [mount.folder for stick in devices.sticks() for mount in stick.mounts]
    if not place:
        if len(there) != 1:
            raise MediaError("name the folder of the stick: %s" % (", ".join(there) or "none is mounted"))
        return there[0]
    if not is_owner and os.path.realpath(place) not in there:
        raise MediaError("no stick is mounted at %s" % place[:80])
    return place
