"""The label of a disc and the cover sheet of a volume, as PDF.

Names, IDs and descriptions are shown as they came, in every script that there is a font for; what is no letter (control
characters, marks that turn the direction of what follows) is taken out, and each stands in a paragraph of its own, so
that none of them can change how another reads. The QR code has the disc's identity and number and nothing of the
patient. Both are drawn in a process of its own with a limit: shaping libraries read what anybody may have sent, and
their memory goes back when it is done.

Source: IHE PDI (RAD TF-2, 4.47.4.1.2.3.3) for what stands on a label
"""

import json
import os
import subprocess
import sys
import unicodedata
from collections import namedtuple

from edge.media.errors import MediaError

# What a label is of. identity: the volume's own, as it stands in its DICOMDIR; number, count: n of m; made: the date on
# which it was made; institution: who made it; has_pages: whether there are web pages; is_protected: whether a password
# opens it; patients: a list of Patient.
Volume = namedtuple("Volume", "identity number count made institution has_pages is_protected patients")
# name: a Person Name as DICOM has it; born: a date, or ""; studies: a list of Study
Patient = namedtuple("Patient", "name id born studies")
# date, description, modality ("CT, SR"): text; series, instances: how many
Study = namedtuple("Study", "date modality description series instances")

DISC, HUB = 120, 46  # mm across: a disc, and what of it is not printed on around its hole
_PAGE = (210, 297)
_LONGEST = 400
_MOST_STUDIES = 4
_PATIENCE_S = 60
_MEMORY = 1 << 30
_TURNING = frozenset("\u061c\u200b\u200e\u200f\u2028\u2029\ufeff") | {
    chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


def write(volume, label=None, cover=None):
    """Draw the label and the cover sheet of a Volume into files of these names, either of which may be None.

    Returns words about what is not as it should be: [] when all is well. Raises MediaError, also where the libraries
    are not installed; then neither file is left.
    """
    paths = [path for path in (label, cover) if path is not None]
    for path in paths:
        if os.path.lexists(path):
            raise MediaError(f"{path} is there already: remove it, or choose another name")
    request = json.dumps([volume, label, cover]).encode("ascii")
    command = [sys.executable, "-m", __name__]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "LC_ALL": "C.UTF-8"}
    is_made = False
    try:
        done = subprocess.run(command, input=request, capture_output=True, env=environment, timeout=_PATIENCE_S)
        answer = json.loads(done.stdout)
        if isinstance(answer, str):
            raise MediaError(answer)
        is_made = True
        return answer
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise MediaError("the label cannot be drawn: try again; if it fails again, leave it out and say so") from error
    finally:
        for path in paths if not is_made else ():
            if os.path.lexists(path):
                os.unlink(path)


def draw_what_is_asked():
    """Draw what stands on the standard input; the whole of the process that `write` starts."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_PATIENCE_S, _PATIENCE_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    volume, label, cover = json.loads(sys.stdin.buffer.read())
    *head, patients = volume
    patients = [Patient(*each[:3], [Study(*study) for study in each[3]]) for each in patients]
    try:
        answer = _draw(Volume(*head, patients), label, cover)
    except MediaError as error:
        answer = str(error)
    sys.stdout.write(json.dumps(answer))


def _draw(volume, label, cover):
    from edge.media import drawing

    code, said = _code(volume)
    unknown = 0
    if label is not None:
        with drawing.Paper(label, DISC, DISC, "Label") as paper:
            _label(paper, volume, code)
        unknown += paper.unknown
    if cover is not None:
        with drawing.Paper(cover, *_PAGE, "Cover sheet") as paper:
            _Cover(paper, volume, code).write()
        unknown += paper.unknown
    if unknown:
        said.append(
            f"{unknown} characters have no font here and show as boxes: install one that has them, as"
            " fonts-ipaexfont-gothic for Japanese, fonts-droid-fallback for Chinese and Korean"
        )
    return said


def _code(volume):
    """Return (the rows of the QR code or None, words)."""
    try:
        import segno
    except ImportError:
        return None, ["there is no QR code on it, segno is not installed: install edge with its extra `label`"]
    return segno.make_qr(qr_text(volume), error="m").matrix, []


def qr_text(volume):
    """Return what the QR code says: which volume it is."""
    return f"EDGE-VOLUME {plain(volume.identity)} {volume.number}/{volume.count}"


def plain(text):
    """Return text without what is no letter, of bounded length, for one paragraph."""
    kept = []
    for character in str(text)[: 2 * _LONGEST]:
        kind = unicodedata.category(character)
        if character in _TURNING or kind in ("Cs", "Cn", "Co"):
            continue
        kept.append(" " if kind in ("Cc", "Zl", "Zp") else character)
    words = " ".join("".join(kept).split())
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "\u2026"


def names(value):
    """Return a Person Name as people read it, one form a line: ideographic, alphabetic, phonetic, as far as there."""
    groups = [_name(group) for group in str(value).split("=")[:3]]
    groups = [*groups[1:2], *groups[:1], *groups[2:]]
    return [group for group in groups if group] or ["(no name)"]


def _name(group):
    family, *others = [plain(part) for part in group.split("^")[:5]]
    rest = " ".join(part for part in others if part)
    is_latin = any(character.isascii() and character.isalpha() for character in family + rest)
    return (", " if is_latin else " ").join(part for part in (family, rest) if part)


def _kind(volume):
    if volume.is_protected:
        return "DICOM ONLY - password needed"
    return "DICOM PLUS WEB" if volume.has_pages else "DICOM ONLY"


def _study(study):
    counted = f"{study.series} series, {study.instances} objects"
    return "  ".join(part for part in (plain(study.date), plain(study.modality), counted) if part)


def _label(paper, volume, code):
    """Four boxes around the hub: patient, contents, code and number, who made it."""
    from edge.media.drawing import CENTRE, GREY

    middle = DISC / 2
    paper.circle(middle, middle, middle - 1)
    paper.circle(middle, middle, HUB / 2)
    patients = volume.patients
    if len(patients) == 1:
        shown, who = "\n".join(names(patients[0].name)[:2]), patients[0]
        below = "   ".join(part for part in (plain(who.id), plain(who.born) and "born " + plain(who.born)) if part)
    else:
        shown = "\n".join(names(each.name)[0] for each in patients[:3])
        below = f"{len(patients)} patients: see the cover sheet"
    high = paper.fit(shown, 32, 12, 56, 17, (13, 11, 9, 7.5, 6))
    paper.fit(below, 26, 12.5 + high, 68, 36 - 12.5 - high, (8, 7, 6, 5))

    studies = [study for patient in patients for study in patient.studies]
    y, bottom, drawn = 41.0, 77.0, 0
    for study in studies[:_MOST_STUDIES]:
        y += paper.write(_study(study), 7, y, 28.5, 6, max(3, bottom - y), colour=GREY)
        if y < bottom - 3 and (words := plain(study.description)):
            y += paper.write(words, 7, y, 28.5, 7, min(6.5, bottom - y)) + 0.8
        drawn += 1
        if y > bottom - 4:
            break
    if len(studies) > drawn:
        paper.write(f"{len(studies)} studies: see the cover sheet", 7, bottom, 28.5, 6, 5)

    paper.fit(f"{volume.number} of {volume.count}", 85, 39, 26, 6, (14, 10))
    if code:
        paper.squares(code, 87, 48, 22)
    paper.fit(_kind(volume), 85, 72, 27, 8, (8, 7, 6))

    high = paper.fit(plain(volume.institution) or "(no institution)", 27, 85, 66, 12, (9, 8, 7, 6))
    high += paper.write(plain(volume.made), 30, 85.5 + high, 60, 8, 4, CENTRE)
    paper.write(plain(volume.identity), 34, 86 + high, 52, 7, 4, CENTRE)


class _Cover:
    """The cover sheet: whose, from whom, what is on it, over as many pages as it takes."""

    _LEFT, _RIGHT, _TOP, _BOTTOM = 20, 190, 20, 275

    def __init__(self, paper, volume, code):
        self._paper = paper
        self._volume = volume
        self._code = code
        self._y = self._TOP
        self._page = 1

    def write(self):
        """Write all of it."""
        volume = self._volume
        width = 125
        self._y += self._paper.write(f"Volume {volume.number} of {volume.count}", self._LEFT, self._y, width, 20) + 3
        if self._code:
            self._paper.squares(self._code, self._RIGHT - 32, self._TOP, 32)
        rows = (("Made by", plain(volume.institution)), ("Made on", plain(volume.made)))
        for caption, words in (*rows, ("Volume", plain(volume.identity)), ("Contents", _kind(volume))):
            self._row(caption, words, width)
        self._y = max(self._y, self._TOP + 36)
        for patient in volume.patients:
            self._patient(patient)
        self._row("", _how(volume), self._RIGHT - self._LEFT)
        self._foot()

    def _patient(self, patient):
        self._room(30)
        self._paper.line(self._LEFT, self._y, self._RIGHT, self._y)
        self._y += 3
        width = self._RIGHT - self._LEFT
        for number, words in enumerate(names(patient.name)):
            self._row("" if number else "Patient", words, width, 11 if number else 15)
        self._row("Patient ID", plain(patient.id), width)
        self._row("Born", plain(patient.born), width)
        for study in patient.studies:
            self._room(12)
            self._row("Study", _study(study), width)
            self._row("", plain(study.description), width)
            self._y += 1
        self._y += 3

    def _row(self, caption, words, width, size=11):
        """Write a caption and words beside it, on the next page where they do not fit on this."""
        from edge.media.drawing import GREY

        if not words:
            return
        beside = width - 30
        self._room(self._paper.height(words, size, beside))
        self._paper.write(caption, self._LEFT, self._y, 28, 9, colour=GREY)
        self._y += self._paper.write(words, self._LEFT + 30, self._y, beside, size) + 1

    def _room(self, height):
        if self._y + height > self._BOTTOM:
            self._foot()
            self._paper.next_page()
            self._page += 1
            self._y = self._TOP

    def _foot(self):
        from edge.media.drawing import GREY

        words = f"{plain(self._volume.identity)}   {self._volume.number} of {self._volume.count}   page {self._page}"
        self._paper.write(words, self._LEFT, 282, self._RIGHT - self._LEFT, 8, 5, colour=GREY)


def _how(volume):
    if volume.is_protected:
        return "Everything on it is encrypted. The password comes by another way, never with the volume."
    if volume.has_pages:
        return "Any computer shows it: open INDEX.HTM. What it shows is not for diagnosis."
    return "Programs that read DICOM media find everything through the file DICOMDIR."


if __name__ == "__main__":
    draw_what_is_asked()
