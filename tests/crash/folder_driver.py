"""A small program that delivers the objects of a spool into a folder, and says of each when it is delivered.

    python -m tests.crash.folder_driver FILES FOLDER

FILES is a folder of Part 10 files. Every line on standard output is "delivered UID", in one write.
"""

import os
import sys
from pathlib import Path

from edge.dicom import part10
from edge.forward.folder import FolderTarget
from edge.forward.parcel import Desk
from edge.forward.target import Delivered
from edge.morph import layout
from edge.spool.checksum import crc32
from edge.spool.tables import Job


def jobs(folder):
    """Yield a Job, and the path of its file, for each file of a folder."""
    for number, path in enumerate(sorted(Path(folder).iterdir())):
        octets = path.read_bytes()
        reader = part10.HeadReader()
        reader.feed(octets)
        meta, at = reader.meta, reader.data_set_offset
        yield Job(
            number, "share", 1, 0, meta.sop_instance, 1, meta.sop_class, meta.transfer_syntax, str(path), at,
            len(octets) - at, crc32(octets[at:]), "", "CT1", "EDGE", "", 0.0,
        )  # fmt: skip


def main():
    """Run as the command line says."""
    files, folder = sys.argv[1:]
    desk = Desk()
    target = FolderTarget(folder, layout.read("{PatientID}/{StudyInstanceUID}/{SOPInstanceUID}.dcm"), "EDGE", "driver")
    due = list(jobs(files))
    target.open(due)
    for job, outcome in target.deliver(desk.open(job.path, job) for job in due):
        if isinstance(outcome, Delivered):
            os.write(1, b"delivered %s\n" % job.uid.encode("ascii"))
    target.close()


if __name__ == "__main__":
    main()
