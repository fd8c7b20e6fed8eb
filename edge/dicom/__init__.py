"""DICOM data sets and Part 10 files, sans-IO, on CPython and MicroPython (PS3.5, PS3.6, PS3.10)."""
