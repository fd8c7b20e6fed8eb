"""What the configuration says of the console that a browser shows: its keys, and what is wrong between them."""

import os

from edge.box.values import ADDRESS, HOST
from edge.net import tls
from edge.toml.kinds import FILE, TRUTH, choice, several, whole
from edge.toml.section import Section, key

FOLDER = "console"  # below the state folder: users, tokens, the certificate that the box makes for itself

CONSOLE = Section(
    "console",
    False,
    "The console: pages for a browser, and the same as JSON for machines. Whoever comes first has to claim the box "
    "with the code that `edge serve` shows on the terminal and the serial line shows. Where it cannot listen the box "
    "works all the same, and says so.",
    (
        key("on", TRUTH, True, "Whether there is one."),
        key("bind", ADDRESS, "0.0.0.0", "The address that it listens on."),
        key("port", whole(0, 65535), 8443, "The TCP port that it listens on; 0 takes any free one."),
        key(
            "tls",
            TRUTH,
            True,
            "Whether it is encrypted (https). false is for a box behind a proxy of its own: passwords could be read.",
        ),
        key(
            "certificate",
            FILE,
            None,
            "The file of the certificate that it shows, in PEM. Without it, one that the box makes for itself, whose "
            "fingerprint `edge serve` and the serial line show.",
            example='"/etc/edge/console.pem"',
        ),
        key("key", FILE, None, "The key of this `certificate`.", example='"/etc/edge/console.key"'),
        key(
            "hosts",
            several(HOST),
            (),
            "Names beside the machine's own name and addresses under which browsers may ask for it. Others are "
            "refused, or a foreign page could ask in a browser's name.",
            example='["edge.example.org"]',
        ),
        key("idle_min", whole(1, 1440), 30, "After how many minutes without a click one has to log in again."),
        key("max_connections", whole(8, 1000), 128, "Connections at a time; a page that updates live keeps one open."),
        key(
            "open",
            several(choice("health", "metrics")),
            (),
            "What is answered without login or token: /health with its reasons, /metrics. /health without reasons "
            "always is.",
            example='["metrics"]',
        ),
    ),
)


def server_terms(settings):
    """Return the tls.Terms of the console of a config.Config; None when it has no certificate of its own there."""
    own = settings.console
    if not own.on or not own.tls or own.certificate is None:
        return None
    return tls.Terms(own.certificate, own.key, None, settings.tls.profile, None, tls.NONE)


def folder(settings):
    """Return the folder in which the console of a config.Config keeps what is its own."""
    return os.path.join(settings.box.state_dir, FOLDER)


def anchored(settings, anchor):
    """Return a config.Config with each path of the console as the function `anchor` has it."""
    own = settings.console
    paths = {field: anchor(getattr(own, field)) for field in ("certificate", "key") if getattr(own, field) is not None}
    return settings._replace(console=own._replace(**paths))


def mistakes(settings):
    """Yield (path of keys, words) for what is wrong between keys that are right each by itself."""
    own = settings.console
    if own.key is not None and own.certificate is None:
        yield ("console", "key"), "there is no certificate that it would be the key of"


def warnings(settings):
    """Yield (path of keys, words) for what can be meant, but is dangerous or of no effect."""
    own, dicom = settings.console, settings.dicom
    if not own.on:
        return
    taken = {dicom.port: "[dicom] port"} if dicom.plain else {}
    taken.update({dicom.tls_port: "[dicom] tls_port", settings.relay.port: "[relay] port"})
    if own.port and own.port in taken:
        words = "%d is %s, too, so there is no console; give it another port, or set on = false"
        yield ("console", "port"), words % (own.port, taken[own.port])
    if not own.tls:
        yield ("console", "tls"), "whoever is on the way reads the passwords; it is for a proxy that adds it"
        if own.certificate is not None:
            yield ("console", "certificate"), "it is of no effect without tls"
