"""What a value may be: each kind says in words what it expects, and reads what TOML gave.

A kind's `read` takes a value as the TOML parser gives it and returns it as the program uses it. It raises ValueError
when the value is not what `expected` says; a message in the ValueError adds what was wrong with it.
"""

from collections import namedtuple

# brief: words for a table; expected: words that follow "expected"; read: function of the TOML value; show: function
# that turns a value as the box uses it back into what a person writes; choices: every value, where there are few
Kind = namedtuple("Kind", ("brief", "expected", "read", "show", "choices"), defaults=((),))


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


def read_text(value):
    """Return `value`, which has to be text."""
    if not isinstance(value, str):
        raise ValueError
    return value


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
    number = read_text(value).strip()
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
    name = read_text(value)
    if not name or len(name) > 64 or not all([each.isalnum() or each in "-_." for each in name]):
        raise ValueError
    return name


NAME = Kind("name", "a name of up to 64 letters, digits and - _ .", _read_name, toml)


def _read_folder(value):
    if not read_text(value) or "\0" in value:
        raise ValueError
    return value


FOLDER = Kind("folder", "a folder", _read_folder, toml)
FILE = Kind("file", "a file", _read_folder, toml)


def _read_line(value):
    if not read_text(value) or len(value) > 256 or not value.isprintable() or ":" in value:
        raise ValueError
    return value


TEXT = Kind("text", "text without a colon", _read_line, toml)


def _read_words(value):
    if not read_text(value) or len(value) > 512 or not value.isprintable():
        raise ValueError
    return value


WORDS = Kind("text", "a line of text", _read_words, toml)


def _read_pattern(value):
    if not read_text(value):
        raise ValueError("it is empty")
    return value


PATTERN = Kind("pattern", "text, in which * stands for any characters and ? for one", _read_pattern, toml)


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
