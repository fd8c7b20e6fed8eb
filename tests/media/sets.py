"""File-sets for tests: files in, a DICOMDIR made, and what foreign programs say about it."""

import subprocess
import warnings

import pydicom
from pydicom.fileset import FileSet

from edge.media import directory, survey, walk


def make(root, extra=None, name="DICOMDIR"):
    """Make the directory of all files below `root`, whose names are File IDs; return (its path, what was noted)."""
    path = root / name
    notes = {}
    writer = directory.Writer(str(path), "TEST", extra)
    surveyor = survey.Surveyor(extra)
    for file in sorted(each for each in root.rglob("*") if each.is_file() and each != path):
        file_id = file.relative_to(root).parts
        notes["/".join(file_id)] = writer.add(surveyor.look(file), file_id)
    writer.finish()
    return path, notes


def validated(path):
    """What dciodvfy says of a directory, line by line."""
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, errors="replace")
    return [line for line in done.stderr.splitlines() if line != "BasicDirectory"]


def dumped(path):
    """What DCMTK prints of the structure of a directory; fails where DCMTK complains."""
    done = subprocess.run(["dcdirdmp", str(path)], capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def loaded(path):
    """pydicom's FileSet of a directory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return FileSet(pydicom.dcmread(path))


def walked(path):
    """(records, defects) of our own walk."""
    with walk.Directory(str(path)) as opened:
        found = list(opened.walk())
    records = [each for each in found if isinstance(each, walk.Record)]
    return records, [each for each in found if isinstance(each, walk.Defect)]
