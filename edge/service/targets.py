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


# kind: function of (config.Config, config.Destination, _Shared)
_MAKERS = {"dicom": _dicom}
