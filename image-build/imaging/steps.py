"""Steps that say what they do and how long they took, and the programs that they run."""

import contextlib
import hashlib
import os
import subprocess
import time

# One moment for all that is made, unless the environment names another: 2026-01-01 00:00 UTC.
EPOCH_S = int(os.environ.get("SOURCE_DATE_EPOCH", "1767225600"))
_SHOWN_OUTPUT = 2000  # characters of a failed program's last words
_began = time.monotonic()


class BuildError(Exception):
    """The image cannot be made; str() says why and what to do."""


@contextlib.contextmanager
def step(what):
    """Say `what` is done now, and afterwards how long it took; yields a list to which a remark may be added."""
    print(f"{what:<58}", end="", flush=True)
    began, remarks = time.monotonic(), []
    try:
        yield remarks
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - began:6.1f} s  {', '.join(remarks)}".rstrip(), flush=True)


def elapsed_s():
    """Return the seconds since the build began."""
    return time.monotonic() - _began


def run(*command, folder=None, given=None, env=None, output=True):
    """Run a program by its argument list and return what it printed as str; BuildError with its words if it fails.

    given: str for its standard input; env: variables beside those that every program gets; output: False to return
    nothing, for programs that write octets.
    """
    words = [str(each) for each in command]
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if output is False else subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC", "SOURCE_DATE_EPOCH": str(EPOCH_S), **(env or {})},
        )
    except FileNotFoundError:
        raise BuildError(f"{words[0]} is not here; `make image` installs what a build needs") from None
    if done.returncode != 0:
        last = ((done.stderr or "") + done.stdout).strip()[-_SHOWN_OUTPUT:]
        raise BuildError(f"{' '.join(words[:6])} ended with {done.returncode}:\n{last}")
    return done.stdout if output else ""


def digest(path):
    """Return the SHA-256 of a file in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
