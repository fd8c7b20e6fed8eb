"""Tests of edge/dicom: plain functions with bare asserts, run by CPython and by MicroPython."""
