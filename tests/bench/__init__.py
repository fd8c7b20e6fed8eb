"""Measure the box against other DICOM software on the same machine, in the same run: python -m tests.bench."""
