"""The user information of an association: the sub-items of PS3.8 D.1 and PS3.7 D.3, read and written.

An item that is not known here is passed over, as PS3.8 9.3.1 asks; a known one that is malformed is a PeerError.
"""

from collections import namedtuple

from edge.dicom import ascii
from edge.dicom.errors import LocalError, PeerError
from edge.dicom.octets import get_u16_be, get_u32_be, put_u8, put_u16_be, put_u32_be

MAXIMUM_LENGTH = 0x51
IMPLEMENTATION_CLASS_UID = 0x52
ASYNCHRONOUS_OPERATIONS = 0x53
ROLE_SELECTION = 0x54
IMPLEMENTATION_VERSION_NAME = 0x55
SOP_CLASS_EXTENDED = 0x56
SOP_CLASS_COMMON_EXTENDED = 0x57
USER_IDENTITY = 0x58
USER_IDENTITY_RESPONSE = 0x59

# sop_class: str; scu, scp: bool, the roles proposed or accepted (PS3.7 D.3.3.4)
Role = namedtuple("Role", ("sop_class", "scu", "scp"))
# sop_class: str; information: bytes, defined by the service class (PS3.7 D.3.3.5)
Extended = namedtuple("Extended", ("sop_class", "information"))
# sop_class, service_class: str; related: tuple of str, the related general SOP classes (PS3.7 D.3.3.6)
CommonExtended = namedtuple("CommonExtended", ("sop_class", "service_class", "related"))
# kind: 1 user name, 2 user name and passcode, 3 Kerberos ticket, 4 SAML assertion, 5 JSON web token; wants_response:
# bool; primary, secondary: bytes, never to be logged (PS3.7 D.3.3.7)
Identity = namedtuple("Identity", ("kind", "wants_response", "primary", "secondary"))
# invoked, performed: operations outstanding at most, 0 for any number (PS3.7 D.3.3.3)
Asynchronous = namedtuple("Asynchronous", ("invoked", "performed"))

# What both sides say of themselves. max_pdu_bytes: longest P-DATA-TF body it takes, 0 for no limit;
# implementation_class_uid, implementation_version_name: str ("" for none); asynchronous: Asynchronous or None;
# roles, extended, common_extended: tuples; identity: Identity or None; identity_response: bytes or None.
UserInformation = namedtuple(
    "UserInformation",
    (
        "max_pdu_bytes",
        "implementation_class_uid",
        "implementation_version_name",
        "asynchronous",
        "roles",
        "extended",
        "common_extended",
        "identity",
        "identity_response",
    ),
)


def user_information(
    max_pdu_bytes,
    implementation_class_uid,
    implementation_version_name="",
    asynchronous=None,
    roles=(),
    extended=(),
    common_extended=(),
    identity=None,
    identity_response=None,
):
    """Return a UserInformation; what is not given is not negotiated."""
    return UserInformation(
        max_pdu_bytes,
        implementation_class_uid,
        implementation_version_name,
        asynchronous,
        tuple(roles),
        tuple(extended),
        tuple(common_extended),
        identity,
        identity_response,
    )


def walk(octets, begin, end, what):
    """Yield (type, begin, end) of the items in `octets[begin:end]`: type, a reserved octet, a length of two.

    what: the name of what holds them, for the message. Raises PeerError when one runs over the end.
    Source: PS3.8 9.3.2, 9.3.3.
    """
    while begin < end:
        if begin + 4 > end:
            raise PeerError("%d octets at the end of %s are too few for an item" % (end - begin, what), begin)
        item_end = begin + 4 + get_u16_be(octets, begin + 2)
        if item_end > end:
            raise PeerError(
                "item %02XH of %d octets runs over the end of %s" % (octets[begin], item_end - begin - 4, what), begin
            )
        yield octets[begin], begin + 4, item_end
        begin = item_end


def item(kind, body):
    """Return one item as octets; LocalError when `body` is longer than its length field can say."""
    if len(body) > 0xFFFF:
        raise LocalError("item %02XH of %d octets does not fit its length of two octets" % (kind, len(body)))
    return put_u8(kind) + b"\x00" + put_u16_be(len(body)) + body


def read_uid(octets, begin, end):
    """Return the UID in `octets[begin:end]` as str, without the padding that some senders leave on it."""
    return ascii.unpadded(octets[begin:end])


def uid_octets(uid):
    """Return `uid` (str) as octets, unpadded, as PDUs carry it (PS3.8 Annex F)."""
    return ascii.strict(uid)


def _counted(octets, begin, end, what):
    """Return (field begin, field end) of a field that follows its length of two octets."""
    if begin + 2 > end:
        raise PeerError("%s ends before the length of a field" % what, begin)
    field_end = begin + 2 + get_u16_be(octets, begin)
    if field_end > end:
        raise PeerError("a field of %s runs over its end" % what, begin)
    return begin + 2, field_end


def _exactly(octets, begin, end, size, what):
    if end - begin != size:
        raise PeerError("%s has %d octets, not %d" % (what, end - begin, size), begin)


def _read_role(octets, begin, end):
    uid_begin, uid_end = _counted(octets, begin, end, "the role selection item")
    _exactly(octets, uid_end, end, 2, "the pair of roles")
    return Role(read_uid(octets, uid_begin, uid_end), octets[uid_end] == 1, octets[uid_end + 1] == 1)


def _read_extended(octets, begin, end):
    uid_begin, uid_end = _counted(octets, begin, end, "the SOP class extended negotiation item")
    return Extended(read_uid(octets, uid_begin, uid_end), bytes(octets[uid_end:end]))


def _read_common_extended(octets, begin, end):
    what = "the SOP class common extended negotiation item"
    uid_begin, uid_end = _counted(octets, begin, end, what)
    service_begin, service_end = _counted(octets, uid_end, end, what)
    at, related_end = _counted(octets, service_end, end, what)
    related = []
    while at < related_end:
        related_begin, at = _counted(octets, at, related_end, what)
        related.append(read_uid(octets, related_begin, at))
    return CommonExtended(
        read_uid(octets, uid_begin, uid_end), read_uid(octets, service_begin, service_end), tuple(related)
    )


def _read_identity(octets, begin, end):
    what = "the user identity item"
    if end - begin < 2:
        raise PeerError("%s has no room for its type" % what, begin)
    primary_begin, primary_end = _counted(octets, begin + 2, end, what)
    secondary_begin, secondary_end = _counted(octets, primary_end, end, what)
    return Identity(
        octets[begin],
        octets[begin + 1] != 0,
        bytes(octets[primary_begin:primary_end]),
        bytes(octets[secondary_begin:secondary_end]),
    )


def decode(octets, begin, end):
    """Read the sub-items in `octets[begin:end]` into a UserInformation; PeerError when one is malformed.

    A maximum length that is not given counts as 0, no limit, as PS3.8 D.1 has it for that value.
    """
    max_pdu_bytes = 0
    class_uid = ""
    version_name = ""
    asynchronous = None
    roles = []
    extended = []
    common_extended = []
    identity = None
    identity_response = None
    for kind, at, item_end in walk(octets, begin, end, "the user information"):
        if kind == MAXIMUM_LENGTH:
            _exactly(octets, at, item_end, 4, "the maximum length item")
            max_pdu_bytes = get_u32_be(octets, at)
        elif kind == IMPLEMENTATION_CLASS_UID:
            class_uid = read_uid(octets, at, item_end)
        elif kind == IMPLEMENTATION_VERSION_NAME:
            version_name = ascii.unpadded(octets[at:item_end]).lstrip()
        elif kind == ASYNCHRONOUS_OPERATIONS:
            _exactly(octets, at, item_end, 4, "the asynchronous operations window item")
            asynchronous = Asynchronous(get_u16_be(octets, at), get_u16_be(octets, at + 2))
        elif kind == ROLE_SELECTION:
            roles.append(_read_role(octets, at, item_end))
        elif kind == SOP_CLASS_EXTENDED:
            extended.append(_read_extended(octets, at, item_end))
        elif kind == SOP_CLASS_COMMON_EXTENDED:
            common_extended.append(_read_common_extended(octets, at, item_end))
        elif kind == USER_IDENTITY:
            identity = _read_identity(octets, at, item_end)
        elif kind == USER_IDENTITY_RESPONSE:
            response_begin, response_end = _counted(octets, at, item_end, "the user identity response")
            identity_response = bytes(octets[response_begin:response_end])
    return user_information(
        max_pdu_bytes,
        class_uid,
        version_name,
        asynchronous,
        roles,
        extended,
        common_extended,
        identity,
        identity_response,
    )


def _field(octets):
    if len(octets) > 0xFFFF:
        raise LocalError("a field of %d octets does not fit its length of two octets" % len(octets))
    return put_u16_be(len(octets)) + octets


def encode(user):
    """Return the sub-items of `user`, a UserInformation, as octets, in ascending order of their types."""
    parts = [item(MAXIMUM_LENGTH, put_u32_be(user.max_pdu_bytes))]
    parts.append(item(IMPLEMENTATION_CLASS_UID, uid_octets(user.implementation_class_uid)))
    if user.asynchronous is not None:
        pair = put_u16_be(user.asynchronous.invoked) + put_u16_be(user.asynchronous.performed)
        parts.append(item(ASYNCHRONOUS_OPERATIONS, pair))
    for role in user.roles:
        body = _field(uid_octets(role.sop_class)) + put_u8(int(role.scu)) + put_u8(int(role.scp))
        parts.append(item(ROLE_SELECTION, body))
    if user.implementation_version_name:
        name = ascii.strict(user.implementation_version_name)
        if len(name) > 16:
            raise LocalError("implementation version name %r is longer than 16 characters" % name)
        parts.append(item(IMPLEMENTATION_VERSION_NAME, name))
    for extended in user.extended:
        parts.append(item(SOP_CLASS_EXTENDED, _field(uid_octets(extended.sop_class)) + extended.information))
    for common in user.common_extended:
        related = b"".join([_field(uid_octets(uid)) for uid in common.related])
        body = _field(uid_octets(common.sop_class)) + _field(uid_octets(common.service_class)) + _field(related)
        parts.append(item(SOP_CLASS_COMMON_EXTENDED, body))
    identity = user.identity
    if identity is not None:
        flags = put_u8(identity.kind) + put_u8(int(identity.wants_response))
        parts.append(item(USER_IDENTITY, flags + _field(identity.primary) + _field(identity.secondary)))
    if user.identity_response is not None:
        parts.append(item(USER_IDENTITY_RESPONSE, _field(user.identity_response)))
    return b"".join(parts)
