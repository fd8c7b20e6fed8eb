"""The root's folder: packages, the overlays of all boards and of this one, the program, and what settles them."""

import re
import shutil
from pathlib import Path

from imaging import boards, debs, lock, settle, steps
from imaging.steps import BuildError


def unpack(folder, packages, files):
    """Unpack the root's packages; `files` is {name: path}."""
    shutil.rmtree(folder, ignore_errors=True)
    names = sorted((each.name for each in packages if each.role == "root"), key=lambda name: (name != "base-files", name))
    debs.unpack([files[name] for name in names], folder)
    debs.prune(folder)


def keep_firmware(folder, board):
    """Leave out what the packages of firmware have for other boards. What lies in an overlay stays: it comes later."""
    patterns = boards.value(board, "network.firmware_files", ())
    if not patterns:
        return
    patterns = [*patterns, "regulatory.db*"]  # which channels a country allows, whatever the card
    files = [path for path in folder.glob("usr/lib/firmware/**/*") if path.is_symlink() or path.is_file()]
    for path in files:
        if not any(path.match(pattern) for pattern in patterns):
            path.unlink()


def lay_over(folder, board):
    """Copy what lies in image-build/overlay and in the board's own overlay over the root."""
    for source in (lock.HERE / "overlay", board.folder / "overlay"):
        if source.is_dir():
            shutil.copytree(source, folder, symlinks=True, dirs_exist_ok=True)


def put_units(folder, board):
    """Put the units of the service and its stewards into the root, and what RAUC knows of the box."""
    limit = boards.value(board, "limits.memory_mib")
    steps.run(lock.HERE / "units/put", folder, *([limit] if limit else []))
    if not boards.value(board, "gpio") and not boards.value(board, "leds"):
        for path in folder.glob("usr/lib/systemd/system/edge-steward-lamps.*"):
            path.unlink()  # nothing to light: no process that starts to find that out
    (folder / "etc/rauc").mkdir(parents=True, exist_ok=True)
    config = (lock.HERE / "rauc/system.conf").read_text(encoding="utf-8")
    (folder / "etc/rauc/system.conf").write_text(config.replace("@BOARD@", board.name), encoding="utf-8")
    backend = folder / "usr/lib/rauc/bootstate"
    backend.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(lock.HERE / "rauc/bootstate", backend)
    backend.chmod(0o755)


def certificates(path):
    """Read the certificates by which updates are believed; return them as PEM and nothing else.

    Raises BuildError where the file cannot be read, has none, or has a private key, which belongs into no image.
    """
    try:
        octets = Path(path).read_bytes()
    except OSError as error:
        raise BuildError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    if b"PRIVATE KEY" in octets:
        raise BuildError(f"{path} holds a private key: give the certificate alone, and keep the key from this machine")
    found = re.findall(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----", octets)
    if not found:
        raise BuildError(f"{path} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
    for each in found:
        steps.run("openssl", "x509", "-noout", given=each.decode("ascii"))
    return b"\n".join(found) + b"\n"


def put_certificates(folder, pem):
    """Put the certificates into the root by which updates are believed. Without one none is."""
    (folder / "etc/edge").mkdir(parents=True, exist_ok=True)
    (folder / "etc/edge/update.pem").write_bytes(pem)


def put_program(folder, program, packages):
    """Copy the program's folder to /usr/lib/edge and name it /usr/bin/edge.

    Raises BuildError where it is none, and where it needs a package that the root does not have.
    """
    program = Path(program)
    if not (program / "edge").is_file():
        raise BuildError(f"{program} holds no program called edge; image-build/program/build makes one")
    needs = program.parent / "edge.needs"
    missing = set(needs.read_text(encoding="ascii").split() if needs.is_file() else ()) - {each.name for each in packages}
    if missing:
        raise BuildError(f"the program needs {', '.join(sorted(missing))}: add it to image-build/packages, and --relock")
    shutil.copytree(program, folder / "usr/lib/edge", symlinks=True)
    (folder / "usr/bin/edge").symlink_to("../lib/edge/edge")


def finish(folder, board, version, packages):
    """Settle the root and describe it; afterwards it is ready to be packed."""
    settle.settle(folder)
    settle.describe(folder, board, version, [each for each in packages if each.role in ("root", "kernel")])
