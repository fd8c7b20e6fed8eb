"""What a packaged program is made of, as a bill of materials (CycloneDX 1.5, JSON).

Told are the program itself and what was compiled for it, Python's packages by the SHA-256 of their wheels, and Debian's
packages by that of the .deb: those whose libraries lie in the folder, and those that the folder expects of the system.
"""

import email.parser
import hashlib
import json
import re
import subprocess
import time
import uuid
from pathlib import Path

import roots

_SPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 9562, names that are URLs
_ELF = b"\x7fELF"


def write(target, version, folder, digest, root, processor, wheels, needed, date):
    """Write the bill of `folder`, whose archive has this digest, to `target`; return the number of its components.

    wheels: [(name, version, SHA-256)] of what lies in the root's build/packages; needed: names of the Debian packages
    that the program expects; date: s since 1970.
    """
    debian, own = _libraries(folder, root)
    # Python's own modules lie in the program without being files of their own.
    for name, package in debian.items():
        package["why"] = "bundled"
    known = {each["name"]: each for each in map(_package, roots.packages(root))}
    for name in [each for each in known if re.fullmatch(r"libpython3\.\d+-(stdlib|minimal)", each)]:
        debian.setdefault(name, {**known[name], "files": [], "why": "bundled"})
    for name in needed:
        debian.setdefault(name, {**known[name], "files": [], "why": "expected of the system"})
    components = [
        *(_of_wheel(*each, root / "build" / "packages") for each in wheels),
        *(_of_package(each, processor) for _, each in sorted(debian.items())),
        *own,
    ]
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, digest)}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(date)),
            "component": {
                "type": "application",
                "bom-ref": "edge",
                "name": "edge",
                "version": version,
                "purl": f"pkg:generic/edge@{version}?arch={processor.debian}",
                "licenses": [{"license": {"id": "MIT"}}],
                "hashes": [_sha256(digest)],
            },
        },
        "components": components,
        "dependencies": [{"ref": "edge", "dependsOn": [each["bom-ref"] for each in components]}],
    }
    target.write_text(json.dumps(bill, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(components)


def _sha256(digest):
    return {"alg": "SHA-256", "content": digest}


def _of_file(path, name):
    return {
        "type": "file",
        "bom-ref": "file:" + name,
        "name": name,
        "hashes": [_sha256(hashlib.sha256(path.read_bytes()).hexdigest())],
    }


def _of_wheel(name, version, digest, folder):
    (described,) = [
        each for each in folder.glob("*.dist-info/METADATA") if _plain(each.parent.name.split("-")[0]) == _plain(name)
    ]
    fields = email.parser.HeaderParser().parsestr(described.read_text(encoding="utf-8"))
    licence = fields.get("License-Expression") or (fields.get("License") or "").split("\n")[0]
    component = {
        "type": "library",
        "bom-ref": f"pkg:pypi/{_plain(name)}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{_plain(name)}@{version}",
        "hashes": [_sha256(digest)],
    }
    if licence:
        component["licenses"] = [{"license": {"name": licence}}]
    return component


def _plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def _of_package(package, processor):
    version = package["version"].replace("~", "%7E").replace("+", "%2B").replace(":", "%3A")
    purl = f"pkg:deb/debian/{package['name']}@{version}?arch={processor.debian}"
    component = {
        "type": "library",
        "bom-ref": purl,
        "name": package["name"],
        "version": package["version"],
        "purl": purl,
        "hashes": [_sha256(package["digest"])],
        "properties": [{"name": "edge:place", "value": package["why"]}],
    }
    if package["files"]:
        component["components"] = package["files"]
    return component


def _package(path):
    fields = subprocess.run(
        ["dpkg-deb", "--field", path, "Package", "Version"], capture_output=True, text=True, check=True
    ).stdout
    name, version = (line.partition(": ")[2] for line in fields.strip().splitlines())
    with open(path, "rb") as file:
        return {"name": name, "version": version, "digest": hashlib.file_digest(file, "sha256").hexdigest()}


def _libraries(folder, root):
    """Return ({Debian's package: it with the files that lie in the folder}, [components of what is none of Debian's]).

    A file is Debian's when its octets are; what came in wheels is the wheels'.
    """
    ours = {path: path.name for path in folder.rglob("*") if path.is_file() and path.open("rb").read(4) == _ELF}
    theirs = _owners(root, set(ours.values()))
    wheels = {hashlib.sha256(each.read_bytes()).digest() for each in (root / "build/packages").rglob("*.so*")}
    found, own = {}, []
    for path, name in sorted(ours.items()):
        octets = path.read_bytes()
        listed = _of_file(path, str(path.relative_to(folder)))
        for owner, place in theirs.get(name, ()):
            if place.read_bytes() == octets:
                package = found.setdefault(owner.name, {**_package(owner), "files": []})
                package["files"].append(listed)
                break
        else:
            if hashlib.sha256(octets).digest() not in wheels:
                own.append(listed)
    return {each["name"]: each for each in found.values()}, own


def _owners(root, names):
    """Return {name of a file: [(the .deb it came with, its place in the root)]} for files of these names."""
    found = {}
    for package in roots.packages(root):
        listing = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True).stdout
        for line in listing.splitlines():
            path = line.split(None, 5)[5].split(" -> ")[0]
            name = Path(path).name
            if name in names and (root / path).exists():
                found.setdefault(name, []).append((package, root / path))
    return found
