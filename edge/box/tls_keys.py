"""The keys of TLS that one table has beside [tls], which they override, and the tls.Terms that both come to."""

from edge.box.values import HOST
from edge.net import tls
from edge.toml.kinds import FILE
from edge.toml.section import key


def keys(showing, believing, host, files, name):
    """Return the keys `certificate`, `key`, `authorities` and `server_name` of a table.

    showing: the kinds that have the first two; believing: those that have the others; host: the words for what the
    name stands for otherwise; files: the example of the first two, without its ending; name: that of the last.
    """
    return (
        key(
            "certificate",
            FILE,
            None,
            "What the box shows there instead of the `certificate` of [tls].",
            example='"%s.pem"' % files,
            only=showing,
        ),
        key("key", FILE, None, "The key of this `certificate`.", example='"%s.key"' % files, only=showing),
        key(
            "authorities",
            FILE,
            None,
            'Whom the box believes there instead of the `authorities` of [tls]; "system" for those of the operating '
            "system.",
            example='"system"',
            only=believing,
        ),
        key(
            "server_name",
            HOST,
            None,
            "The name that its certificate is for, where that is not %s." % host,
            example='"%s"' % name,
            only=believing,
        ),
    )


def client_terms(own, override):
    """Return the tls.Terms of a client whose table is `override`, beside the [tls] `own`."""
    shown = override if override.certificate is not None else own
    believed = override.authorities or own.authorities
    return tls.Terms(shown.certificate, shown.key, believed, own.profile, override.server_name)
