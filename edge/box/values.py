"""What a value of the configuration may be, beyond what any file may have: DICOM's own, and those of networks."""

from collections import namedtuple

from edge.box import admission
from edge.dicom import element, syntax, tags, uid
from edge.morph import layout, match, path
from edge.toml.kinds import NUMBER, PATTERN, SCALAR, TRUTH, Kind, SecretError, read_text, several, table, toml


# words: as it was written; is_encrypted: whether it is of https; host: str; port: int; path: without a slash at its end
Url = namedtuple("Url", ("words", "is_encrypted", "host", "port", "path"))


_PIXELS = 0x7FE00000


AE_TITLE = Kind(
    "AE title",
    "an AE title: 1 to 16 ASCII characters, not only spaces, no backslash",
    admission.read_ae_title,
    toml,
)
LAYOUT = Kind("layout", layout.EXPECTED, layout.read, lambda each: toml(each.words))


def _read_host(value):
    host = read_text(value)
    if admission.parse_address(host) is not None:
        return host
    if not host or len(host) > 253 or not all([each.isalnum() or each in "-_." for each in host]):
        raise ValueError
    if host.replace(".", "").isdigit():
        raise ValueError("it has only digits, and is no address")
    return host


HOST = Kind("host name or address", "a host name or an IP address", _read_host, toml)


def _read_url(value):
    try:
        return _url(value)
    except ValueError as error:
        if not isinstance(value, str):
            raise
        before, at, behind = value.rpartition("@")
        scheme, mark, _ = before.partition("//")
        shown = scheme + mark + "..." + at + behind if at else value
        for mark in "?#":
            start, found, _ = shown.partition(mark)
            shown = start + found + "..." if found else shown
        raise SecretError(shown, str(error)) from None


def _url(value):
    from urllib.parse import urlsplit  # only a configuration with a URL pays for it

    parts = urlsplit(read_text(value))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError
    if parts.username is not None or parts.password is not None:
        raise ValueError("a password has no place in it; see user and password_file")
    if parts.query or parts.fragment or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("it may have a path, and nothing behind that")
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    path = parts.path.rstrip("/").removesuffix("/studies")
    return Url(value, parts.scheme == "https", _read_host(parts.hostname), port, path)


URL = Kind(
    "URL", 'the base URL of a service, "https://HOST/dicom-web"', _read_url, lambda each: toml(each.words)
)


def _read_address(value):
    if admission.parse_address(read_text(value)) is None:
        raise ValueError
    return value


ADDRESS = Kind("address", 'an IP address of this machine, "0.0.0.0" (all of IPv4) or "::" (all)', _read_address, toml)


def _read_uid(value):
    if not uid.is_valid(read_text(value)):
        raise ValueError
    return value


UID = Kind("UID", "a UID", _read_uid, toml)


def _read_transfer_syntax(value):
    wanted = read_text(value)
    for known in syntax.table().values():
        if wanted.lower() == known.name.lower():
            return known.uid
    return _read_uid(wanted)


TRANSFER_SYNTAX = Kind(
    "UID or name", "a transfer syntax, by its UID or its name in PS3.6", _read_transfer_syntax, toml
)

CALLER = Kind(
    "AE title, address or both",
    'an AE title, an address ("10.0.0.5", "10.0.0.0/24"), or both ("CT1@10.0.0.5")',
    admission.read_caller,
    toml,
)

NETWORK = Kind(
    "address or network",
    'an address ("10.0.0.5") or a network ("10.0.0.0/24")',
    match.read_network,
    lambda each: toml(str(each)),
)

SOP_CLASS = Kind("UID or name", "a storage SOP Class, by its UID or its name in PS3.6", match.read_sop_class, toml)

HOURS = Kind("times", 'two times of the day, "07:00-18:30"; it may cross midnight', match.read_hours, toml)

WEEKDAYS = Kind("weekdays", 'a day or days, "sat" or "mon-fri"', match.read_weekdays, toml)


def _read_element(value):
    found = path.read(value)
    if max(path.needed(found.steps[0])) >= _PIXELS and not found.anywhere:
        raise ValueError("it stands behind the pixels, which nobody waits for")
    return found


IN_ITEMS = ', also in items: "SEQUENCE.KEYWORD", "**.KEYWORD"'
ELEMENT = Kind("element", path.EXPECTED + IN_ITEMS, _read_element, toml)


def _read_private(value):
    found = path.read(value)
    if not path.is_plain(found) or found.steps[0].creator is None:
        raise ValueError("it is no private element with a creator")
    return found


PRIVATE = Kind("private element", 'a private element, \'(0019,"ACME 1.1",10)\'', _read_private, toml)

PATH = Kind("element", path.EXPECTED + IN_ITEMS, path.read, toml)


def _read_vr(value):
    if read_text(value) not in element.CODES:
        raise ValueError
    return value


VR = Kind("VR", "a VR of PS3.5 6.2, two capitals", _read_vr, toml)


def _has_test(found):
    if len(found) < 2:
        raise ValueError("it says nothing about the element; say one of: " + ", ".join(list(_TESTS)[1:]))
    step = found["tag"].steps[-1]
    if step.creator is None and tags.vr(step.tag) == "SQ" and set(found) != {"tag", "present"}:
        raise ValueError("it is a sequence, of which only present can be asked; name an element in its items")


_TESTS = {
    "tag": ELEMENT,
    "is": several(SCALAR, 1),
    "is_not": several(SCALAR, 1),
    "like": several(PATTERN, 1),
    "unlike": several(PATTERN, 1),
    "present": TRUTH,
    "at_least": NUMBER,
    "at_most": NUMBER,
}

WHERE = table(
    "table",
    'a table like { tag = "Manufacturer", like = "ACME*" }, with one or more of ' + ", ".join(list(_TESTS)[1:]),
    _TESTS,
    ("tag",),
    _has_test,
)


def _read_fingerprint(value):
    digits = read_text(value).lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if len(digits) != 64 or digits.strip("0123456789abcdef"):
        raise ValueError
    return digits


FINGERPRINT = Kind(
    "SHA-256 fingerprint",
    "a certificate's SHA-256 fingerprint: 64 hexadecimal digits, as `openssl x509 -fingerprint -sha256` prints them",
    _read_fingerprint,
    lambda digits: toml("sha256:" + digits),
)


def has_certificate(found):
    """Raise ValueError unless `found`, a title kept for a certificate, says for which."""
    if "name" not in found and "fingerprint" not in found:
        raise ValueError("it says nothing of the certificate; give name or fingerprint")


def _read_box(value):
    if read_text(value).lower().startswith("sha256:"):
        return "sha256:" + _read_fingerprint(value)
    return PATTERN.read(value)


BOX = Kind(
    "name or fingerprint", "a name in a certificate, which may have * and ?, or sha256:FINGERPRINT", _read_box, toml
)
