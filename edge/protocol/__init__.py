"""The DICOM Upper Layer and DIMSE, sans-IO, on CPython and MicroPython (PS3.7, PS3.8)."""
