"""What the configuration says of alerts: who is told of troubles, and how."""

from edge.box import tls_keys
from edge.box.values import HOST, HOURS, URL, WEEKDAYS
from edge.net import tls
from edge.toml.kinds import FILE, NAME, PATTERN, TEXT, TRUTH, choice, seconds, several, toml, whole
from edge.toml.kinds import Kind as ValueKind
from edge.toml.section import REQUIRED, Kind, Section, key

EMAIL, WEBHOOK, SYSLOG, GPIO = "email", "webhook", "syslog", "gpio"
STARTTLS, TLS, PLAIN = "starttls", "tls", "none"  # the encryption of mail
UDP, TCP, TLS_SYSLOG = "udp", "tcp", "tls"  # how syslog goes

# RFC 5424 6.2.1
FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip

# What `kind` of an [[alert]] may be
KINDS = (
    Kind(EMAIL, "mail to people", "{to[0]} by way of {host}", "service-desk"),
    Kind(WEBHOOK, "a request with JSON", "{url.words}", "hook"),
    Kind(SYSLOG, "RFC 5424, over UDP, TCP or TLS", "{host}", "loghost"),
    Kind(GPIO, "a line that is set while anything is wrong: a relay, a lamp", "line {line} of {chip}", "lamp"),
)


def _read_mailbox(value):
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or len(value) > 254:
        raise ValueError
    name, at, host = value.rpartition("@")
    if not at or not name or not host or set(value) & set(' ,;:<>()[]"\\'):
        raise ValueError
    return value


MAILBOX = ValueKind("mail address", 'a mail address, "NAME@HOST"', _read_mailbox, toml)

_NET = (EMAIL, WEBHOOK, SYSLOG)

ALERT = Section(
    "alert",
    True,
    "Who is told of what is wrong, once when it begins and once when it is over; one table for each. No alert says "
    "anything of a patient. `edge alerts` lists them, `edge test-alert NAME` sends one to try.",
    (
        key("name", NAME, REQUIRED, "What `edge alerts` calls it.", example='"service-desk"'),
        key(
            "kind",
            choice(*[each.name for each in KINDS]),
            REQUIRED,
            "What it is, which says which other keys it has: %s."
            % ", ".join(['"%s" (%s)' % (each.name, each.meaning) for each in KINDS]),
            example='"email"',
        ),
        key(
            "about",
            several(PATTERN),
            (),
            "Only what these patterns fit, of the keys that `edge alerts` shows. Empty: everything.",
            example='["down *", "held *", "space"]',
        ),
        key("after_s", seconds(0, 86400), 60, "How long it has to be wrong until it is told: what passes is not."),
        key(
            "repeat_h",
            whole(0, 8760),
            24,
            "After how many hours it is told again that something is still wrong; 0: never.",
            only=_NET,
        ),
        key("host", HOST, REQUIRED, "The server that takes it.", example='"mail.example.org"', only=(EMAIL, SYSLOG)),
        key(
            "port",
            whole(1, 65535),
            None,
            "Its port. Without it: 587, with TLS 465, for mail; 514, with TLS 6514, for syslog.",
            example="587",
            only=(EMAIL, SYSLOG),
        ),
        key(
            "encryption",
            choice(STARTTLS, TLS, PLAIN),
            STARTTLS,
            'How mail is encrypted: "starttls", "tls" from the first octet on, or "none".',
            only=(EMAIL,),
        ),
        key("from", MAILBOX, REQUIRED, "Whom mail is from.", "sender", '"edge@example.org"', (EMAIL,)),
        key("to", several(MAILBOX, 1), REQUIRED, "Whom mail is for.", example='["service@example.org"]', only=(EMAIL,)),
        key("user", TEXT, None, "The user to log in as, with `password_file`.", example='"edge"', only=(EMAIL,)),
        key(
            "password_file",
            FILE,
            None,
            "The file of the password. Nobody else may be able to read it.",
            example='"/etc/edge/mail.password"',
            only=(EMAIL,),
        ),
        key(
            "url",
            URL,
            REQUIRED,
            "Where the request goes (POST).",
            example='"https://alerts.example.org/edge"',
            only=(WEBHOOK,),
        ),
        key(
            "token_file",
            FILE,
            None,
            "The file of a token that is shown as Bearer. Nobody else may be able to read it.",
            example='"/etc/edge/hook.token"',
            only=(WEBHOOK,),
        ),
        key(
            "secret_file",
            FILE,
            None,
            "The file of a secret by which each request is signed: X-Edge-Signature is sha256= and the HMAC-SHA256 of "
            "the body, in hexadecimal digits.",
            example='"/etc/edge/hook.secret"',
            only=(WEBHOOK,),
        ),
        key(
            "transport",
            choice(UDP, TCP, TLS_SYSLOG),
            UDP,
            'How syslog goes: "udp" (RFC 5426), "tcp" (RFC 6587, octets counted) or "tls" (RFC 5425).',
            only=(SYSLOG,),
        ),
        key("facility", choice(*FACILITIES), "daemon", "The facility of syslog.", only=(SYSLOG,)),
        *tls_keys.keys((WEBHOOK, SYSLOG), _NET, "the host", "/etc/edge/loghost", "mail.example.org"),
        key("timeout_s", seconds(1, 300), 20, "How long each step may take.", only=_NET),
        key("chip", FILE, "/dev/gpiochip0", "The device of the GPIO chip.", only=(GPIO,)),
        key("line", whole(0, 1023), REQUIRED, "The number of its line.", example="17", only=(GPIO,)),
        key("active_low", TRUTH, False, "Whether the line is low while something is wrong.", only=(GPIO,)),
    ),
    KINDS,
)

# What a [[destination]] and a [[modality]] say of when something is wrong with them
OF_DESTINATIONS = (
    key(
        "down_min",
        whole(0, 100000),
        15,
        "After how many minutes it is a trouble that the way there fails while something waits; 0: never.",
    ),
)
OF_MODALITIES = (
    key(
        "silent_h",
        whole(1, 8760),
        None,
        "After how many hours without an association it is a trouble that the device is silent. Only the hours of "
        "`hours` and `weekdays` count. Without it: never.",
        example="4",
    ),
    key(
        "hours",
        several(HOURS, 1),
        (),
        "When it works, by the box's clock and zone, and should be heard of. Without it: always.",
        example='["07:00-18:00"]',
    ),
    key("weekdays", several(WEEKDAYS, 1), (), "The days on which it works.", example='["mon-fri"]'),
)

_FILES = ("password_file", "token_file", "secret_file", "certificate", "key", "authorities", "chip")


def where(alert):
    """Return in words where an Alert goes."""
    for kind in KINDS:
        if kind.name == alert.kind:
            return kind.where.format_map(alert._asdict())
    raise ValueError(alert.kind)


def client_terms(settings, alert):
    """Return the tls.Terms for a config.Alert of a config.Config; None where it goes without TLS."""
    is_encrypted = {
        EMAIL: alert.encryption in (STARTTLS, TLS),
        WEBHOOK: alert.url is not None and alert.url.is_encrypted,
        SYSLOG: alert.transport == TLS_SYSLOG,
    }
    if not is_encrypted.get(alert.kind):
        return None
    return tls_keys.client_terms(settings.tls, alert)


def anchored(settings, anchor):
    """Return a config.Config with each path of its alerts as the function `anchor` has it."""
    return settings._replace(
        alerts=tuple(
            [
                each._replace(
                    **{
                        field: anchor(getattr(each, field))
                        for field in _FILES
                        if getattr(each, field) not in (None, tls.SYSTEM)
                    }
                )
                for each in settings.alerts
            ]
        )
    )


def mistakes(settings):
    """Yield (path of keys, words) for what is wrong between keys that are right each by itself."""
    names, lines = set(), set()
    for number, each in enumerate(settings.alerts):
        if each.name in names:
            yield ("alert", number, "name"), "the name is taken by another one; expected a name of its own"
        if each.name is not REQUIRED:
            names.add(each.name)
        if (each.user is None) != (each.password_file is None):
            yield ("alert", number, "user"), "user and password_file go together; expected both, or neither"
        if each.key is not None and each.certificate is None:
            yield ("alert", number, "key"), "there is no certificate that it would be the key of"
        if each.kind == GPIO:
            if (each.chip, each.line) in lines:
                yield ("alert", number, "line"), "another one sets this line already; expected a line of its own"
            lines.add((each.chip, each.line))


def warnings(settings):
    """Yield (path of keys, words) for what can be meant, but is dangerous or of no effect."""
    for number, each in enumerate(settings.alerts):
        if each.kind == EMAIL and each.encryption == PLAIN and each.user is not None:
            yield ("alert", number, "encryption"), "the password goes there for everybody on the way to read"
        if each.kind == WEBHOOK and not each.url.is_encrypted and each.token_file is not None:
            yield ("alert", number, "url"), "the token goes there for everybody on the way to read; use https"
