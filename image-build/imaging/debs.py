"""Debian packages unpacked into a folder: their files, without what nobody on a box reads."""

import concurrent.futures
import os
import shutil
from pathlib import Path

from imaging import steps

# What is left out everywhere; the copyright files stay, which the licences ask for.
LEFT_OUT = (
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/bug",
    "usr/share/bash-completion",
    "usr/share/zsh",
    "usr/share/fish",
    "usr/share/polkit-1",
    "usr/share/i18n",
    "usr/share/icons",
    "usr/share/applications",
    "usr/share/gtk-doc",
    "usr/share/doc-base",
    "usr/share/perl5",
    "usr/share/initramfs-tools",
    "usr/lib/udev/hwdb.d",
    "usr/share/zoneinfo/right",
    "usr/share/zoneinfo/posix",
)


def unpack(paths, folder):
    """Unpack the files of packages into `folder`, the first one before all others: it makes the links of /bin and /lib."""
    paths = list(paths)
    folder.mkdir(parents=True, exist_ok=True)
    if not paths:
        return
    steps.run("dpkg-deb", "-x", paths[0], folder)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda path: steps.run("dpkg-deb", "-x", path, folder), paths[1:]))


def prune(folder):
    """Remove what nobody on a box reads."""
    for each in LEFT_OUT:
        shutil.rmtree(folder / each, ignore_errors=True)
    doc = folder / "usr/share/doc"
    for path in sorted(doc.glob("*")) if doc.is_dir() else ():
        if path.is_symlink():
            continue
        for inner in sorted(path.rglob("*"), reverse=True):
            if inner.name == "copyright" and not inner.is_dir():
                continue
            if inner.is_dir() and not inner.is_symlink():
                if not any(inner.iterdir()):
                    inner.rmdir()
            else:
                inner.unlink()


def size_bytes(folder):
    """Return what the files below `folder` take."""
    return sum(path.lstat().st_size for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink())
