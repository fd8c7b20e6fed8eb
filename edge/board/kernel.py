"""What the kernel says in its files: text and numbers, "" and None where it says nothing."""

import os


def names(folder):
    """Return the names in a folder, none where it is not there."""
    try:
        return os.listdir(folder)
    except OSError:
        return ()


def text(path):
    """Return what stands in a file of the kernel, "" where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(65536).decode("ascii", "replace").strip()
    except OSError:
        return ""


def number(words, read=int):
    """Return the number that `read` makes of words, None where they are none."""
    try:
        return read(words)
    except ValueError:
        return None
