"""Directory records: which one references an object, where it stands, and which keys it carries (PS3.3 F.4, F.5).

A key is (tag, type). Type "1": always there, with a value; "2": always there, perhaps empty; "1C": there with a value
where the object has the element, but for the two of a structured report whose conditions stand at them. Specific
Character Set, 1C everywhere, is not listed: the writer sees for itself whether a record needs it. What the standard
only permits (type 3) is left out.
"""

from edge.dicom import uid

PATIENT, STUDY, SERIES, IMAGE = "PATIENT", "STUDY", "SERIES", "IMAGE"

PATIENT_NAME, PATIENT_ID = 0x00100010, 0x00100020
BIRTH_DATE, SEX = 0x00100030, 0x00100040
STUDY_DATE, STUDY_TIME, ACCESSION, STUDY_DESCRIPTION = 0x00080020, 0x00080030, 0x00080050, 0x00081030
STUDY_UID, STUDY_ID = 0x0020000D, 0x00200010
MODALITY, SERIES_UID, SERIES_NUMBER = 0x00080060, 0x0020000E, 0x00200011
SERIES_DESCRIPTION = 0x0008103E
INSTANCE_NUMBER = 0x00200013
IMAGE_TYPE = 0x00080008
CONTENT_DATE, CONTENT_TIME = 0x00080023, 0x00080033
CONTENT_LABEL, CONTENT_DESCRIPTION, CONTENT_CREATOR = 0x00700080, 0x00700081, 0x00700084
CREATION_DATE, CREATION_TIME = 0x00080012, 0x00080013
CONCEPT_NAME = 0x0040A043
VERIFICATION_FLAG = 0x0040A493
VERIFIED_AT = 0x0040A030  # 1C: where the Verification Flag is VERIFIED, the latest of the verifying observers
VERIFYING_OBSERVERS = 0x0040A073
CONTENT_SEQUENCE = 0x0040A730  # 1C: those items alone that modify the title (HAS CONCEPT MOD)
MANUFACTURER = 0x00080070

_IDENTIFICATION = (  # Content Identification Macro
    (INSTANCE_NUMBER, "1"),
    (CONTENT_LABEL, "1"),
    (CONTENT_DESCRIPTION, "2"),
    (CONTENT_CREATOR, "2"),
)
_NUMBERED = ((INSTANCE_NUMBER, "1"), (CONTENT_DATE, "1"), (CONTENT_TIME, "1"))
_IDENTIFIED = ((CONTENT_DATE, "1"), (CONTENT_TIME, "1")) + _IDENTIFICATION

# record type -> its keys
KEYS = {
    PATIENT: ((PATIENT_NAME, "2"), (PATIENT_ID, "1")),
    STUDY: (
        (STUDY_DATE, "1"),
        (STUDY_TIME, "1"),
        (ACCESSION, "2"),
        (STUDY_DESCRIPTION, "2"),
        (STUDY_UID, "1"),  # 1C, where no file is referenced at this level, and none ever is
        (STUDY_ID, "1"),
    ),
    SERIES: ((MODALITY, "1"), (SERIES_UID, "1"), (SERIES_NUMBER, "1")),
    IMAGE: ((INSTANCE_NUMBER, "1"),),
    "RT DOSE": ((INSTANCE_NUMBER, "1"), (0x3004000A, "1")),  # Dose Summation Type
    "RT STRUCTURE SET": ((INSTANCE_NUMBER, "1"), (0x30060002, "1"), (0x30060008, "2"), (0x30060009, "2")),
    "RT PLAN": ((INSTANCE_NUMBER, "1"), (0x300A0002, "1"), (0x300A0006, "2"), (0x300A0007, "2")),
    "RT TREAT RECORD": ((INSTANCE_NUMBER, "1"), (0x30080250, "2"), (0x30080251, "2")),
    "PRESENTATION": (
        (0x00081115, "1C"),  # Referenced Series Sequence
        (0x00700082, "1"),  # Presentation Creation Date, Time
        (0x00700083, "1"),
        (0x00700402, "1C"),  # Blending Sequence
        *_IDENTIFICATION,
    ),
    "WAVEFORM": _NUMBERED,
    "SR DOCUMENT": (
        *_NUMBERED,
        (0x0040A491, "1"),  # Completion Flag
        (VERIFICATION_FLAG, "1"),
        (VERIFIED_AT, "1C"),
        (CONCEPT_NAME, "1"),
        (CONTENT_SEQUENCE, "1C"),
    ),
    "KEY OBJECT DOC": (*_NUMBERED, (CONCEPT_NAME, "1"), (CONTENT_SEQUENCE, "1C")),
    "SPECTROSCOPY": (
        (IMAGE_TYPE, "1"),
        (CONTENT_DATE, "1"),
        (CONTENT_TIME, "1"),
        (INSTANCE_NUMBER, "1"),
        (0x00089092, "1C"),  # Referenced Image Evidence Sequence
        (0x00280008, "1"),  # Number of Frames, Rows, Columns, Data Point Rows and Columns
        (0x00280010, "1"),
        (0x00280011, "1"),
        (0x00289001, "1"),
        (0x00289002, "1"),
    ),
    "RAW DATA": ((CONTENT_DATE, "1"), (CONTENT_TIME, "1"), (INSTANCE_NUMBER, "2")),
    "REGISTRATION": _IDENTIFIED,
    "FIDUCIAL": _IDENTIFIED,
    "HANGING PROTOCOL": (
        (0x00720002, "1"),  # Name, Description, Level, Creator, Creation DateTime, Definition Sequence
        (0x00720004, "1"),
        (0x00720006, "1"),
        (0x00720008, "1"),
        (0x0072000A, "1"),
        (0x0072000C, "1"),
        (0x0072000E, "2"),  # User Identification Code Sequence
        (0x00720014, "1"),  # Number of Priors Referenced
    ),
    "ENCAP DOC": (
        (CONTENT_DATE, "2"),
        (CONTENT_TIME, "2"),
        (INSTANCE_NUMBER, "1"),
        (CONCEPT_NAME, "2"),
        (0x0040E001, "1C"),  # HL7 Instance Identifier
        (0x00420010, "2"),  # Document Title
        (0x00420012, "1"),  # MIME Type of Encapsulated Document
    ),
    "VALUE MAP": _IDENTIFIED,
    "STEREOMETRIC": (  # none in the standard of today; those of former editions where an object has them
        (INSTANCE_NUMBER, "1C"),
        (CONTENT_LABEL, "1C"),
        (CONTENT_DESCRIPTION, "2"),
        (CONTENT_CREATOR, "2"),
    ),
    "PALETTE": ((CONTENT_LABEL, "1"), (CONTENT_DESCRIPTION, "2")),
    "IMPLANT": ((MANUFACTURER, "1"), (0x00221095, "1"), (0x00686210, "1C"), (0x00221097, "1")),
    "IMPLANT ASSY": ((MANUFACTURER, "1"), (0x00760001, "1"), (0x00760020, "1")),
    "IMPLANT GROUP": ((0x00780001, "1"), (0x00780020, "1")),
    "PLAN": (),
    "MEASUREMENT": _IDENTIFIED,
    "SURFACE": _IDENTIFIED,
    "SURFACE SCAN": ((CONTENT_DATE, "1"), (CONTENT_TIME, "1")),
    "TRACT": _IDENTIFIED,
    "ASSESSMENT": ((INSTANCE_NUMBER, "1"), (CREATION_DATE, "1"), (CREATION_TIME, "2")),
    "RADIOTHERAPY": (
        (INSTANCE_NUMBER, "1"),
        (CONTENT_DESCRIPTION, "2"),
        (CONTENT_CREATOR, "2"),
        (0x30100033, "1C"),  # User Content Label, Long Label
        (0x30100034, "1C"),
    ),
    "ANNOTATION": _IDENTIFIED,
}

# What stands in the root directory entity, beside patients; everything else that references files is below a series
TOP_LEVEL = ("HANGING PROTOCOL", "PALETTE", "IMPLANT", "IMPLANT ASSY", "IMPLANT GROUP")
BELOW = {PATIENT: STUDY, STUDY: SERIES}
# Records of former editions (PS3.3 F.4), which a reader may still meet
RETIRED = (
    "PRINT QUEUE", "FILM SESSION", "FILM BOX", "IMAGE BOX", "OVERLAY", "MODALITY LUT", "VOI LUT", "CURVE", "TOPIC",
    "VISIT", "RESULTS", "INTERPRETATION", "STUDY COMPONENT", "STORED PRINT", "MRDR", "HL7 STRUC DOC",
)  # fmt: skip
OTHER = ("PRIVATE", "INVENTORY")

_ROOT = "1.2.840.10008.5.1.4."
_IMAGES = _ROOT + "1.1."
# record type -> the SOP Classes it references, without _ROOT; those that end in a dot are all that begin so
_CLASSES = (
    ("PRESENTATION", "1.1.11. 1.1.131"),
    ("WAVEFORM", "1.1.9."),
    ("SR DOCUMENT", "1.1.88. 1.1.78.6 1.1.79.1"),
    ("KEY OBJECT DOC", "1.1.88.59"),
    ("SPECTROSCOPY", "1.1.4.2"),
    ("RAW DATA", "1.1.66"),
    ("REGISTRATION", "1.1.66.1 1.1.66.3"),
    ("FIDUCIAL", "1.1.66.2"),
    ("SURFACE", "1.1.66.5"),
    ("TRACT", "1.1.66.6"),
    ("VALUE MAP", "1.1.67"),
    ("SURFACE SCAN", "1.1.68."),
    ("STEREOMETRIC", "1.1.77.1.5.3"),
    ("MEASUREMENT", "1.1.78. 1.1.80.1"),
    ("ASSESSMENT", "1.1.90.1"),
    ("ANNOTATION", "1.1.91.1"),
    ("ENCAP DOC", "1.1.104."),
    ("RT DOSE", "1.1.481.2"),
    ("RT STRUCTURE SET", "1.1.481.3"),
    ("RT PLAN", "1.1.481.5 1.1.481.8"),
    ("RT TREAT RECORD", "1.1.481.4 1.1.481.6 1.1.481.7 1.1.481.9"),
    (
        "RADIOTHERAPY",
        "1.1.481.10 1.1.481.11 1.1.481.12 1.1.481.13 1.1.481.14 1.1.481.15 1.1.481.16 1.1.481.17 1.1.481.18"
        " 1.1.481.19 1.1.481.20 1.1.481.21 1.1.481.22 1.1.481.25",
    ),
    ("PLAN", "34.1 34.7 34.10"),
    ("HANGING PROTOCOL", "38.1"),
    ("PALETTE", "39.1"),
    ("IMPLANT", "43.1"),
    ("IMPLANT ASSY", "44.1"),
    ("IMPLANT GROUP", "45.1"),
)
# Storage classes that no record in use is for: retired, or kept out of directories (protocols, inventories)
_NONE = (
    "1.1.8 1.1.9 1.1.9.1 1.1.10 1.1.11 1.1.129 1.1.88.1 1.1.88.2 1.1.88.3 1.1.88.4 1.1.200. 1.1.201."
)

_EXACT = {}
_BEGINNINGS = []
for _type, _names in (*_CLASSES, (None, _NONE)):
    for _name in _names.split():
        if _name.endswith("."):
            _BEGINNINGS.append((_ROOT + _name, _type))
        else:
            _EXACT[_ROOT + _name] = _type
_known = {}


def record_type(sop_class):
    """Return the type of the record that references objects of `sop_class` (str), or None where there is none for it.

    Every other storage SOP Class of the standard is an image; a private or unknown one has no record.
    """
    found = _known.get(sop_class, "")
    if found == "":
        if len(_known) > 1000:
            _known.clear()
        found = _known[sop_class] = _look_up(sop_class)
    return found


def _look_up(sop_class):
    if sop_class in _EXACT:
        return _EXACT[sop_class]
    for beginning, found in _BEGINNINGS:
        if sop_class.startswith(beginning):
            return found
    return IMAGE if sop_class.startswith(_IMAGES) and uid.is_storage(sop_class) else None


def may_stand_below(record, parent):
    """Say whether a record of the type `record` may stand below one of the type `parent` (None: in the root entity)."""
    if record == "PRIVATE":
        return True
    if parent is None:
        return record == PATIENT or record in TOP_LEVEL or record in OTHER
    if parent in BELOW:
        return record == BELOW[parent]
    return parent == SERIES and record in KEYS and record not in (PATIENT, STUDY, SERIES) and record not in TOP_LEVEL


def references(record):
    """Say whether records of this type reference files."""
    return record not in (PATIENT, STUDY, SERIES)
