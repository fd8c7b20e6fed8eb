"""What a connection of the console is encrypted with: the certificate of the configuration, or the box's own."""

from edge.box import console_keys


def make_context(settings, access):
    """Return the function of no arguments that gives the ssl.SSLContext of a new connection, or None for plain text.

    settings: config.Config. A certificate of the configuration that cannot be used leaves the box's own, so that
    somebody can get in and mend it. Raises selfmade.CannotMake.
    """
    if not settings.console.tls:
        return lambda: None
    from edge.net import tls

    own = tls.Terms(*access.certificate(), None, settings.tls.profile, None, tls.NONE)
    fallback = tls.Server(own)
    terms = console_keys.server_terms(settings)
    if terms is None:
        return fallback.context
    given = tls.Server(terms)

    def context():
        try:
            return given.context()
        except tls.Unusable:
            return fallback.context()

    return context
