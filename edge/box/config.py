"""The configuration: one table of all keys, and the named tuples that the box reads its settings from.

The table is the only source of defaults, kinds, ranges and meanings: `load` checks a file against it and words its
mistakes from it, `reference` prints it, and the named tuples below take their fields from it.
"""

from collections import namedtuple

from edge.box import alerting, board_keys, commitment, console_keys, encryption, media_keys, relaying, serials, setups
from edge.box.rule_keys import CHANGE, DEIDENTIFY, ROUTE
from edge.box.values import ADDRESS, AE_TITLE, CALLER, HOST, HOURS, LAYOUT, NETWORK, TRANSFER_SYNTAX, UID, URL, WEEKDAYS
from edge.morph import layout
from edge.pixels import registry
from edge.toml.kinds import FILE, FOLDER, NAME, PATTERN, TEXT, TRUTH, choice, seconds, several, size, whole
from edge.toml.section import REQUIRED, Kind, Section, filled
from edge.toml.section import key as _key

_KIB = 1 << 10
_MIB = 1 << 20
_GIB = 1 << 30
_TIB = 1 << 40
_UNCOMPRESSED = ("explicit", "implicit", "encapsulated-uncompressed")

BOX = Section(
    "box",
    False,
    "The box itself.",
    (
        _key("ae_title", AE_TITLE, "EDGE", "The AE title of the box: what modalities call, and what it calls itself."),
        _key(
            "state_dir",
            FOLDER,
            "./var",
            "The folder of everything the box keeps: objects, journal, index. Relative to this file's folder.",
        ),
        _key(
            "log_level",
            choice("error", "warning", "info", "debug"),
            "info",
            "What goes to the log (stderr): this and all that is graver. No level shows patient data.",
        ),
    ),
)

DICOM = Section(
    "dicom",
    False,
    "How modalities reach the box.",
    (
        _key("bind", ADDRESS, "0.0.0.0", "The address that the box listens on."),
        _key("port", whole(0, 65535), 11112, "The TCP port it listens on; 0 takes any free one."),
        _key("plain", TRUTH, True, "Whether it listens on `port`, without TLS. false leaves only `tls_port`."),
        _key(
            "tls_port",
            whole(0, 65535),
            None,
            "The TCP port it listens on with TLS, as [tls] says; 2762 is the registered one. Without it: none.",
            example="2762",
        ),
        _key(
            "called_aliases",
            several(AE_TITLE),
            (),
            'Further AE titles that the box answers to; with "*" among them it answers to any.',
            example='["OLDSTORE"]',
        ),
        _key(
            "accept_calling",
            several(CALLER),
            (),
            "Who may send: AE titles, addresses and networks, or both. Empty: anyone, which is warned of.",
            example='["CT1", "MR1@10.0.0.5", "10.0.1.0/24"]',
        ),
        _key(
            "storage_sop_classes",
            several(UID),
            (),
            "The storage SOP Classes that are taken. Empty: every one, private and unknown ones too.",
            example='["1.2.840.10008.5.1.4.1.1.2"]',
        ),
        _key(
            "transfer_syntaxes",
            several(TRANSFER_SYNTAX),
            (),
            "Transfer syntaxes in order of preference, as UIDs or names. Empty: what costs a sender least comes first.",
            example='["Explicit VR Little Endian", "1.2.840.10008.1.2.4.70"]',
        ),
        _key(
            "other_transfer_syntaxes",
            TRUTH,
            True,
            "Whether those that `transfer_syntaxes` does not list are taken too, after those that it does.",
        ),
        _key("max_associations", whole(1, 1000), 32, "Associations at a time; one more is refused as transient."),
        _key(
            "max_pdu_bytes",
            size(4 * _KIB, 16 * _MIB),
            128 * _KIB,
            "The longest PDU that the box asks modalities to send.",
        ),
        _key("artim_s", seconds(1, 300), 30, "How long a new connection may take to ask for an association."),
        _key("pdu_s", seconds(1, 3600), 25, "How long a PDU may take from its first octet to its last."),
        _key("idle_timeout_s", seconds(1, 86400), 60, "How long an association may be silent before it is aborted."),
        _key("drain_s", seconds(0, 3600), 20, "How long associations may go on when the box is told to stop."),
    ),
)

LIMITS = Section(
    "limits",
    False,
    "What the box takes on.",
    (
        _key("object_bytes", size(1 * _MIB, 1 * _TIB), 8 * _GIB, "The largest object that is taken."),
        _key(
            "reserve_bytes",
            size(0, 1024 * _TIB),
            512 * _MIB,
            "Free space kept on the disk: below it new objects are refused (A700) and associations as temporary.",
        ),
        _key(
            "quota_bytes",
            size(0, 1024 * _TIB),
            0,
            "Space that all objects together may take; 0 sets no limit but the reserve.",
        ),
        _key(
            "keep_delivered_days",
            whole(0, 36500),
            0,
            "How long delivered objects are safe from removal, even when space runs low. Undelivered ones always are.",
        ),
        _key(
            "remove_delivered_days",
            whole(0, 36500),
            0,
            "After how long delivered objects are removed even when there is room; 0: never.",
        ),
        _key(
            "high_water_percent",
            whole(1, 100),
            90,
            "High water: when the objects take so much of the room there is for them, that is a trouble, and delivered "
            "ones are removed. Full is what `reserve_bytes` or `quota_bytes` allows.",
        ),
        _key("low_water_percent", whole(0, 99), 80, "Low water: where removing, and the trouble, end."),
        _key(
            "warn_full_h",
            whole(0, 8760),
            12,
            "How many hours ahead it is a trouble that the box will be full at the present rates; 0: never.",
        ),
        _key(
            "per_address",
            whole(1, 1000),
            64,
            "Connections at a time from one address; one more association is refused as transient.",
        ),
        _key(
            "conflict",
            choice("hold", "send", "keep"),
            "hold",
            "When other bytes come under a SOP Instance UID that is there already, both are kept, and the newcomer is "
            'held until a person decides ("hold"), sent like any object ("send"), or not sent ("keep").',
        ),
    ),
)

# What `kind` of a [[destination]] may be; edge/ways/targets.py says how each is made
KINDS = (
    Kind("dicom", "C-STORE", "{ae_title} at {host} port {port}", "archive"),
    Kind("stow", "STOW-RS of DICOMweb", "{url.words}", "cloud"),
    Kind("folder", "Part 10 files in a folder or mounted share", "the folder {path}", "share"),
    Kind("relay", "another box with a [relay], in pieces", "the relay at {url.words}", "relay"),
)
_LAYOUT = layout.read("{PatientID}/{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm")

DESTINATION = Section(
    "destination",
    True,
    "Where objects go; one table for each.",
    (
        _key("name", NAME, REQUIRED, "What routes, `edge send` and the queue call it.", example='"archive"'),
        _key(
            "kind",
            choice(*[each.name for each in KINDS]),
            KINDS[0].name,
            "What it is, which says which other keys it has: %s."
            % ", ".join(['"%s" (%s)' % (each.name, each.meaning) for each in KINDS]),
        ),
        _key("ae_title", AE_TITLE, REQUIRED, "Its AE title.", example='"PACS"', only=("dicom",)),
        _key("host", HOST, REQUIRED, "Where it is.", example='"10.0.0.9"', only=("dicom",)),
        _key("port", whole(1, 65535), 104, "Its TCP port.", only=("dicom",)),
        _key(
            "calling_ae_title",
            AE_TITLE,
            None,
            "What the box calls itself there; without it, the `ae_title` of [box].",
            example='"EDGE"',
            only=("dicom",),
        ),
        _key(
            "url",
            URL,
            REQUIRED,
            "Its base URL: of a DICOMweb service, to which /studies is added; of a relay, where without a path uploads "
            "begin at /uploads. With https as [tls] and the next keys say.",
            example='"https://pacs.example.org/dicom-web"',
            only=("stow", "relay"),
        ),
        *encryption.OF_DESTINATIONS,
        _key(
            "token_file",
            FILE,
            None,
            "The file of a token that is shown as Bearer; read anew for each request. Nobody else may be able to read "
            "it.",
            example='"/etc/edge/cloud.token"',
            only=("stow",),
        ),
        _key("user", TEXT, None, "The user to log in as, with `password_file`.", example='"edge"', only=("stow",)),
        _key(
            "password_file",
            FILE,
            None,
            "The file of the password; likewise.",
            example='"/etc/edge/cloud.password"',
            only=("stow",),
        ),
        _key(
            "objects_per_request",
            whole(1, 1000),
            32,
            "How many objects go in one request, where they are short: 4 MiB of them at most.",
            only=("stow",),
        ),
        _key(
            "connect_timeout_s",
            seconds(1, 300),
            10,
            "How long a connection, and an association, may take.",
            only=("dicom", "stow", "relay"),
        ),
        _key(
            "retrieve",
            choice("auto", "get", "move", "off"),
            "auto",
            'How `edge fetch` has objects sent from there: by C-GET, on the same association, or by C-MOVE, for which '
            'it has to know AE title, address and port of the box. "auto": by C-GET; by C-MOVE where it takes none.',
            only=("dicom",),
        ),
        _key("dimse_timeout_s", seconds(1, 3600), 60, "How long an answer to a request may take.", only=("dicom",)),
        _key(
            "answer_timeout_s",
            seconds(1, 3600),
            120,
            "How long an answer to a request may take, and how long one may stand still while it is sent.",
            only=("stow", "relay"),
        ),
        _key(
            "max_pdu_bytes",
            size(4 * _KIB, 16 * _MIB),
            128 * _KIB,
            "The longest PDU to send, and to take, even where it allows longer ones.",
            only=("dicom",),
        ),
        _key(
            "path",
            FOLDER,
            REQUIRED,
            "The folder, which has to be there. Relative to this file's folder.",
            example='"/mnt/share/incoming"',
            only=("folder",),
        ),
        _key(
            "layout",
            LAYOUT,
            _LAYOUT,
            "The folders and names of the files: text, and elements as {Keyword}. A file that is there is never "
            "overwritten: another one of its name gets a number.",
            only=("folder",),
        ),
        _key(
            "must_be_mounted",
            TRUTH,
            False,
            "Whether `path` is a mount point, below which nothing is written while nothing is mounted there.",
            only=("folder",),
        ),
        _key(
            "compress",
            choice(*[name for name in registry.encodable(lossless_only=True) if name not in _UNCOMPRESSED]),
            None,
            "The transfer syntax that objects are sent in where the destination takes it. Otherwise they go as they "
            "were received, otherwise uncompressed.",
            example='"jpeg-ls"',
        ),
        _key("retry_first_s", seconds(0.1, 86400), 5, "The wait after a first failure; it doubles with each further."),
        _key("retry_cap_s", seconds(1, 7 * 86400), 600, "The longest wait between two tries."),
        _key(
            "attempts",
            whole(1, 1000),
            12,
            "How often an object is offered that is refused each time, until it is held. A link that is down never "
            "counts.",
        ),
        _key(
            "associations",
            whole(1, 8),
            1,
            "How many objects may be under way at a time, each over an association of its own. More are of use where "
            "the way is long: each object waits for an answer.",
        ),
        _key("linger_s", seconds(0, 60), 3, "How long an association is kept open for the next object."),
        _key(
            "rate_bytes_per_s",
            size(4 * _KIB, 100 * _GIB),
            None,
            "The most that is sent there in a second, by all associations together and with the headers of their "
            "frames. Without it, as much as the line takes.",
            example='"1 MB"',
            only=("dicom", "stow"),
        ),
        _key(
            "hours",
            several(HOURS, 1),
            (),
            "When sending may begin, by the box's clock and zone; an object that is under way is finished. Without it: "
            "always.",
            example='["18:00-07:30"]',
        ),
        _key("weekdays", several(WEEKDAYS, 1), (), "The days, from midnight to midnight.", example='["sat", "sun"]'),
        _key(
            "max_age_h",
            whole(1, 87600),
            None,
            "How many hours an object may wait for it until `edge status` reports that as a trouble. It is never "
            "dropped.",
            example="24",
        ),
        *alerting.OF_DESTINATIONS,
        *commitment.OF_DESTINATIONS,
    ),
    KINDS,
)

MODALITY = Section(
    "modality",
    True,
    "Devices that have to be met otherwise than [dicom] says; one table for each kind, of which the first that fits a "
    "device counts. It fits by calling AE title, by address, or by both.",
    (
        _key("from", several(PATTERN, 1), (), "Calling AE titles, as patterns.", field="calling", example='["OLD*"]'),
        _key("address", several(NETWORK, 1), (), "Where it is.", example='["10.0.2.0/24"]'),
        _key(
            "called",
            several(AE_TITLE),
            (),
            'AE titles that it may call the box by, beside those of [dicom]; with "*" among them any.',
            example='["STORESCP"]',
        ),
        _key(
            "max_pdu_bytes",
            size(4 * _KIB, 16 * _MIB),
            128 * _KIB,
            "The longest PDU that it is asked to send, where [dicom] does not say less.",
        ),
        _key(
            "transfer_syntaxes",
            several(TRANSFER_SYNTAX),
            (),
            "The transfer syntaxes that are taken from it, best first. Empty: as [dicom] has it.",
            example='["Implicit VR Little Endian"]',
        ),
        _key(
            "character_set",
            several(PATTERN, 1),
            None,
            "Specific Character Set (0008,0005) of what goes out of its objects that name none. What is stored stays "
            "as it came.",
            example='["ISO_IR 100"]',
        ),
        *alerting.OF_MODALITIES,
    ),
)

SECTIONS = (
    BOX, DICOM, encryption.TLS, relaying.RELAY, LIMITS, DESTINATION, ROUTE, CHANGE, DEIDENTIFY, MODALITY,
    alerting.ALERT, console_keys.CONSOLE, serials.SERIAL, setups.SETUP,
    media_keys.MEDIA, media_keys.EXPORT, board_keys.BOARD,
)  # fmt: skip


def _fields(section):
    return [each.field for each in section.keys]


Box = namedtuple("Box", _fields(BOX))
Dicom = namedtuple("Dicom", _fields(DICOM))
Tls = namedtuple("Tls", _fields(encryption.TLS))
Relay = namedtuple("Relay", _fields(relaying.RELAY))
Limits = namedtuple("Limits", _fields(LIMITS))
Destination = namedtuple("Destination", _fields(DESTINATION))
Route = namedtuple("Route", _fields(ROUTE))
Change = namedtuple("Change", _fields(CHANGE))
Deidentify = namedtuple("Deidentify", _fields(DEIDENTIFY))
Modality = namedtuple("Modality", _fields(MODALITY))
Alert = namedtuple("Alert", _fields(alerting.ALERT))
Console = namedtuple("Console", _fields(console_keys.CONSOLE))
Serial = namedtuple("Serial", _fields(serials.SERIAL))
Setup = namedtuple("Setup", _fields(setups.SETUP))
Media = namedtuple("Media", _fields(media_keys.MEDIA))
Export = namedtuple("Export", _fields(media_keys.EXPORT))
Board = namedtuple("Board", _fields(board_keys.BOARD))
# destinations, routes, changes, identities, modalities, alerts, exports: tuples of Destination, Route, Change,
# Deidentify, Modality, Alert and Export
Config = namedtuple(
    "Config",
    (
        "box", "dicom", "tls", "relay", "limits", "destinations", "routes", "changes", "identities", "modalities",
        "alerts", "console", "serial", "setup", "media", "exports", "board",
    ),
)  # fmt: skip

_SHAPES = dict(
    zip(
        [section.name for section in SECTIONS],
        (
            Box, Dicom, Tls, Relay, Limits, Destination, Route, Change, Deidentify, Modality, Alert, Console, Serial,
            Setup, Media, Export, Board,
        ),
    )
)  # fmt: skip


def build(section, values):
    """Return the named tuple of `section`, of `values` ({field: value}), with defaults for those it does not have."""
    return _SHAPES[section.name](*filled(section, values))


def defaults():
    """Return the Config of an empty file: no destination, no route, everything else at its default."""
    tables = [() if section.repeated else build(section, {}) for section in SECTIONS]
    return Config(*tables)


def where(destination):
    """Return in words where a Destination is: "PACS at 10.0.0.9 port 104", "... with TLS"."""
    for kind in KINDS:
        if kind.name == destination.kind:
            return kind.where.format_map(destination._asdict()) + (" with TLS" if destination.tls else "")
    raise ValueError(destination.kind)


def destination(config, name):
    """Return the Destination of `config` that is called `name`, or None."""
    for each in config.destinations:
        if each.name == name:
            return each
    return None
