"""What the configuration says of TLS: its keys, the tls.Terms that they come to, and what is wrong with the files."""

import functools
import time

from edge.box import alerting, console_keys, relaying, tls_keys
from edge.box.values import AE_TITLE, FINGERPRINT, has_certificate
from edge.morph import match
from edge.net import certificate, tls
from edge.spool.health import Trouble
from edge.toml.kinds import FILE, PATTERN, TRUTH, choice, several, table
from edge.toml.section import Section, key

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

_TLS_KINDS = ("dicom", "stow", "relay")

# What a [[destination]] says of TLS
OF_DESTINATIONS = (
    key(
        "tls",
        TRUTH,
        False,
        "Whether the connection is encrypted, as [tls] says and the next keys may override.",
        only=("dicom",),
    ),
    *tls_keys.keys(_TLS_KINDS, _TLS_KINDS, "`host`", "/etc/edge/cloud", "pacs.example.org"),
)


def server_terms(settings):
    """Return the tls.Terms of the listener of a config.Config; None when it has no port with TLS."""
    if settings.dicom.tls_port is None:
        return None
    own = settings.tls
    return tls.Terms(own.certificate, own.key, own.authorities, own.profile, None, own.client_certificates)


def client_terms(settings, destination):
    """Return the tls.Terms for a config.Destination of a config.Config; None when it is met without TLS."""
    if not _is_encrypted(destination):
        return None
    return tls_keys.client_terms(settings.tls, destination)


def ports(port, tls_port):
    """Return the words for the ports that are listened on, without TLS and with it; None for none."""
    if tls_port is None:
        return "port %d" % port
    return "port %d with TLS" % tls_port if port is None else "port %d and, with TLS, %d" % (port, tls_port)


def is_closed(settings):
    """Say whether nobody reaches a box of a config.Config without a certificate that it believes."""
    return not settings.dicom.plain and settings.tls.client_certificates == tls.REQUIRED


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


def _is_encrypted(destination):
    return destination.url.is_encrypted if destination.url is not None else destination.tls


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
    if own.titles and (dicom.tls_port is None or own.client_certificates == tls.NONE):
        words = "nobody could use them without a tls_port under [dicom] and client certificates"
        yield ("tls", "titles"), words
    if dicom.plain and dicom.tls_port and dicom.tls_port == dicom.port:
        yield ("dicom", "tls_port"), "expected another port than port, found %d for both" % dicom.port
    if own.key is not None and own.certificate is None:
        yield ("tls", "key"), "there is no certificate that it would be the key of"
    for number, each in enumerate(settings.destinations):
        if each.key is not None and each.certificate is None:
            yield ("destination", number, "key"), "there is no certificate that it would be the key of"


def warnings(settings):
    """Yield (path of keys, words) for what can be meant, but is dangerous or of no effect."""
    for number, each in enumerate(settings.destinations):
        for field in ("certificate", "key", "authorities", "server_name"):
            if getattr(each, field) is not None and not _is_encrypted(each):
                cure = "https" if each.url is not None else "tls = true"
                yield ("destination", number, field), "it is of no effect without %s: nothing is encrypted" % cure
    if settings.dicom.tls_port is not None and settings.tls.client_certificates != tls.REQUIRED:
        yield ("tls", "client_certificates"), "who shows no certificate is let in, too; expected \"required\""


# The files

_DAY_S = 86400
_SOON_DAYS = 30  # how long before the end of a certificate it is a trouble
_URGENT_DAYS = 7  # and one that is told of once more


def troubles(settings, now):
    """Yield the Trouble of each file that cannot be used, and of each certificate whose time is not or soon over.

    now: s since 1970, of the box's clock.
    """
    faults = {}
    for what, terms, is_server in _uses(settings):
        fault = _fault(terms, is_server, tls.stamp(terms))
        if fault is not None:
            faults.setdefault(fault, []).append(what)
    for fault, uses in faults.items():
        what = "TLS " + " and ".join(uses)
        yield Trouble(what, now, "%s: %s; the box takes the new file by itself" % (what, fault))
    for path in _paths(settings):
        for each in _certificates(path, tls.stamp_of(path)):
            yield from _aging(path, each, now)


def faults(settings, now):
    """Return {fault: words for what the file is used for} of each file that cannot be used, or is of no use any more.

    now: s since 1970, of the box's clock.
    """
    found = {}
    for what, terms, is_server in _uses(settings):
        fault = _fault(terms, is_server, tls.stamp(terms))
        path = terms.certificate
        shown = () if fault or path is None else _certificates(path, tls.stamp_of(path))
        if shown and shown[0].ends <= now:
            day = time.strftime("%Y-%m-%d", time.gmtime(shown[0].ends))
            fault = "the certificate %s has expired on %s, and nobody believes it" % (path, day)
        if fault is not None:
            found.setdefault(fault, "TLS " + what)
    return found


def _uses(settings):
    """Yield (words, terms, whether it is a listener's) for each use of TLS."""
    listening = server_terms(settings)
    if listening is not None:
        yield "on port %d" % settings.dicom.tls_port, listening, True
    if settings.relay.port is not None:
        yield "on the relay's port %d" % settings.relay.port, relaying.server_terms(settings), True
    shown = console_keys.server_terms(settings)
    if shown is not None:
        yield "on the console's port %d" % settings.console.port, shown, True
    for each in settings.destinations:
        terms = client_terms(settings, each)
        if terms is not None:
            yield "to %s" % each.name, terms, False
    for each in settings.alerts:
        terms = alerting.client_terms(settings, each)
        if terms is not None:
            yield "for the alert %s" % each.name, terms, False


def certificates(settings):
    """Yield (words for what it is used for, path, certificate.Certificate) of each one in the files in use."""
    for what, terms, _ in _uses(settings):
        for path, role in ((terms.certificate, "shown "), (terms.authorities, "believed ")):
            if path not in (None, tls.SYSTEM):
                for each in _certificates(path, tls.stamp_of(path)):
                    yield role + what, path, each


def _paths(settings):
    """Return the files of certificates that are in use, each once."""
    found = {}
    for _, terms, _ in _uses(settings):
        for path in (terms.certificate, terms.authorities):
            if path not in (None, tls.SYSTEM):
                found[path] = None
    return list(found)


@functools.lru_cache(64)
def _fault(terms, is_server, stamp):
    """Say what is wrong with the files of `terms`, which `stamp` tells from what they were before."""
    return (tls.Server if is_server else tls.Client)(terms).examine()


@functools.lru_cache(64)
def _certificates(path, stamp):
    try:
        return certificate.read_file(path)
    except (OSError, certificate.Malformed):
        return ()  # whoever uses the file says so


def _aging(path, found, now):
    day = time.strftime("%Y-%m-%d", time.gmtime(found.ends))
    left = (found.ends - now) / _DAY_S
    key = "certificate %s, %s: " % (found.name, path)
    what = "the certificate of %s (%s)" % (found.name, path)
    cure = "replace the file; new connections use it at once"
    if now < found.begins:
        begins = time.strftime("%Y-%m-%d %H:%M", time.gmtime(found.begins))
        yield Trouble(key + "early", now, "%s is good only from %s on (UTC); check the box's clock" % (what, begins))
    elif left <= 0:
        words = "%s has expired on %s, and nobody believes it any more; %s"
        yield Trouble(key + "expired", found.ends, words % (what, day, cure))
    elif left <= _SOON_DAYS:
        phase, words = "soon", "%s expires in %s, on %s; %s"
        if left <= _URGENT_DAYS:
            phase, words = "urgent", "%s expires in %s, on %s, and nobody believes it then; %s"
        since = max(found.begins, found.ends - _SOON_DAYS * _DAY_S)
        yield Trouble(key + phase, since, words % (what, _days(left), day, cure))


def _days(left):
    return "less than a day" if left < 1 else "1 day" if left < 2 else "%d days" % left
