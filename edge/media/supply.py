"""What a directory record needs and a file does not have: supplied for the directory alone, and always reported.

Old devices leave out Study ID, Series Number or Patient ID, which a record must have (PS3.11 D.3.3.1 has the file-set's
creator supply them). Dates come from the next best date of the file; numbers count; identifiers are derived from what
there is, so that the same file gets the same one each time.
"""

from edge.dicom import element, tags
from edge.dicom.octets import pad_even
from edge.media import records
from edge.media.errors import MediaError
from edge.media.fit import fit
from edge.media.survey import DATES, TIMES

NO_DATE, NO_TIME = b"19000101", b"000000"
_UNNAMED = b"UNNAMED"
_DATE_KEYS = (records.STUDY_DATE, records.CONTENT_DATE, records.CREATION_DATE, 0x00700082)
_TIME_KEYS = (records.STUDY_TIME, records.CONTENT_TIME, records.CREATION_TIME, 0x00700083)
_COUNTED = (records.STUDY_ID, records.SERIES_NUMBER, records.INSTANCE_NUMBER)
_FIXED = {
    records.MODALITY: b"OT",
    0x0040A491: b"PARTIAL",
    records.VERIFICATION_FLAG: b"UNVERIFIED",
    0x3004000A: b"PLAN",
    0x00420012: b"application/octet-stream",
    records.IMAGE_TYPE: b"DERIVED\\SECONDARY",
    0x00280008: b"1",
}
_OF_INTEREST = ("113000", "DCM", "Of Interest")
_REPORT = ("18748-4", "LN", "Diagnostic Imaging Report")
_BY_VR = {"LO": _UNNAMED, "SH": _UNNAMED, "CS": _UNNAMED, "DT": NO_DATE + NO_TIME, "US": b"\1\0", "UL": b"\1\0\0\0",
          "IS": b"1"}  # fmt: skip


def supplied(tag, kind, values, number):
    """Return the value of the key `tag` for a record of the type `kind` whose file has none; of even length.

    values: of the file, as Surveyed has them; number: which record of its directory entity this is, counted from 1.
    MediaError for a key that only the object's maker can know.
    """
    vr = tags.vr(tag)
    if tag in _DATE_KEYS:
        return _first(values, (records.STUDY_DATE, *DATES)) or NO_DATE
    if tag in _TIME_KEYS:
        return _first(values, (records.STUDY_TIME, *TIMES)) or NO_TIME
    if tag in _COUNTED:
        value = b"%d" % number
    elif tag == records.PATIENT_ID:
        value = b"NO-ID-%08X" % _digest(values, (records.PATIENT_NAME, records.BIRTH_DATE, records.STUDY_UID), 4)
    elif tag in (records.STUDY_UID, records.SERIES_UID):
        value = _derived(tag, values)
    elif tag == records.CONCEPT_NAME:
        return _code(_OF_INTEREST if kind == "KEY OBJECT DOC" else _REPORT)
    else:
        value = _FIXED.get(tag) or _BY_VR.get(vr)
        if value is None:
            raise MediaError("it lacks %s, which its directory record needs and nobody else can know" % named(tag))
    return pad_even(value, element.filler(vr))


def named(tag):
    """Return a key as people know it: StudyID (0020,0010)."""
    from edge.dicom import keywords

    return "%s %s" % (keywords.keyword(tag) or "element", element.name(tag))


def _first(values, candidates):
    for tag in candidates:
        octets, _ = fit(tag, values.get(tag, b""))
        if octets:
            return octets
    return b""


def _digest(values, of, octets):
    import hashlib  # only for files that lack what nearly all have

    digest = hashlib.sha256()
    for tag in of:
        value = values.get(tag, b"").strip(b"\0 ")
        digest.update(b"%d:" % len(value) + value)
    return int.from_bytes(digest.digest()[:octets], "big")


def _derived(tag, values):
    """Return a UID made of what says which study or series this is."""
    of = [records.PATIENT_ID, records.PATIENT_NAME, records.STUDY_UID, records.STUDY_DATE, records.STUDY_TIME]
    of += [records.STUDY_ID, records.ACCESSION]
    if tag == records.SERIES_UID:
        of += [records.MODALITY, records.SERIES_NUMBER]
    return b"2.25.%d" % _digest(values, of, 16)


def _code(code):
    value, scheme, meaning = code
    body = b""
    for tag, vr, word in ((0x00080100, "SH", value), (0x00080102, "SH", scheme), (0x00080104, "LO", meaning)):
        octets = pad_even(word.encode(), b" ")
        body += element.write(tag, vr, len(octets)) + octets
    return element.write(element.ITEM, "", len(body)) + body
