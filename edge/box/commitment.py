"""What the configuration says of storage commitment: the keys of a destination, and whom they mean."""

from collections import namedtuple

from edge.box.values import AE_TITLE, HOST
from edge.toml.kinds import TRUTH, seconds, whole
from edge.toml.section import key

# A night, for archives that write their tapes then; asked for twice, that is a day until an object is sent again
_WAIT_S = 12 * 3600

_ONLY = ("dicom",)

OF_DESTINATIONS = (
    key(
        "commitment",
        TRUTH,
        False,
        "Whether it is asked for storage commitment: what it was sent counts as delivered only once it has said that "
        "it keeps it.",
        only=_ONLY,
    ),
    key(
        "commitment_wait_s",
        seconds(1, 30 * 86400),
        _WAIT_S,
        "How long an answer about commitment may take; then it is asked again, and after as long again the object is "
        "sent again.",
        only=_ONLY,
    ),
    key(
        "commitment_tries",
        whole(1, 100),
        3,
        "How often an object is sent that is not committed to; then it is held.",
        only=_ONLY,
    ),
    key(
        "commitment_linger_s",
        seconds(0, 3600),
        10,
        "How long the association of a request waits for the answer, which may also come on a later one.",
        only=_ONLY,
    ),
    key(
        "commitment_ae_title",
        AE_TITLE,
        None,
        "Who is asked for commitment, and whose answers count, when that is not `ae_title`.",
        example='"KEEPER"',
        only=_ONLY,
    ),
    key("commitment_host", HOST, None, "Where that is, when that is not `host`.", example='"10.0.0.10"', only=_ONLY),
    key("commitment_port", whole(1, 65535), None, "Its TCP port, when that is not `port`.", example="104", only=_ONLY),
)

# Who commits for a destination
Provider = namedtuple("Provider", ("ae_title", "host", "port"))


def provider(destination):
    """Return the Provider for a config.Destination."""
    return Provider(
        destination.commitment_ae_title or destination.ae_title,
        destination.commitment_host or destination.host,
        destination.commitment_port or destination.port,
    )


def warnings(found):
    """Yield (the place of a key, words) for providers of a config.Config whose answers may have no way in."""
    callers = found.dicom.accept_calling
    for number, each in enumerate(found.destinations):
        title = provider(each).ae_title
        if each.commitment and callers and not any([caller.ae_title in ("", title) for caller in callers]):
            words = "%s is not in accept_calling, so its answers can only come on associations that the box opens"
            yield ("destination", number, "commitment"), words % title
