"""What the configuration says of TLS: its keys, and the tls.Terms that they come to."""

from edge.box.section import Section, key
from edge.box.values import (
    AE_TITLE,
    FILE,
    FINGERPRINT,
    HOST,
    PATTERN,
    TRUTH,
    choice,
    has_certificate,
    several,
    table,
)
from edge.morph import match
from edge.net import tls

_TITLE = table(
    "table",
    'a table like { ae_title = "CT1", name = "ct1.example.org" }, with name or fingerprint',
    {"ae_title": AE_TITLE, "name": PATTERN, "fingerprint": FINGERPRINT},
    ("ae_title",),
    has_certificate,
)

TLS = Section(
    "tls",
    False,
    "Encrypted connections: what the box shows of itself, and whom it believes. Files are PEM, relative to this file's "
    "folder, and may be replaced while the box runs: new connections use the new ones.",
    (
        key(
            "certificate",
            FILE,
            None,
            "The box's certificate, with the intermediate ones after it.",
            example='"/etc/edge/edge.pem"',
        ),
        key(
            "key",
            FILE,
            None,
            "Its private key, without a password, that nobody else can read. Without it: in the certificate's file.",
            example='"/etc/edge/edge.key"',
        ),
        key(
            "authorities",
            FILE,
            None,
            "The certificates of the issuers that are believed. Without it, or as \"system\": those of the operating "
            "system, for destinations only.",
            example='"/etc/edge/hospital-ca.pem"',
        ),
        key(
            "profile",
            choice(*tls.PROFILES),
            "bcp195",
            'The profile: "bcp195" is PS3.15 B.12, "bcp195-modified" is B.13, with more cipher suites.',
        ),
        key(
            "client_certificates",
            choice(tls.REQUIRED, tls.OPTIONAL, tls.NONE),
            tls.REQUIRED,
            "Whether those who connect to `tls_port` have to show a certificate of one of the `authorities`.",
        ),
        key(
            "titles",
            several(_TITLE),
            (),
            "AE titles (patterns) that are kept for the holder of a certificate, known by a name in it (common name, "
            "DNS name or whole subject; a pattern) or by its SHA-256 fingerprint. Whoever calls himself so without it "
            "is refused, on `port` too.",
            example='[{ ae_title = "CT1", name = "ct1.example.org" }]',
        ),
    ),
)

# What a [[destination]] says of TLS
OF_DESTINATIONS = (
    key("tls", TRUTH, False, "Whether the connection is encrypted, as [tls] says and the next keys may override."),
    key(
        "certificate",
        FILE,
        None,
        "What the box shows there instead of the `certificate` of [tls].",
        example='"/etc/edge/cloud.pem"',
    ),
    key("key", FILE, None, "The key of this `certificate`.", example='"/etc/edge/cloud.key"'),
    key(
        "authorities",
        FILE,
        None,
        'Whom the box believes there instead of the `authorities` of [tls]; "system" for those of the operating '
        "system.",
        example='"system"',
    ),
    key(
        "server_name",
        HOST,
        None,
        "The name that its certificate is for, where that is not `host`.",
        example='"pacs.example.org"',
    ),
)


def server_terms(settings):
    """Return the tls.Terms of the listener of a config.Config; None when it has no port with TLS."""
    if settings.dicom.tls_port is None:
        return None
    own = settings.tls
    return tls.Terms(own.certificate, own.key, own.authorities, own.profile, None, own.client_certificates)


def client_terms(settings, destination):
    """Return the tls.Terms for a config.Destination of a config.Config; None when it is met without TLS."""
    if not destination.tls:
        return None
    own = settings.tls
    shown = destination if destination.certificate is not None else own
    believed = destination.authorities or own.authorities
    return tls.Terms(shown.certificate, shown.key, believed, own.profile, destination.server_name)


def keeper(titles):
    """Return the function of (calling AE title, channel.Holder or None), whether that title is another's.

    titles: those of [tls], which are kept for the holders of certificates.
    """
    kept = [dict(each) for each in titles]

    def keeps(calling, holder):
        fitting = [each for each in kept if match.is_like(calling, each["ae_title"])]
        return bool(fitting) and not any([_is_holder(each, holder) for each in fitting])

    return keeps


def _is_holder(title, holder):
    if holder is None or title.get("fingerprint", holder.fingerprint) != holder.fingerprint:
        return False
    if "name" not in title:
        return True
    return any([match.is_like(name.lower(), title["name"].lower()) for name in (holder.subject, *holder.names)])


def anchored(settings, anchor):
    """Return a config.Config with each path of TLS files as the function `anchor` has it."""
    return settings._replace(
        tls=_anchored(settings.tls, anchor),
        destinations=tuple([_anchored(each, anchor) for each in settings.destinations]),
    )


def _anchored(table_of, anchor):
    paths = {}
    for field in ("certificate", "key", "authorities"):
        path = getattr(table_of, field)
        if path not in (None, tls.SYSTEM):
            paths[field] = anchor(path)
    return table_of._replace(**paths)


def mistakes(settings):
    """Yield (path of keys, words) for what is wrong between keys that are right each by itself."""
    own, dicom = settings.tls, settings.dicom
    if dicom.tls_port is None:
        if not dicom.plain:
            yield ("dicom", "plain"), "it is false, and there is no tls_port: nobody could reach the box; give one"
    elif own.certificate is None:
        yield ("tls", "certificate"), "it is missing; [dicom] tls_port needs the box's certificate"
    elif own.client_certificates != tls.NONE and own.authorities in (None, tls.SYSTEM):
        words = (
            'expected the file of the issuers whose certificates let a device in; or client_certificates = "none", '
            "and anybody may connect, whatever he shows"
        )
        yield ("tls", "authorities"), words
    if dicom.plain and dicom.tls_port and dicom.tls_port == dicom.port:
        yield ("dicom", "tls_port"), "expected another port than port, found %d for both" % dicom.port
    if own.key is not None and own.certificate is None:
        yield ("tls", "key"), "there is no certificate that it would be the key of"
    for number, each in enumerate(settings.destinations):
        if each.tls and each.key is not None and each.certificate is None:
            yield ("destination", number, "key"), "there is no certificate that it would be the key of"


def warnings(settings):
    """Yield (path of keys, words) for what can be meant, but is dangerous or of no effect."""
    for number, each in enumerate(settings.destinations):
        for field in ("certificate", "key", "authorities", "server_name"):
            if getattr(each, field) is not None and not each.tls:
                yield ("destination", number, field), "it is of no effect without tls = true: nothing is encrypted"
    if settings.dicom.tls_port is not None and settings.tls.client_certificates != tls.REQUIRED:
        yield ("tls", "client_certificates"), "who shows no certificate is let in, too; expected \"required\""
