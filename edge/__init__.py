"""A DICOM edge appliance: receive from an old modality, keep, and forward to every destination."""

VERSION = "0.1.0"
