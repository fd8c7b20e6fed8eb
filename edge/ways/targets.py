"""The Target of a destination, made by its kind; what one kind needs is imported only by a box that has one of it."""

from collections import namedtuple

from edge.box import encryption
from edge.net import tls
from edge.net.pace import Pace
from edge.pixels import registry

# What all Targets of a destination have in common. stages: what objects are changed by; compress: UID of the transfer
# syntax that they are compressed to, or None; pace: pace.Pace or None; tls: tls.Client or None
_Shared = namedtuple("_Shared", ("stages", "compress", "pace", "tls"))


def milliseconds(seconds):
    """Return a time of the configuration as the net takes it."""
    return round(seconds * 1000)


def make(settings, destination, stages=()):
    """Return the target.Targets of a config.Destination, as many as the associations it may have at a time.

    settings: the config.Config that it is part of; stages: what objects are changed by on their way there.
    """
    rate = destination.rate_bytes_per_s
    shared = _Shared(
        stages,
        destination.compress and registry.named(destination.compress).uid,
        None if rate is None else Pace(rate),
        tls_client(settings, destination),
    )
    return [_MAKERS[destination.kind](settings, destination, shared) for _ in range(destination.associations)]


def reach(settings, destination):
    """See that a config.Destination can be reached, and be delivered to; raises target.LinkFailure."""
    make(settings, destination)[0].probe()


def tls_client(settings, destination):
    """Return the tls.Client for a config.Destination; None when it is met without TLS."""
    terms = encryption.client_terms(settings, destination)
    return None if terms is None else tls.Client(terms)


def terms(destination, pace=None):
    """Return the outbound.Terms of a config.Destination of kind "dicom"; pace: pace.Pace or None."""
    from edge.net import outbound

    return outbound.Terms(
        milliseconds(destination.connect_timeout_s),
        milliseconds(destination.dimse_timeout_s),
        destination.max_pdu_bytes,
        pace,
    )


def _dicom(settings, destination, shared):
    from edge.forward.dicom import DicomTarget

    calling = destination.calling_ae_title or settings.box.ae_title
    peer = (destination.host, destination.port, destination.ae_title)
    how = terms(destination, shared.pace)
    return DicomTarget(*peer, calling, how, shared.compress, shared.stages, shared.tls)


def _stow(settings, destination, shared):
    from edge.forward.stow import StowTarget
    from edge.net import web

    url = destination.url
    terms = web.Terms(milliseconds(destination.connect_timeout_s), milliseconds(destination.answer_timeout_s))
    connection = web.Connection(url.host, url.port, terms, shared.tls, shared.pace)
    if destination.token_file is not None:
        authorize = web.bearer(destination.token_file)
    elif destination.user is not None:
        authorize = web.basic(destination.user, destination.password_file)
    else:
        authorize = _nobody
    title, most = settings.box.ae_title, destination.objects_per_request
    return StowTarget(connection, url.path, title, authorize, most, shared.compress, shared.stages)


def _nobody():
    """There is nothing to say of who we are."""


def _folder(settings, destination, shared):
    import os

    from edge.forward.folder import FolderTarget

    title = settings.box.ae_title
    mark = "%s-%s-%s" % (os.uname().nodename, title, destination.name)
    shape = (destination.path, destination.layout)
    return FolderTarget(*shape, title, mark, destination.must_be_mounted, shared.compress, shared.stages)


def _relay(settings, destination, shared):
    import os

    from edge.forward.relay import RelayTarget
    from edge.forward.resume import Resume
    from edge.net import tus

    url = destination.url
    resume = Resume(os.path.join(settings.box.state_dir, "resume"))
    limits = (destination.connect_timeout_s, destination.answer_timeout_s)
    return RelayTarget(
        url.host, url.port, url.path or tus.FOLDER, shared.tls, settings.box.ae_title, resume, *limits, shared.pace,
        shared.compress, shared.stages,
    )  # fmt: skip


# kind: function of (config.Config, config.Destination, _Shared)
_MAKERS = {"dicom": _dicom, "stow": _stow, "folder": _folder, "relay": _relay}
