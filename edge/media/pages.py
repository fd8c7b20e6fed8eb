"""What whoever has no DICOM software sees of a volume: README.TXT, INDEX.HTM, and pages with pictures in IHE_PDI.

IHE Portable Data for Imaging: XHTML and JPEG only, nothing that runs, names of 8 and 3 characters. A page for each
study and each series; of a series some pictures, evenly taken, for all of it is there in DICOM and in the viewer. What
has no picture is listed one by one: a PDF is laid beside its page, a report is a page of its own, anything else is
named as what it is. Only what a page is made of is read, and it passes one by one.

Source: IHE RAD TF-2 4.47.4.1.2.
"""

import os
from collections import namedtuple

from edge.dicom import uid
from edge.dicom.errors import DicomError, LimitError
from edge.media import papers, sight, viewer, xhtml
from edge.media.errors import MediaError
from edge.media.leaf import Leaf
from edge.media.viewer import Forecast, Passed
from edge.media.xhtml import NL, said, tag
from edge.pixels import image, limited, render
from edge.spool.inflate import inflater

FOLDER = "IHE_PDI"
PICTURES = 6  # of a series
LISTED = 100  # of a series without pictures
PAPERS_OCTETS = 32 << 20  # what PDFs and reports of a volume may take; the others are there in DICOM only
_SIDE = 512
_LIKELY_PICTURE, _LIKELY_PAGE = 32 << 10, 6 << 10

# What a volume says of itself. institution, contact, disclaimer: words of whoever hands it out, "" for none; made: its
# date; number, of: which of how many volumes; viewer: whether it has one
About = namedtuple(
    "About", "institution contact disclaimer made number of viewer", defaults=("", "", "", "", 1, 1, True)
)

DISCLAIMER = (
    "The pictures on these pages are reduced copies of the images, and the viewer is no medical device: neither is for"
    " diagnosis. Diagnosis takes the DICOM objects on this volume and software that is approved for it."
)


def make(instances, total, folder, about, pictures=PICTURES):
    """Generator of viewer.Passed: write all pages below `folder`; returns an iterator of their Leaf.

    instances: iterable of sight.Instance; total: how many they are; folder: of the staging area; about: About;
    pictures: of a series, at most. What no picture can be made of is listed with the reason. MediaError where nothing
    can be written.
    """
    try:
        yield from _make(instances, total, folder, about, pictures)
    except OSError as error:
        raise MediaError("the pages cannot be written to %s: %s; make room there and try again" % (
            folder, error.strerror or error)) from error  # fmt: skip
    return leaves(folder)


def leaves(folder):
    """Yield the Leaf of every file that `make` wrote below `folder`."""
    for name in ("README.TXT", "INDEX.HTM"):
        path = os.path.join(folder, name)
        yield Leaf(name, path, os.path.getsize(path))
    yield from viewer.leaves_below(folder, FOLDER)


def _make(instances, total, folder, about, pictures):
    os.mkdir(os.path.join(folder, FOLDER))
    pages = _Pages(folder, about, pictures)
    done = 0
    try:
        for each in instances:
            pages.take(each)
            done += 1
            yield Passed(done, total)
        pages.end()
    finally:
        pages.close()


def beside(sop_class, octets):
    """Return how many octets an object of so many is likely to have beside its page: a PDF, or a page of a report."""
    if papers.is_document(sop_class):
        return octets
    return _LIKELY_PAGE if papers.is_report(sop_class) else 0


def forecast(series, studies, pictures=PICTURES):
    """Return the viewer.Forecast of pages for so many series and studies, without what `beside` says."""
    fixed = 8192 + _LIKELY_PAGE * (series + studies)
    most = 16384 * (1 + studies) + series * (16384 + pictures * (2 * _SIDE * _SIDE + 16384)) + PAPERS_OCTETS
    files = 2 + studies + series * (1 + max(pictures, LISTED))
    return Forecast(most, fixed + series * pictures * _LIKELY_PICTURE, files)


class _Pages:
    """The pages of a volume while they are written: the index and one of a study are open, a series is made whole."""

    def __init__(self, folder, about, pictures):
        self._folder = folder
        self._about = about
        self._most = pictures
        self._decoders = limited.Decoders()
        self._index = self._study = None
        self._keys = (object(), object(), object())
        self._paths = []  # of the series at hand
        self._counts = {"ST": 0, "SE": 0, "P": 0, "D": 0, "R": 0}
        self._left = PAPERS_OCTETS
        self._texts = self._study_texts = {}
        self._rows = None  # of the study at hand: [series, images, kinds]
        self._has_patient = False
        self._index = self._open("INDEX.HTM", "Images of " + about.institution if about.institution else "Images")
        self._index.write(self._welcome().encode())

    def close(self):
        """Let go of everything."""
        self._decoders.close()
        for file in (self._index, self._study):
            if file is not None:
                file.close()

    def _path(self, name):
        return os.path.join(self._folder, *name.split("/"))

    def _open(self, name, title):
        file = open(self._path(name), "wb")
        file.write(xhtml.begin(title).encode())
        return file

    def _end_page(self, file):
        file.write(xhtml.END.encode())
        file.close()

    def _name(self, kind, extension):
        self._counts[kind] += 1
        return "%s%0*d.%s" % (kind, 8 - len(kind), self._counts[kind], extension)

    def take(self, instance):
        """Take the next object."""
        keys = (instance.patient, instance.study, instance.series)
        if keys != self._keys:
            self._end_series()
            if keys[:2] != self._keys[:2]:
                self._end_study()
            if keys[:1] != self._keys[:1]:
                self._end_patient()
            self._begin(keys, instance)
        self._paths.append(instance.path)

    def end(self):
        """Write what is left."""
        self._end_series()
        self._end_study()
        self._end_patient()
        self._end_page(self._index)
        path = self._path("README.TXT")
        with open(path, "wb") as file:
            file.write(readme(self._about, self._counts["ST"], self._counts["SE"]))

    # What stands on them

    def _welcome(self):
        about = self._about
        parts = [tag("h1", "Medical images"), NL]
        if about.institution:
            parts += [tag("p", "From ", said(about.institution)), NL]
        if about.of > 1:
            parts += [tag("p", tag("strong", "Volume %d of %d." % (about.number, about.of))), NL]
        parts += [tag("p", "Not for diagnosis", class_="note"), NL, tag("p", about.disclaimer or DISCLAIMER), NL]
        if about.viewer:
            parts += [
                tag("p", tag("a", "Open all images in the viewer", href=viewer.PAGE),
                    ": stacks, windows, lengths. It needs a browser of 2023 or later, and nothing else."), NL,
            ]  # fmt: skip
        parts += [tag("p", tag("a", "About this volume", href="README.TXT"), class_="soft"), NL]
        return xhtml.of(parts)

    def _begin(self, keys, instance):
        fd, seen, _ = _opened(instance.path)
        if fd is not None:
            os.close(fd)
        self._texts = seen.texts if seen is not None else {}
        if keys[:1] != self._keys[:1]:
            self._index.write(self._patient("h2").encode())
            self._index.write(
                b'<table>\n<thead><tr><th scope="col">Study</th><th scope="col">Date</th><th scope="col" class="wide">'
                b'Accession</th><th scope="col">Contents</th></tr></thead>\n<tbody>\n'
            )
            self._has_patient = True
        if keys[:2] != self._keys[:2]:
            self._begin_study()
        self._keys = keys

    def _patient(self, heading):
        texts = self._texts
        name = sight.person(texts.get("patient_name", "")) or "No name"
        facts = [texts.get("patient_id", ""), sight.date(texts.get("birth_date", "")), texts.get("sex", "")]
        facts = [fact for fact in facts if fact]
        return xhtml.of([tag(heading, said(name)), NL, _facts(facts)])

    def _begin_study(self):
        self._study_texts = texts = self._texts
        self._study_name = self._name("ST", "HTM")
        self._rows = [0, 0, []]
        self._study = self._open("%s/%s" % (FOLDER, self._study_name), _study_title(texts))
        date = " ".join([sight.date(texts.get("study_date", "")), _clock(texts.get("study_time", ""))]).strip()
        facts = [fact for fact in (date, texts.get("accession"), texts.get("institution")) if fact]
        self._study.write(xhtml.of([
            _way([("../INDEX.HTM", "All studies")]), self._patient("h1"), tag("h2", said(_study_title(texts))), NL,
            _facts(facts), tag("p", "Not for diagnosis", class_="note"), NL,
        ]).encode() + b'<ul class="pictures">\n')  # fmt: skip

    def _end_series(self):
        if not self._paths:
            return
        paths, self._paths = self._paths, []
        name = self._name("SE", "HTM")
        texts, study = self._texts, self._study_texts
        title = texts.get("series_description") or "Series %s" % texts.get("series_number", "")
        with self._open("%s/%s" % (FOLDER, name), title) as file:
            file.write(xhtml.of([
                _way([("../INDEX.HTM", "All studies"), (self._study_name, _study_title(study))]), self._patient("h1"),
                tag("h2", said(title)), NL, _facts([each for each in (
                    texts.get("modality"), _many(len(paths), "object"), texts.get("body_part")) if each]),
                tag("p", "Not for diagnosis", class_="note"), NL,
            ]).encode())  # fmt: skip
            shown = list(self._pictures(paths, title, name))
            file.write(tag("ul", NL, [each for each, _ in shown], class_="pictures").encode() + b"\n")
            if len(paths) > len(shown):
                file.write(tag("p", "All %d are on this volume as DICOM objects." % len(paths)).encode() + b"\n")
            file.write(xhtml.END.encode())
        covers = [picture for _, picture in shown if picture is not None]
        cover = covers[len(covers) // 2] if covers else None
        kind = texts.get("modality", "")
        self._rows[0] += 1
        self._rows[1] += len(paths)
        if kind and kind not in self._rows[2]:
            self._rows[2].append(kind)
        words = [tag("a", said(title), href=name), tag("br"), _listed(kind, _many(len(paths), "object"))]
        self._study.write(tag("li", cover, tag("p", words)).encode() + b"\n")

    def _end_study(self):
        if self._study is None:
            return
        self._study.write(b"</ul>\n")
        self._end_page(self._study)
        self._study = None
        texts = self._study_texts
        series, objects, kinds = self._rows
        words = _listed(*kinds, _many(series, "series", "series"), _many(objects, "object"))
        link = tag("a", said(_study_title(texts)), href="%s/%s" % (FOLDER, self._study_name))
        self._index.write(tag(
            "tr", tag("td", link), tag("td", sight.date(texts.get("study_date", ""))),
            tag("td", said(texts.get("accession", "")), class_="wide"), tag("td", words),
        ).encode() + b"\n")  # fmt: skip

    def _end_patient(self):
        if self._has_patient:
            self._index.write(b"</tbody>\n</table>\n")

    def _pictures(self, paths, title, page):
        """Yield (its <li>, its <img> or None) of some objects or frames of a series, evenly taken, or all its papers.

        page: the name of the series' own page.
        """
        fd, seen, _ = _opened(paths[0])
        if fd is not None:
            os.close(fd)
        if len(paths) > 1:
            most = LISTED if seen is not None and seen.found is None else self._most
            for at in _evenly(len(paths), most):
                words = "Object %d of %d" % (at + 1, len(paths))
                yield self._picture(paths[at], 1, words, title, page)
            return
        frames = seen.frames if seen is not None and not seen.why else 1
        for at in _evenly(frames, self._most):
            words = "Frame %d of %d" % (at + 1, frames) if frames > 1 else ""
            yield self._picture(paths[0], at + 1, words, title, page)

    def _picture(self, path, frame, words, title, page):
        fd, seen, why = _opened(path)
        try:
            why = why or seen.why
            if not why:
                try:
                    made = self._jpeg(fd, seen, frame)
                    alt = _listed(title, words)
                    tall = _tall(sight.values_of(seen, frame))
                    picture = tag("img", src=made[0], width=made[1], height=round(made[2] * tall) or 1, alt=alt)
                    return tag("li", tag("a", picture, href=made[0]), tag("p", words or "One picture")), picture
                except DicomError as error:
                    why = str(error)
            elif seen is not None and seen.found is None:
                return tag("li", self._paper(seen, words, title, page)), None
        finally:
            if fd is not None:
                os.close(fd)
        return tag("li", tag("p", said(_what(seen)), tag("br"), words, " No picture: ", why, ".")), None

    def _paper(self, seen, words, title, page):
        """Return the <p> of an object that has no pictures: with a link where there is something to read."""
        what, why = _what(seen), "it is for DICOM software"
        try:
            if papers.is_document(seen.sop_class):
                name, octets = self._document(seen)
                size = "PDF, %s KB" % format(-(-octets >> 10), ",")
                return tag("p", tag("a", said(what), href=name), tag("br"), _listed(words, size))
            if papers.is_report(seen.sop_class):
                name, heading = self._report(seen, title, page)
                return tag("p", tag("a", said(heading or what), href=name), tag("br"), _listed(words, "report"))
        except DicomError as error:
            why = str(error)
        return tag("p", said(what), tag("br"), words + ": " if words else "", "nothing to look at here, ", why, ".")

    def _document(self, seen):
        """Lay the PDF of an object beside its page; return its name and octets. DicomError where there is none."""
        if seen.opened.size > self._left:
            raise LimitError(_NO_ROOM)
        name = "D%07d.PDF" % (self._counts["D"] + 1)
        octets = papers.extract(seen.opened, self._path("%s/%s" % (FOLDER, name)))
        self._counts["D"] += 1
        self._left -= octets
        return name, octets

    def _report(self, seen, title, page):
        """Write a report as a page; return its name and what it is called. DicomError where it cannot be read."""
        found = papers.report(seen.opened)
        heading = found.top.name or _what(seen)
        links = [("../INDEX.HTM", "All studies"), (self._study_name, _study_title(self._study_texts)), (page, title)]
        parts = [_way(links), self._patient("h1"), tag("h2", said(heading)), NL, _items(found.top.items)]
        if not found.top.items:
            parts += [tag("p", "It says nothing that can be written here."), NL]
        if not found.is_whole:
            parts += [tag("p", "It is longer than this page: all of it is there as a DICOM object.", class_="note"), NL]
        octets = (xhtml.begin(heading) + xhtml.of(parts) + xhtml.END).encode()
        if len(octets) > self._left:
            raise LimitError(_NO_ROOM)
        self._left -= len(octets)
        name = self._name("R", "HTM")
        with open(self._path("%s/%s" % (FOLDER, name)), "wb") as file:
            file.write(octets)
        return name, found.top.name

    def _jpeg(self, fd, seen, frame):
        """Write a picture; return its name, how wide and how high it is."""
        drawn, lines = render.draw(fd, frame, _SIDE, inflater=inflater, children=self._decoders)
        pixels = b"".join(lines)
        columns, rows = drawn.shown_columns, drawn.shown_rows
        of = image.Image(columns, rows, 3 if drawn.is_colour else 1, 8, 8, 0, 0)
        octets = self._decoders.encode("jpeg", pixels, of, limited.PICTURE, False)
        name = self._name("P", "JPG")
        with open(self._path("%s/%s" % (FOLDER, name)), "wb") as file:
            file.write(octets)
        return name, columns, rows


_NO_ROOM = "and the pages are full: it is on this volume as a DICOM object"


def _what(seen):
    """Return in words what an object is."""
    if seen is None:
        return "Object"
    name = uid.name(seen.sop_class)
    if not name or name == seen.sop_class:
        name = "Object of a kind that this box does not know"
    return seen.texts["title"] or name.removesuffix(" Storage")


def _items(items):
    """Return the items of a report as lists in each other, None where there are none."""
    if not items:
        return None
    made = []
    for each in items:
        name = tag("strong", said(each.name), ": " if each.said else None) if each.name else None
        made.append(tag("li", name, said(each.said) if each.said or not name else None, _items(each.items)))
    return tag("ul", NL, made, NL)


def _opened(path):
    """Return (file descriptor or None, Sight or None, why not) of an object."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError as error:
        return None, None, "it cannot be read: %s" % error.strerror
    try:
        return fd, sight.see(fd), ""
    except DicomError as error:
        return fd, None, str(error)


def _evenly(count, most):
    """Return at most so many of `count` numbers, from 0, those in the middle of equal parts."""
    taken = min(count, most)
    return [(2 * number + 1) * count // (2 * taken) for number in range(taken)]


def _tall(values):
    spacing = sight.spacing_of(values)
    return min(20.0, max(0.05, spacing.rows / spacing.columns if spacing else sight.aspect_of(values)))


def _study_title(texts):
    return texts.get("study_description") or "Study %s" % texts.get("study_id", "")


def _clock(value):
    plain = sight.time(value)
    return "%s:%s" % (plain[:2], plain[2:4]) if plain[:4].isdigit() and len(plain) >= 4 else ""


def _many(count, one, more=None):
    return "%d %s" % (count, one if count == 1 else more or one + "s")


def _listed(*words):
    return ", ".join([each for each in words if each])


def _facts(facts):
    parts = []
    for fact in facts:
        parts += [", " if parts else None, said(fact)]
    return xhtml.of([tag("p", parts, class_="soft"), NL]) if parts else None


def _way(links):
    """Return the links that lead back."""
    parts = []
    for href, words in links:
        parts += [" / " if parts else None, tag("a", said(words), href=href)]
    return xhtml.of([tag("p", parts), NL])


# README.TXT


def readme(about, studies, series):
    """Return README.TXT: lines that end as every system takes them, in ASCII, or UTF-8 with its mark."""
    paragraphs = [
        "Medical images in DICOM" + (" from %s" % about.institution if about.institution else ""),
        "Volume %d of %d%s. It holds %s with %s." % (
            about.number, about.of, ", made on %s" % about.made if about.made else "",
            _many(studies, "study", "studies"), _many(series, "series", "series")),
        "INDEX.HTM    pages with pictures, for any browser, in the folder IHE_PDI\n"
        + ("VIEWER       a viewer for any browser of 2023 or later: open VIEWER.HTM there\n" if about.viewer else "")
        + "DICOMDIR     the directory of all objects, for DICOM software",
        "It follows the IHE profile Portable Data for Imaging (PDI). Nothing on it starts by itself, nothing needs to"
        " be installed, and nothing asks for a network. The pages and the viewer are there for people to look at:"
        " medical software reads the DICOMDIR.",
        about.disclaimer or DISCLAIMER,
        "Contact: %s" % about.contact if about.contact else
        "Questions about its contents are for the institution that handed it out.",
        "The pages and the viewer were written by edge.",
    ]  # fmt: skip
    lines = []
    for paragraph in paragraphs:
        for line in paragraph.split("\n"):
            lines += _wrapped(line)
        lines.append("")
    words = "\r\n".join(lines)
    return words.encode() if words.isascii() else b"\xef\xbb\xbf" + words.encode("utf-8", "replace")


def _wrapped(line, width=78):
    if len(line) <= width:
        return [line]
    import textwrap  # only where somebody asks for a volume

    return textwrap.wrap(line, width)
