"""Names and values that nobody should have written: what stands in the directory instead, and that it is said."""

import pydicom
import pytest

from edge.media import examine, fit, survey
from edge.media.errors import MediaError, NotDicom
from tests.media import sets
from tests.support import mediafiles

_NAMES = {
    # character set -> a name in it
    "ISO_IR 192": "Müller^Jörg=山田^太郎=やまだ^たろう",
    "ISO_IR 100": "Müller^Jörg",
    "ISO_IR 127": "قباني^لنزار",
    "ISO_IR 166": "นามสกุล^ชื่อ",
    ("", "ISO 2022 IR 87"): "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ("ISO 2022 IR 13", "ISO 2022 IR 87"): "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ("", "ISO 2022 IR 149"): "Hong^Gildong=洪^吉洞=홍^길동",
    "GB18030": "Wang^XiaoDong=王^小东",
}


@pytest.mark.parametrize("terms", _NAMES, ids=str)
def test_a_name_keeps_its_characters_and_its_character_set(tmp_path, terms):
    name = _NAMES[terms]
    charset = list(terms) if isinstance(terms, tuple) else terms
    ds = mediafiles.write(tmp_path / "I1", SpecificCharacterSet=charset, PatientName=name, StudyDescription="plain")
    path, notes = sets.make(tmp_path)
    assert notes == {"I1": []}
    patient, study, *_ = pydicom.dcmread(path).DirectoryRecordSequence
    assert patient.PatientName == ds.PatientName and str(patient.PatientName) == name
    assert "SpecificCharacterSet" in patient and ("SpecificCharacterSet" in study) == ("13" in str(terms))
    assert sets.validated(path) == []
    assert str(next(iter(sets.loaded(path))).PatientName) == name


_HOSTILE = {
    # keyword: (value, what the record has instead)
    "PatientID": ("../../ETC/PASSWD; rm -rf /", "../../ETC/PASSWD; rm -rf /"),
    "PatientName": ("A" * 70 + "^" + "B" * 70, "A" * 64),
    "StudyDescription": ("<script>alert(1)</script>\x1b[2J\x07", "<script>alert(1)</script>[2J"),
    "StudyID": ("X" * 40, "X" * 16),
    "AccessionNumber": ("one\\two", "one/two"),
    "StudyDate": ("1999.12.31", "19991231"),
    "StudyTime": ("23:59:58", "235958"),
    "Modality": ("ct!", "CT_"),
    "SeriesNumber": ("1.0", "1"),
    "InstanceNumber": ("seven", "1"),
}


@pytest.fixture
def hostile(tmp_path):
    ds = mediafiles.data_set()
    for keyword, (value, _) in _HOSTILE.items():
        tag = pydicom.datadict.tag_for_keyword(keyword)
        octets = value.encode() + b" " * (len(value) & 1)
        ds._dict[pydicom.tag.Tag(tag)] = pydicom.dataelem.RawDataElement(
            pydicom.tag.Tag(tag), pydicom.datadict.dictionary_VR(tag), len(octets), octets, 0, False, True
        )
    (tmp_path / "I1").write_bytes(mediafiles.octets(ds))
    return tmp_path


def test_what_does_not_fit_is_made_to_and_every_change_is_said(hostile):
    path, notes = sets.make(hostile)
    whole = pydicom.Dataset()
    for record in pydicom.dcmread(path).DirectoryRecordSequence:
        whole.update(record)
    for keyword, (value, wanted) in _HOSTILE.items():
        assert str(whole[keyword].value) == wanted, keyword
        assert (value == wanted) != any(keyword in each for each in notes["I1"]), keyword
    assert not [line for line in sets.validated(path) if "Retired Person Name form" not in line]  # of one component
    sets.dumped(path)
    assert [each.code for each in examine.examine(str(hostile))] == []


def test_what_an_old_file_lacks_is_supplied_the_same_each_time_and_said(tmp_path):
    lacking = ("PatientID", "StudyDate", "StudyTime", "StudyID", "SeriesNumber", "InstanceNumber", "Modality",
               "StudyInstanceUID", "SeriesInstanceUID")  # fmt: skip
    for name in ("I1", "I2"):
        mediafiles.write(tmp_path / name, AcquisitionDate="20200102", **dict.fromkeys(lacking))
    before = [(tmp_path / name).read_bytes() for name in ("I1", "I2")]
    path, notes = sets.make(tmp_path)
    for keyword in lacking:
        assert any(keyword in each and "supplied" in each for each in notes["I1"]), keyword
    patient, study, series, one, other = pydicom.dcmread(path).DirectoryRecordSequence
    assert patient.PatientID.startswith("NO-ID-") and study.StudyDate == "20200102" and series.Modality == "OT"
    assert (one.InstanceNumber, other.InstanceNumber) == (1, 2)
    assert [(tmp_path / name).read_bytes() for name in ("I1", "I2")] == before
    assert sets.validated(path) == []
    first = [each.values for each in sets.walked(path)[0]]
    path.unlink()
    assert [each.values for each in sets.walked(sets.make(tmp_path)[0])[0]] == first and len(first) == 5


def test_octets_that_mean_nothing_in_their_character_set_are_shown_as_question_marks():
    assert fit.fit(0x00100010, b"M\xfcller^J\xf6rg") == (b"M?ller^J?rg ", fit.STRAYS)
    assert fit.fit(0x00100010, b"M\xfcller^J\xf6rg", ("ISO_IR 100",)) == (b"M\xfcller^J\xf6rg ", None)
    assert fit.charsets(b"ISO_IR_100") == ("ISO_IR 100",) and fit.charsets(b"LATIN ONE ") == ()


def test_two_patients_of_one_name_stay_two_and_one_of_two_names_is_said(tmp_path):
    mediafiles.write(tmp_path / "I1", PatientID="A", PatientName="Doe^Jane")
    mediafiles.write(tmp_path / "I2", PatientID="B", PatientName="Doe^Jane", StudyInstanceUID="1.9")
    mediafiles.write(tmp_path / "I3", PatientID="A", PatientName="Roe^Jane", StudyInstanceUID="1.8")
    mediafiles.write(tmp_path / "I4", PatientID="A", PatientName="DOE^JANE^^", StudyInstanceUID="1.7")
    path, notes = sets.make(tmp_path)
    kinds = [each.kind for each in sets.walked(path)[0]]
    assert kinds.count("PATIENT") == 3
    assert [bool(notes[name]) for name in ("I1", "I2", "I3", "I4")] == [False, False, True, False]


def test_what_is_no_object_is_refused_in_words(tmp_path):
    files = {
        "EMPTY": (b"", NotDicom, "empty"),
        "TEXT": (b"hello" * 100, NotDicom, "not a DICOM file"),
        "CUT": (bytes(128) + b"DICM\2\0", NotDicom, "ends within"),
        "PRIVATE": (mediafiles.octets(mediafiles.data_set(SOPClassUID="1.2.3.4")), MediaError, "no directory record"),
        "NAMELESS": (mediafiles.octets(mediafiles.data_set(SOPInstanceUID="not a uid")), MediaError, "Instance UID"),
    }
    for name, (octets, kind, words) in files.items():
        (tmp_path / name).write_bytes(octets)
        with pytest.raises(kind, match=words):
            survey.Surveyor().look(str(tmp_path / name))
    with pytest.raises(MediaError, match="cannot be opened"):
        survey.Surveyor().look(str(tmp_path / "NOWHERE"))


def test_the_pixels_of_an_object_are_not_read(tmp_path, monkeypatch):
    import os

    mediafiles.write(tmp_path / "I1", PixelData=bytes(4 << 20), BitsAllocated=16)
    read, real = [], os.preadv

    def counted(fd, buffers, offset):
        done = real(fd, buffers, offset)
        read.append(done)
        return done

    monkeypatch.setattr(os, "preadv", counted)
    found = survey.Surveyor().look(str(tmp_path / "I1"))
    assert sum(read) <= survey.WINDOW_BYTES and found.size > 4 << 20


def test_no_octets_make_the_survey_fail_in_another_way_than_in_words(tmp_path):
    import random

    chance = random.Random(11)
    wholes = [mediafiles.octets(mediafiles.data_set(kind), syntax) for kind in ("IMAGE", "SR DOCUMENT")
              for syntax in (pydicom.uid.ExplicitVRLittleEndian, pydicom.uid.ImplicitVRLittleEndian)]  # fmt: skip
    surveyor = survey.Surveyor()
    for _ in range(300):
        octets = bytearray(chance.choice(wholes))
        for _ in range(chance.choice((1, 4, 30))):
            octets[chance.randrange(128, len(octets))] = chance.randrange(256)
        (tmp_path / "I1").write_bytes(octets[: chance.choice((len(octets), chance.randrange(len(octets))))])
        try:
            found = surveyor.look(str(tmp_path / "I1"))
        except MediaError as error:
            assert str(error)
            continue
        (tmp_path / "DICOMDIR").unlink(missing_ok=True)
        from edge.media import directory

        writer = directory.Writer(str(tmp_path / "DICOMDIR"))
        try:
            writer.add(found, ("I1",))
        except MediaError as error:
            assert str(error)
        writer.finish()
        assert sets.walked(tmp_path / "DICOMDIR")[1] == []
