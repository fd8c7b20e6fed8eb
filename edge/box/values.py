"""What a value of the configuration may be: each kind says in words what it expects, and reads what TOML gave.

A kind's `read` takes a value as the TOML parser gives it and returns it as the box uses it. It raises ValueError when
the value is not what `expected` says; a message in the ValueError adds what was wrong with it.
"""

from collections import namedtuple

from edge.box import admission
from edge.dicom import element, syntax, tags, uid
from edge.morph import layout, match, path

# brief: words for a table; expected: words that follow "expected"; read: function of the TOML value; show: function
# that turns a value as the box uses it back into what a person writes; choices: every value, where there are few
Kind = namedtuple("Kind", ("brief", "expected", "read", "show", "choices"), defaults=((),))


# words: as it was written; is_encrypted: whether it is of https; host: str; port: int; path: without a slash at its end
Url = namedtuple("Url", ("words", "is_encrypted", "host", "port", "path"))


class ItemError(ValueError):
    """Some items of a list are not what they should be. items: pairs of the item as TOML gives it and the reason."""

    def __init__(self, items):
        super().__init__()
        self.items = items


class SecretError(ValueError):
    """A value that may have a secret in it is not what it should be. shown: what of it may be shown."""

    def __init__(self, shown, words):
        super().__init__(words)
        self.shown = shown


_UNITS = (
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 10**12),
    ("GB", 10**9),
    ("MB", 10**6),
    ("KB", 10**3),
    ("B", 1),
)


_PIXELS = 0x7FE00000


def toml(value):
    """Return `value` as it stands in a TOML file, on one line and not longer than a person reads."""
    if isinstance(value, bool):
        shown = "true" if value else "false"
    elif isinstance(value, str):
        shown = '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    elif isinstance(value, (list, tuple)):
        shown = "[%s]" % ", ".join([toml(item) for item in value])
    elif isinstance(value, dict):
        shown = "{ %s }" % ", ".join(["%s = %s" % (key, toml(each)) for key, each in value.items()])
    else:
        shown = str(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


def _is_number(value, *types):
    return isinstance(value, types) and not isinstance(value, bool)


def _text(value):
    if not isinstance(value, str):
        raise ValueError
    return value


AE_TITLE = Kind(
    "AE title",
    "an AE title: 1 to 16 ASCII characters, not only spaces, no backslash",
    admission.read_ae_title,
    toml,
)


def whole(low, high):
    """Return the kind of whole numbers from `low` to `high`."""

    def read(value):
        if not _is_number(value, int) or not low <= value <= high:
            raise ValueError
        return value

    return Kind("%d to %d" % (low, high), "a whole number from %d to %d" % (low, high), read, toml)


def seconds(low, high):
    """Return the kind of times from `low` to `high` seconds."""

    def read(value):
        if not _is_number(value, int, float) or not low <= value <= high:
            raise ValueError
        return value

    bounds = "%g to %g" % (low, high)
    return Kind(bounds + " seconds", "a number of seconds from " + bounds, read, toml)


def show_size(octets):
    """Return a number of octets as a person writes it: 1048576 is "1 MiB"."""
    for unit, factor in _UNITS[:4]:
        if octets and octets % factor == 0:
            return '"%d %s"' % (octets // factor, unit)
    return str(octets)


def _read_size(value):
    if _is_number(value, int):
        return value
    number = _text(value).strip()
    factor = 1
    for unit, unit_factor in _UNITS:
        if number.lower().endswith(unit.lower()):
            number = number[: -len(unit)].strip()
            factor = unit_factor
            break
    try:
        return int(float(number) * factor)
    except (ValueError, OverflowError):
        raise ValueError from None


def size(low, high):
    """Return the kind of sizes from `low` to `high` octets, as a number or in words like "4 GiB"."""

    def read(value):
        octets = _read_size(value)
        if not low <= octets <= high:
            raise ValueError
        return octets

    bounds = "%s to %s" % (show_size(low).strip('"'), show_size(high).strip('"'))
    return Kind("size, " + bounds, 'a size like "512 MiB" or a number of octets, from ' + bounds, read, show_size)


def choice(*words):
    """Return the kind of the one of `words`."""

    def read(value):
        if value not in words:
            raise ValueError
        return value

    shown = [toml(word) for word in words]
    return Kind(" or ".join(shown), "one of " + ", ".join(shown), read, toml, words)


def _read_truth(value):
    if not isinstance(value, bool):
        raise ValueError
    return value


TRUTH = Kind("true or false", "true or false", _read_truth, toml, (True, False))


def _read_name(value):
    name = _text(value)
    if not name or len(name) > 64 or not all([each.isalnum() or each in "-_." for each in name]):
        raise ValueError
    return name


NAME = Kind("name", "a name of up to 64 letters, digits and - _ .", _read_name, toml)


def _read_folder(value):
    if not _text(value) or "\0" in value:
        raise ValueError
    return value


FOLDER = Kind("folder", "a folder", _read_folder, toml)
FILE = Kind("file", "a file", _read_folder, toml)


def _read_line(value):
    if not _text(value) or len(value) > 256 or not value.isprintable() or ":" in value:
        raise ValueError
    return value


TEXT = Kind("text", "text without a colon", _read_line, toml)
LAYOUT = Kind("layout", layout.EXPECTED, layout.read, lambda each: toml(each.words))


def _read_host(value):
    host = _text(value)
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

    parts = urlsplit(_text(value))
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
    if admission.parse_address(_text(value)) is None:
        raise ValueError
    return value


ADDRESS = Kind("address", 'an IP address of this machine, "0.0.0.0" (all of IPv4) or "::" (all)', _read_address, toml)


def _read_uid(value):
    if not uid.is_valid(_text(value)):
        raise ValueError
    return value


UID = Kind("UID", "a UID", _read_uid, toml)


def _read_transfer_syntax(value):
    wanted = _text(value)
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


def _read_pattern(value):
    if not _text(value):
        raise ValueError("it is empty")
    return value


PATTERN = Kind("pattern", "text, in which * stands for any characters and ? for one", _read_pattern, toml)

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


def table(brief, expected, keys, required, check=None):
    """Return the kind of inline tables of `keys` ({name: Kind}), of which those in `required` have to be there.

    It reads them as a tuple of (name, value) pairs in the order of `keys`. check: function of what was read, as a dict,
    that raises ValueError when it is wrong as a whole.
    """

    def read(value):
        if not isinstance(value, dict):
            raise ValueError
        for name in value:
            if name not in keys:
                raise ValueError("no such key: %s; there are: %s" % (toml(name), ", ".join(keys)))
        for name in required:
            if name not in value:
                raise ValueError("%s is missing" % name)
        found = {}
        for name, kind in keys.items():
            if name in value:
                found[name] = _read_key(name, kind, value[name])
        if check is not None:
            check(found)
        return tuple(found.items())

    return Kind(brief, expected, read, toml)


def _read_key(name, kind, value):
    try:
        return kind.read(value)
    except ItemError as unfit:
        item, reason = unfit.items[0]
        value, reason = item, str(reason)
    except ValueError as unfit:
        reason = str(unfit)
    words = "%s: expected %s, found %s%s" % (name, kind.expected, toml(value), reason and ": " + reason)
    raise ValueError(words)


def _read_scalar(value):
    if isinstance(value, str) or _is_number(value, int, float):
        return value
    raise ValueError


SCALAR = Kind("text or number", "text or a number", _read_scalar, toml)


def _read_number(value):
    if not _is_number(value, int, float):
        raise ValueError
    return value


NUMBER = Kind("number", "a number", _read_number, toml)


def several(kind, least=0):
    """Return the kind of lists of at least `least` values of `kind`; one that stands alone counts as a list of one."""

    def read(value):
        items = value if isinstance(value, list) else [value]
        if len(items) < least:
            raise ValueError
        values = []
        unfit = []
        for item in items:
            try:
                values.append(kind.read(item))
            except ValueError as reason:
                unfit.append((item, str(reason)))
        if unfit:
            raise ItemError(unfit)
        return tuple(values)

    return Kind("list: " + kind.brief, "a list, each item " + kind.expected, read, toml, kind.choices)


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
    if _text(value) not in element.CODES:
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
    digits = _text(value).lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
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
    if _text(value).lower().startswith("sha256:"):
        return "sha256:" + _read_fingerprint(value)
    return _read_pattern(value)


BOX = Kind(
    "name or fingerprint", "a name in a certificate, which may have * and ?, or sha256:FINGERPRINT", _read_box, toml
)
