"""Which box a certificate stands for, and what a [relay] needs beside it."""

import pytest

from edge.box import load, relaying
from edge.net.channel import Holder

PRINT = "ab" * 32
TLS = '[tls]\ncertificate = "r.pem"\nkey = "r.key"\nauthorities = "ca.pem"\n'


def holder(*names):
    return Holder("CN=x", names, PRINT, 0)


@pytest.mark.parametrize(
    ("boxes", "names", "name"),
    [
        ((), ("van-3",), "van-3"),
        ((), (), PRINT),
        (("van-*",), ("van-3", "other"), "van-3"),
        (("other",), ("van-3", "other"), "other"),
        (("VAN-3",), ("van-3",), "van-3"),
        (("van-4",), ("van-3",), None),
        (("van-4",), (), None),
        (("sha256:" + PRINT,), ("van-3",), "van-3"),
        (("sha256:" + "cd" * 32,), ("van-3",), None),
        (("*",), ("van\n3",), None),
    ],
)
def test_a_box_is_known_by_a_name_in_its_certificate_or_by_its_fingerprint(boxes, names, name):
    assert relaying.box_of(boxes, holder(*names)) == name


def mistakes(text):
    with pytest.raises(load.ConfigError) as wrong:
        load.parse(text, "edge.toml")
    return "\n".join(wrong.value.lines())


def test_a_relay_needs_a_certificate_and_issuers_that_it_believes():
    said = mistakes("[relay]\nport = 8443\n")
    assert "[tls] certificate: it is missing" in said and "[tls] authorities: expected the file of the issuers" in said


def test_a_relay_needs_a_port_of_its_own():
    assert "expected another port than those of [dicom]" in mistakes(TLS + "[relay]\nport = 11112\n")


def test_fingerprints_are_read_as_openssl_prints_them():
    written = ":".join([PRINT[at : at + 2] for at in range(0, 64, 2)]).upper()
    found = load.parse(TLS + '[relay]\nport = 1\nboxes = ["sha256:%s"]\n' % written, "edge.toml").config
    assert found.relay.boxes == ("sha256:" + PRINT,)


def test_a_relay_without_encryption_is_warned_of():
    text = '[[destination]]\nname = "r"\nkind = "relay"\nurl = "http://r:1"\n'
    warnings = load.parse(text, "edge.toml").warnings
    assert any("nothing is encrypted on the way there" in each.words for each in warnings)
