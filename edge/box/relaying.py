"""What the configuration says of the relay: its keys, and which box a certificate stands for."""

from edge.box.values import ADDRESS, BOX
from edge.morph import match
from edge.net import tls
from edge.toml.kinds import several, whole
from edge.toml.section import Section, key

RELAY = Section(
    "relay",
    False,
    "The relay: where other boxes, which have a [[destination]] of the kind relay, upload objects in pieces, so that "
    "they go on where a link was cut. What is complete counts as received and goes where the [[route]]s here say. "
    "Always with TLS, and with certificates at both ends, as [tls] says.",
    (
        key("bind", ADDRESS, "0.0.0.0", "The address that it listens on."),
        key("port", whole(0, 65535), None, "The TCP port that it listens on. Without it: no relay.", example="8443"),
        key(
            "boxes",
            several(BOX),
            (),
            "The boxes that may upload, each by a name in its certificate (common name or DNS name, a pattern) or by "
            "the certificate's SHA-256 fingerprint. Empty: every box with a certificate of the `authorities` of [tls].",
            example='["clinic-north", "van-*"]',
        ),
        key("max_connections", whole(1, 1000), 64, "Connections at a time, of all boxes; each has 8 of them at most."),
        key(
            "keep_days",
            whole(1, 365),
            7,
            "How long an upload that its box does not go on with is kept before it has to begin anew.",
        ),
    ),
)


def server_terms(settings):
    """Return the tls.Terms of the relay of a config.Config: every box has to show a certificate."""
    own = settings.tls
    return tls.Terms(own.certificate, own.key, own.authorities, own.profile, None, tls.REQUIRED)


def box_of(boxes, holder):
    """Return the name of the box that a channel.Holder is, as `boxes` of [relay] has it; None for a stranger."""
    names = [name for name in holder.names if name.isprintable()]
    named = names[0] if names else holder.fingerprint
    if not boxes or "sha256:" + holder.fingerprint in boxes:
        return named
    for name in names:
        if any([match.is_like(name.lower(), each.lower()) for each in boxes]):
            return name
    return None


def mistakes(settings):
    """Yield (path of keys, words) for what is wrong between keys that are right each by itself."""
    if settings.relay.port is None:
        return
    if settings.tls.certificate is None:
        yield ("tls", "certificate"), "it is missing; [relay] port needs the certificate of this box"
    if settings.tls.authorities in (None, tls.SYSTEM):
        yield ("tls", "authorities"), "expected the file of the issuers whose certificates let a box upload to [relay]"
    taken = [settings.dicom.port if settings.dicom.plain else None, settings.dicom.tls_port]
    if settings.relay.port and settings.relay.port in taken:
        yield ("relay", "port"), "expected another port than those of [dicom], found %d for both" % settings.relay.port


def warnings(settings):
    """Yield (path of keys, words) for what can be meant, but is dangerous or of no effect."""
    for number, each in enumerate(settings.destinations):
        if each.kind == "relay" and not each.url.is_encrypted:
            yield ("destination", number, "url"), "nothing is encrypted on the way there; expected https://"
    if settings.relay.port is None and settings.relay.boxes:
        yield ("relay", "boxes"), "it is of no effect without a port: there is no relay"
