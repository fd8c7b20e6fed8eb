"""Objects for file-sets: one of each kind that a directory record is for, and any image, as small Part 10 files."""

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CT = "1.2.840.10008.5.1.4.1.1.2"
STORAGE = "1.2.840.10008.5.1.4."


def _items(**elements):
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return Sequence([item])


def code(value="113000", scheme="DCM", meaning="Of Interest"):
    """A coded concept, as the one item of a sequence."""
    return _items(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _content():
    modifier = _items(
        RelationshipType="HAS CONCEPT MOD", ValueType="CODE",
        ConceptNameCodeSequence=code("121049", "DCM", "Language"),
        ConceptCodeSequence=code("eng", "RFC5646", "English"),
    )  # fmt: skip
    text = _items(
        RelationshipType="CONTAINS", ValueType="TEXT", TextValue="nothing to see",
        ConceptNameCodeSequence=code("121071", "DCM", "Finding"),
    )  # fmt: skip
    return Sequence([modifier[0], text[0]])


_DATED = {"ContentDate": "20260302", "ContentTime": "101600"}
_LABELLED = {**_DATED, "ContentLabel": "LABEL", "ContentDescription": "what it is", "ContentCreatorName": "Maker^Of"}
_REFERENCED = _items(
    SeriesInstanceUID="1.2.3.4",
    ReferencedImageSequence=_items(ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID="1.2.3.4.5"),
)
_REPORT = {
    **_DATED, "CompletionFlag": "COMPLETE", "VerificationFlag": "VERIFIED", "ConceptNameCodeSequence": code(),
    "VerifyingObserverSequence": _items(VerificationDateTime="20260302101700", VerifyingObserverName="Judge^A"),
    "ContentSequence": _content(),
}  # fmt: skip

# record type -> (SOP Class, without STORAGE; modality; what its objects have beside what all have)
KINDS = {
    "IMAGE": ("1.1.2", "CT", {"ImageType": ["ORIGINAL", "PRIMARY"], "Rows": 4, "Columns": 4}),
    "RT DOSE": ("1.1.481.2", "RTDOSE", {"DoseSummationType": "PLAN"}),
    "RT STRUCTURE SET": ("1.1.481.3", "RTSTRUCT", {"StructureSetLabel": "SET", "StructureSetDate": "20260302"}),
    "RT PLAN": ("1.1.481.5", "RTPLAN", {"RTPlanLabel": "PLAN", "RTPlanTime": "101600"}),
    "RT TREAT RECORD": ("1.1.481.4", "RTRECORD", {"TreatmentDate": "20260302", "TreatmentTime": "101600"}),
    "PRESENTATION": (
        "1.1.11.1",
        "PR",
        {
            "PresentationCreationDate": "20260302", "PresentationCreationTime": "101600", "ContentLabel": "LABEL",
            "ContentDescription": "", "ContentCreatorName": "Maker^Of", "ReferencedSeriesSequence": _REFERENCED,
        },
    ),
    "WAVEFORM": ("1.1.9.1.1", "ECG", _DATED),
    "SR DOCUMENT": ("1.1.88.33", "SR", _REPORT),
    "KEY OBJECT DOC": ("1.1.88.59", "KO", {**_DATED, "ConceptNameCodeSequence": code(), "ContentSequence": _content()}),
    "SPECTROSCOPY": (
        "1.1.4.2",
        "MR",
        {
            **_DATED, "ImageType": ["ORIGINAL", "PRIMARY", "SPECTROSCOPY", "NONE"], "NumberOfFrames": 1, "Rows": 1,
            "Columns": 1, "DataPointRows": 1, "DataPointColumns": 2,
            "ReferencedImageEvidenceSequence": _items(
                StudyInstanceUID="1.2.3",
                ReferencedSeriesSequence=_items(
                    SeriesInstanceUID="1.2.3.4",
                    ReferencedSOPSequence=_items(ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID="1.2.3.4.5"),
                ),
            ),
        },
    ),
    "RAW DATA": ("1.1.66", "OT", _DATED),
    "REGISTRATION": ("1.1.66.1", "REG", _LABELLED),
    "FIDUCIAL": ("1.1.66.2", "FID", _LABELLED),
    "HANGING PROTOCOL": (
        "38.1",
        "",
        {
            "HangingProtocolName": "CHEST", "HangingProtocolDescription": "two views", "HangingProtocolLevel": "SITE",
            "HangingProtocolCreator": "Maker^Of", "HangingProtocolCreationDateTime": "20260302101600",
            "HangingProtocolDefinitionSequence": _items(
                Modality="CT", ProcedureCodeSequence=code(), ReasonForRequestedProcedureCodeSequence=code()
            ),
            "NumberOfPriorsReferenced": 1, "HangingProtocolUserIdentificationCodeSequence": [],
        },
    ),
    "ENCAP DOC": (
        "1.1.104.1",
        "DOC",
        {**_DATED, "DocumentTitle": "Letter", "ConceptNameCodeSequence": code("18748-4", "LN", "Report"),
         "EncapsulatedDocument": b"%PDF-1.4 ", "MIMETypeOfEncapsulatedDocument": "application/pdf"},
    ),
    "VALUE MAP": ("1.1.67", "RWV", _LABELLED),
    "STEREOMETRIC": ("1.1.77.1.5.3", "SMR", _LABELLED),
    "PALETTE": ("39.1", "", {"ContentLabel": "LABEL", "ContentDescription": "what it is"}),
    "IMPLANT": (
        "43.1", "", {"Manufacturer": "Maker", "ImplantName": "Hip", "ImplantSize": "L", "ImplantPartNumber": "7"},
    ),
    "IMPLANT ASSY": (
        "44.1",
        "",
        {"ImplantAssemblyTemplateName": "Hip", "Manufacturer": "Maker", "ProcedureTypeCodeSequence": code()},
    ),
    "IMPLANT GROUP": ("45.1", "", {"ImplantTemplateGroupName": "Hips", "ImplantTemplateGroupIssuer": "Maker"}),
    "PLAN": ("34.7", "PLAN", {}),
    "MEASUREMENT": ("1.1.78.1", "LEN", _LABELLED),
    "SURFACE": ("1.1.66.5", "SEG", _LABELLED),
    "SURFACE SCAN": ("1.1.68.1", "OSS", _DATED),
    "TRACT": ("1.1.66.6", "MR", _LABELLED),
    "ASSESSMENT": ("1.1.90.1", "ASMT", {"InstanceCreationDate": "20260302", "InstanceCreationTime": "101600"}),
    "RADIOTHERAPY": (
        "1.1.481.10",
        "RTINTENT",
        {"UserContentLabel": "LABEL", "UserContentLongLabel": "a longer one", "ContentDescription": "",
         "ContentCreatorName": "Maker^Of"},
    ),
    "ANNOTATION": ("1.1.91.1", "ANN", _LABELLED),
}  # fmt: skip


def data_set(kind="IMAGE", **more):
    """A data set that a record of `kind` is for; more: values of further elements by keyword, None to leave one out."""
    sop_class, modality, own = KINDS[kind]
    ds = Dataset()
    ds.SOPClassUID = STORAGE + sop_class
    ds.SOPInstanceUID = generate_uid()
    every = {"Modality": modality}
    if modality:
        every.update(
            StudyDate="20260301", StudyTime="101500", AccessionNumber="A1", StudyDescription="Study",
            PatientName="Doe^Jane", PatientID="P1", StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.4." + str(
                list(KINDS).index(kind) + 1), StudyID="S1", SeriesNumber="1", InstanceNumber="1",
        )  # fmt: skip
    for keyword, value in {**every, **own, **more}.items():
        if value is None or value == "" and keyword == "Modality":
            if keyword in ds:
                delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def octets(ds, syntax=ExplicitVRLittleEndian):
    """The Part 10 file of a data set."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", CT)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2")
    ds.file_meta.TransferSyntaxUID = syntax
    buffer = pydicom.filebase.DicomBytesIO()
    little, implicit = syntax != "1.2.840.10008.1.2.2", syntax == "1.2.840.10008.1.2"
    buffer.is_little_endian, buffer.is_implicit_VR = little, implicit
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def write(path, kind="IMAGE", syntax=ExplicitVRLittleEndian, **more):
    """Write such an object to `path`, a Path; return its data set."""
    ds = data_set(kind, **more)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets(ds, syntax))
    return ds
