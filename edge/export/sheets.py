"""The label and the cover sheet of a volume: what they say is gathered from its objects as they go out.

They lie beside an image, an archive or a folder, and in the folder for exports where the volume is a disc or a stick.
That one cannot be drawn spoils no volume: why is said, and nothing of it is left.
"""

import os

from edge.dicom import text
from edge.export.order import BURNER, USB, is_protected, is_sealed
from edge.media import label, records, sight, survey
from edge.media.errors import MediaError

STAGE = "drawing the label"


class Contents:
    """Who and what is on one volume."""

    def __init__(self):
        self._patients = {}  # {patient: (label.Patient, {study: [Surveyed, modalities, series, objects]})}

    def add(self, found, item):
        """Take in a survey.Surveyed object, which is a content.Item."""
        patient = self._patients.get(item.patient)
        if patient is None:
            patient = self._patients[item.patient] = _patient(found), {}
        study = patient[1].get(item.study)
        if study is None:
            study = patient[1][item.study] = [found, set(), set(), 0]
        study[1].add(_words(found, records.MODALITY))
        study[2].add(item.series)
        study[3] += 1

    def patients(self):
        """Return the list of label.Patient."""
        made = []
        for patient, studies in self._patients.values():
            patient.studies.extend(_study(*each) for each in studies.values())
            made.append(patient)
        return made


def _patient(found):
    name, birth = _words(found, records.PATIENT_NAME, True), _words(found, records.BIRTH_DATE)
    return label.Patient(name, _words(found, records.PATIENT_ID), sight.date(birth), [])


def _study(found, modalities, series, objects):
    date = sight.date(_words(found, records.STUDY_DATE))
    kinds = ", ".join(sorted(each for each in modalities if each))
    return label.Study(date, kinds, _words(found, records.STUDY_DESCRIPTION), len(series), objects)


def _words(found, tag, is_name=False):
    charsets = text.terms(found.values.get(survey.CHARSETS, b""))
    return text.printable((text.split(found.values.get(tag, b""), charsets, is_name) or [""])[0].strip("\0 "))


def places(order, settings, export, number, of, path):
    """Return (path of the label, path of the cover sheet) of a volume, which lies at `path`."""
    if order.kind in (BURNER, USB):
        folder = settings.media.export_dir or os.path.join(settings.box.state_dir, "exports")
        stem = os.path.join(folder, "export-%d" % export + ("-%d-%d" % (number, of) if of > 1 else ""))
    else:
        stem = path  # with its suffix: an archive and an image may share what stands before it, and have each their own
    return stem + "-label.pdf", stem + "-cover.pdf"


def draw(volume, settings, path):
    """Draw both of a volume.Volume that lies at `path`; return their paths, none where they cannot be drawn."""
    order, about = volume.order, volume.about
    found = places(order, settings, volume.staging.number, volume.number, volume.of, path)
    told = label.Volume(
        volume.identifier, volume.number, volume.of, about.made, about.institution, not is_sealed(order),
        is_protected(order), volume.contents.patients(),
    )  # fmt: skip
    try:
        os.makedirs(os.path.dirname(found[0]), 0o700, exist_ok=True)
        for words in label.write(told, *found):
            volume.note("the label: " + words)
    except (MediaError, OSError) as error:
        volume.note("there is no label: %s" % error)
        return ()
    return list(found)
