"""The settings of a tap: a file in a small part of TOML, read with every mistake in words, at once.

A line is a `[section]`, `key = value` or empty; a value is a "string" (in which a backslash comes before " \\ n r t or
uXXXX), a 'string' as it stands, a whole number, true or false. A # begins a comment. All of that is TOML.

Octets are written as words: names of control characters (STX, CR, LF), 0x and two hexadecimal digits, or text between
single quotes: "STX 0x41 'END'".
"""

from collections import namedtuple

from edge.dicom.errors import DicomError
from edge.tap import checks, fields, template
from edge.tap import rule as rules

CONTROLS = (
    "NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US"
).split(" ")  # fmt: skip

# What [attributes] may give: keyword -> (tag, VR)
KEYWORDS = {
    "AccessionNumber": (0x00080050, "SH"),
    "BodyPartExamined": (0x00180015, "CS"),
    "DeviceSerialNumber": (0x00181000, "LO"),
    "DocumentTitle": (0x00420010, "ST"),
    "ImageComments": (0x00204000, "LT"),
    "InstitutionName": (0x00080080, "LO"),
    "InstitutionalDepartmentName": (0x00081040, "LO"),
    "IssuerOfPatientID": (0x00100021, "LO"),
    "Laterality": (0x00200060, "CS"),
    "Manufacturer": (0x00080070, "LO"),
    "ManufacturerModelName": (0x00081090, "LO"),
    "Modality": (0x00080060, "CS"),
    "OperatorsName": (0x00081070, "PN"),
    "PatientAge": (0x00101010, "AS"),
    "PatientBirthDate": (0x00100030, "DA"),
    "PatientComments": (0x00104000, "LT"),
    "PatientID": (0x00100020, "LO"),
    "PatientName": (0x00100010, "PN"),
    "PatientSex": (0x00100040, "CS"),
    "ProtocolName": (0x00181030, "LO"),
    "ReferringPhysicianName": (0x00080090, "PN"),
    "SeriesDescription": (0x0008103E, "LO"),
    "SeriesNumber": (0x00200011, "IS"),
    "StationName": (0x00081010, "SH"),
    "StudyDescription": (0x00081030, "LO"),
    "StudyID": (0x00200010, "SH"),
}
# kind: "number", "choice", "text", "octets", "yes"; default: what holds where the file says nothing; limits: (lowest,
# highest) of a number, what a choice may be, (shortest, longest) of a text; words: what it means
Key = namedtuple("Key", ("kind", "default", "limits", "words"))

_UART = -1  # as the board's profile has it
_CHECKS = tuple(sorted(checks.KINDS))

TABLE = {
    "serial": {
        "baud": Key("number", 9600, (300, 921600), "bits per second"),
        "bits": Key("choice", 8, (7, 8), "data bits"),
        "parity": Key("choice", "none", ("none", "even", "odd"), "parity"),
        "stop": Key("choice", 1, (1, 2), "stop bits"),
        "flow": Key("choice", "none", ("none", "rts/cts"), "hardware flow control; it needs pins"),
        "uart": Key("number", _UART, (-1, 3), "number of the UART; -1: the board's usual one"),
        "tx_pin": Key("number", _UART, (-1, 48), "likewise"),
        "rx_pin": Key("number", _UART, (-1, 48), "likewise"),
        "rts_pin": Key("number", _UART, (-1, 48), "likewise"),
        "cts_pin": Key("number", _UART, (-1, 48), "likewise"),
    },
    "record": {
        "kind": Key("choice", "", rules.KINDS, "how records are told apart"),
        "begin": Key("octets", b"", (0, 16), "octets before a record"),
        "end": Key("octets", b"", (0, 16), "octets behind it (delimiter)"),
        "octets": Key("number", 0, (0, 16 << 20), "its length (fixed)"),
        "length_octets": Key("number", 0, (0, 8), "octets of the length field, right behind `begin` (length)"),
        "length_form": Key("choice", "big", rules.LENGTH_FORMS, "how the length is written"),
        "length_adds": Key("number", 0, (-64, 64), "octets of the record beyond, or short of, what the field says"),
        "check": Key("choice", "none", _CHECKS, "checksum"),
        "check_form": Key("choice", "big", rules.CHECK_FORMS, "how it is written"),
        "check_place": Key("choice", rules.BEFORE_END, (rules.BEFORE_END, rules.AFTER_END), "where it stands"),
        "check_begin": Key("yes", False, (), "whether it covers what stands before the record"),
        "check_end": Key("yes", False, (), "whether it covers `end`"),
        "trailer": Key("octets", b"", (0, 16), "octets behind the checksum that mean nothing"),
        "silence_ms": Key("number", 2000, (10, 600000), "ends a record (silence), or breaks one off"),
        "limit_octets": Key("number", 65536, (1, 16 << 20), "the longest record that is taken"),
        "kept": Key("octets", b"", (0, 16), "answer to the device when a record is safe on flash"),
        "refused": Key("octets", b"", (0, 16), "answer when it is not taken: broken, wrong, no room"),
    },
    "object": {
        "kind": Key("choice", "", template.KINDS, "capture (pixels), pdf, or raw"),
        "payload_at": Key("number", 0, (0, 65536), "octets at the front of a record that are not wrapped"),
        "rows": Key("number", 0, (0, 65535), "of a capture"),
        "columns": Key("number", 0, (0, 65535), "of a capture"),
        "photometric": Key("choice", "MONOCHROME2", tuple(sorted(template.PHOTOMETRIC)), "of a capture"),
        "bits": Key("number", 8, (8, 16), "of a sample; 9 to 16 take two octets, the low one first"),
        "separator": Key("octets", b"", (0, 4), "what stands between fields"),
        "front_octets": Key("number", 512, (0, 8192), "how much of a record attributes are looked for in"),
        "character_set": Key("choice", "", ("", "ISO_IR 100", "ISO_IR 192"), "of the device: ASCII, Latin-1, UTF-8"),
    },
    "box": {
        "host": Key("text", "", (1, 64), "address of the box"),
        "port": Key("number", 104, (1, 65535), "its DICOM port; 2762 is the one with TLS"),
        "called": Key("text", "EDGE", (1, 16), "its AE title"),
        "calling": Key("text", "TAP", (1, 16), "the tap's own"),
        "tls": Key("yes", False, (), "whether the connection is encrypted"),
        "server_name": Key("text", "", (0, 64), "the name in the box's certificate; empty: `host`"),
        "authority": Key("text", "", (0, 64), "file: whose certificates are believed"),
        "certificate": Key("text", "", (0, 64), "file: what the tap shows"),
        "key": Key("text", "", (0, 64), "file: its key"),
        "batch": Key("number", 16, (1, 1000), "records an association carries at most"),
        "retry_s": Key("number", 5, (1, 3600), "the first pause after a failure; it doubles"),
        "retry_most_s": Key("number", 300, (1, 86400), "the longest one"),
        "answer_s": Key("number", 30, (1, 600), "how long an answer is waited for"),
    },
    "wifi": {
        "ssid": Key("text", "", (0, 32), "the network's name"),
        "password": Key("text", "", (0, 63), "its WPA passphrase; empty: an open network"),
        "country": Key("text", "", (0, 2), "ISO 3166 code, for the channels allowed"),
        "hostname": Key("text", "edge-tap", (1, 32), "the tap's name"),
    },
    "clock": {
        "host": Key("text", "", (0, 64), "an NTP server; empty: the clock is not set"),
        "utc_offset_minutes": Key("number", 0, (-840, 840), "local time ahead of UTC"),
    },
    "flash": {
        "folder": Key("text", "/kept", (1, 32), "where records wait"),
        "reserve_octets": Key("number", 32768, (8192, 1 << 24), "what is left free beyond the longest record"),
    },
}
ATTRIBUTES = "attributes"
SECTIONS = ("serial", "record", "object", "box", "wifi", "clock", "flash")  # of TABLE, as people read them
_UNKNOWN = ""  # the section of lines below a [name] that is none
_SECRET = ("password",)

# A dict of values by key for each section; attributes: tuple of (tag, VR, parts), as template.Template has it
Settings = namedtuple("Settings", SECTIONS + (ATTRIBUTES,))


class Wrong(Exception):
    """The settings have mistakes; `mistakes` is a list of sentences."""

    def __init__(self, mistakes):
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def read(text, name="settings.toml"):
    """Return the Settings in `text`: a dict for each section, attributes as template.Template wants them.

    Wrong with every mistake, each with its line.
    """
    mistakes = []  # (line, sentence)
    found = {}  # (section, key) -> (value, line)
    section = None
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip(" \t\r")
        try:
            section = _line(line, section, found, number)
        except ValueError as error:
            section = _UNKNOWN if line[0] == "[" else section
            mistakes.append((number, str(error)))
    values = [_section(section, found, mistakes) for section in SECTIONS]
    values.append(_attributes(found, mistakes))
    settings = Settings(*values)
    if not mistakes:
        mistakes += [(0, words) for words in _conflicts(settings)]
    if mistakes:
        raise Wrong(["%s%s: %s" % (name, ":%d" % line if line else "", words) for line, words in sorted(mistakes)])
    return settings


def rule(settings):
    """Return the rule.Rule of the settings."""
    record = settings.record
    return rules.Rule(
        record["kind"], record["begin"], record["end"], record["octets"], record["length_octets"],
        record["length_form"], record["length_adds"], record["check"], record["check_form"], record["check_place"],
        record["check_begin"], record["check_end"], record["trailer"], record["silence_ms"], record["limit_octets"],
        record["kept"], record["refused"],
    )  # fmt: skip


def shape(settings):
    """Return the template.Template of the settings."""
    wanted = settings.object
    return template.Template(
        wanted["kind"], wanted["payload_at"], wanted["rows"], wanted["columns"], wanted["photometric"], wanted["bits"],
        wanted["separator"], wanted["character_set"], settings.attributes, settings.clock["utc_offset_minutes"],
    )  # fmt: skip


def octets(words):
    """Return the octets that `words` name; ValueError says what is wrong with them."""
    found = b""
    rest = words.strip(" ")
    while rest:
        if rest[0] == "'":
            inner, quote, rest = rest[1:].partition("'")
            if not quote:
                raise ValueError("a ' without its '")
            found += inner.encode()
        else:
            word, _, rest = rest.partition(" ")
            if word in CONTROLS:
                found += bytes((CONTROLS.index(word),))
            elif word == "DEL":
                found += b"\x7f"
            elif word[:2] == "0x" and len(word) == 4 and _is_hex(word[2:]):
                found += bytes((int(word[2:], 16),))
            else:
                raise ValueError("%s is no octet: write STX, 0x02 or 'text'" % word)
        rest = rest.strip(" ")
    return found


def _is_hex(word):
    for one in word:
        if one not in "0123456789abcdefABCDEF":
            return False
    return True


def _line(line, section, found, number):
    """Take one line in; return the section that the next one belongs to."""
    if not line or line[0] == "#":
        return section
    if line[0] == "[":
        inner, bracket, rest = line[1:].partition("]")
        inner = inner.strip(" \t")
        if not bracket or rest.strip(" \t") and rest.strip(" \t")[0] != "#":
            raise ValueError("a section is [name]")
        if inner not in TABLE and inner != ATTRIBUTES:
            raise ValueError("there is no section [%s]: %s" % (inner, ", ".join(SECTIONS + (ATTRIBUTES,))))
        return inner
    if section == _UNKNOWN:
        return section
    key, equals, rest = line.partition("=")
    key = key.strip(" \t")
    if not equals:
        raise ValueError("neither [section] nor key = value")
    if section is None:
        raise ValueError("%s stands before the first [section]" % key)
    known = KEYWORDS if section == ATTRIBUTES else TABLE[section]
    if key not in known:
        raise ValueError("there is no %s.%s: %s" % (section, key, ", ".join(sorted(known))))
    if (section, key) in found:
        raise ValueError("%s.%s stands twice" % (section, key))
    found[(section, key)] = (_value(rest.strip(" \t")), number)
    return section


def _value(text):
    """Return the value that `text` begins with, behind which only a comment may stand."""
    if text[:1] == '"':
        value, rest = _string(text)
    elif text[:1] == "'":
        value, quote, rest = text[1:].partition("'")
        if not quote:
            raise ValueError("a string without its end")
    else:
        word, mark, rest = text.partition("#")
        word, rest = word.strip(" \t"), mark
        digits = word[1:] if word[:1] in ("-", "+") else word
        if word == "true" or word == "false":
            value = word == "true"
        elif digits.isdigit():
            value = int(word)
        else:
            raise ValueError("a value is a \"string\", a whole number, true or false")
    rest = rest.strip(" \t")
    if rest and rest[0] != "#":
        raise ValueError("something stands behind the value")
    return value


_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "r": "\r", "t": "\t"}


def _string(text):
    """Return the string in double quotes that `text` begins with, and what stands behind it."""
    pieces = []
    at = 1
    while at < len(text):
        one = text[at]
        if one == '"':
            return "".join(pieces), text[at + 1 :]
        if one == "\\":
            at += 1
            one = text[at : at + 1]
            if one == "u" and len(text) >= at + 5 and _is_hex(text[at + 1 : at + 5]):
                one = chr(int(text[at + 1 : at + 5], 16))
                at += 4
            elif one in _ESCAPES:
                one = _ESCAPES[one]
            else:
                raise ValueError("after a backslash comes one of \" \\ n r t, or u and four digits")
        pieces.append(one)
        at += 1
    raise ValueError("a string without its end")


def _section(section, found, mistakes):
    values = {}
    for key, known in TABLE[section].items():
        if (section, key) not in found:
            values[key] = known.default
            if _is_needed(known):
                mistakes.append((0, "%s.%s must be given: %s" % (section, key, known.words)))
            continue
        value, line = found[(section, key)]
        try:
            values[key] = _checked(value, known, key)
        except ValueError as error:
            mistakes.append((line, "%s.%s: %s" % (section, key, error)))
    return values


def _is_needed(known):
    """Say whether a key has no default: a choice or a text whose empty value is not among what it may be."""
    if known.kind == "choice":
        return known.default not in known.limits
    return known.kind == "text" and len(known.default) < known.limits[0]


def _checked(value, known, key):
    """Return `value` as its key wants it; ValueError where it is none, which shows no secret."""
    shown = "this" if key in _SECRET else value
    if known.kind == "choice":
        if isinstance(value, bool) or value not in known.limits:
            raise ValueError("%s is none of %s" % (shown, ", ".join([str(each) or '""' for each in known.limits])))
    elif known.kind == "yes":
        if not isinstance(value, bool):
            raise ValueError("%s is neither true nor false" % shown)
    elif known.kind == "number":
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("%s is no number" % shown)
        if not known.limits[0] <= value <= known.limits[1]:
            raise ValueError("%d is not between %d and %d" % (value, known.limits[0], known.limits[1]))
    else:
        if not isinstance(value, str):
            raise ValueError("%s is no string" % shown)
        if known.kind == "octets":
            value = octets(value)
        if not known.limits[0] <= len(value) <= known.limits[1]:
            raise ValueError("it has %d characters, %d to %d are taken" % ((len(value),) + known.limits))
    return value


def _attributes(found, mistakes):
    parsed = []
    for section, key in sorted(found):
        if section != ATTRIBUTES:
            continue
        value, line = found[(section, key)]
        try:
            if not isinstance(value, str):
                raise ValueError("%s is no string" % value)
            parsed.append(KEYWORDS[key] + (tuple(fields.parse(value)),))
        except (DicomError, ValueError) as error:
            mistakes.append((line, "%s.%s: %s" % (section, key, error)))
    return tuple(parsed)


def _conflicts(settings):
    """Yield what single keys do not show: what is missing beside others, what contradicts them."""
    record, wanted, box = settings.record, settings.object, settings.box
    kind = record["kind"]
    if kind == rules.DELIMITER and not record["end"]:
        yield "record.end must be given where record.kind is delimiter"
    if kind == rules.FIXED and not record["octets"]:
        yield "record.octets must be given where record.kind is fixed"
    if kind == rules.LENGTH and not record["length_octets"]:
        yield "record.length_octets must be given where record.kind is length"
    if kind == rules.FIXED and record["octets"] > record["limit_octets"]:
        yield "record.octets is more than record.limit_octets"
    if kind in (rules.XMODEM, rules.YMODEM) and record["check"] != "none":
        yield "record.check has no place where record.kind is %s, which has its own" % kind
    if kind in (rules.XMODEM, rules.YMODEM) and settings.serial["bits"] != 8:
        yield "serial.bits must be 8 where record.kind is %s" % kind
    if wanted["kind"] == template.CAPTURE:
        if not wanted["rows"] or not wanted["columns"]:
            yield "object.rows and object.columns must be given where object.kind is capture"
        elif wanted["payload_at"] + template.pixel_octets(shape(settings)) > record["limit_octets"]:
            yield "record.limit_octets is less than the pixels of object.rows and object.columns take"
        if wanted["photometric"] not in ("MONOCHROME1", "MONOCHROME2") and wanted["bits"] != 8:
            yield "object.bits must be 8 where object.photometric is %s" % wanted["photometric"]
    if box["tls"] and not box["authority"]:
        yield "box.authority must be given where box.tls is true"
    if bool(box["certificate"]) != bool(box["key"]):
        yield "box.certificate and box.key go together"
    if box["retry_most_s"] < box["retry_s"]:
        yield "box.retry_most_s is less than box.retry_s"
