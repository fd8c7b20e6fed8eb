"""A folder as a file that depends on nothing but the names and contents in it."""

import hashlib
import os
import tarfile
from pathlib import Path


def tidy(folder, date):
    """Give all in `folder` plain modes and one time (s since 1970)."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            runs = path.is_dir() or os.access(path, os.X_OK) and path.suffix == "" and path.parent == folder
            path.chmod(0o755 if runs else 0o644)
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (date, date), follow_symlinks=False)


def pack(folder, target, date):
    """Write `folder` as a tar archive, sorted, owned by root; return its SHA-256 in hexadecimal."""

    def plain(member):
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = date
        return member

    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:
        for path in [folder, *sorted(folder.rglob("*"))]:
            archive.add(path, str(Path(folder.name, path.relative_to(folder))), recursive=False, filter=plain)
    with open(target, "rb") as made:
        return hashlib.file_digest(made, "sha256").hexdigest()
