"""Names and times of certificates are read as OpenSSL reads them, and what is none is refused."""

import binascii
import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.net import certificate
from tests.support.certificates import P256, RSA_2048, openssl


def ends(path):
    """When OpenSSL says that it ends."""
    words = openssl("x509", "-in", path, "-noout", "-enddate").strip().partition("=")[2]
    return ssl.cert_time_to_seconds(words)


@pytest.mark.parametrize("kind", [P256, RSA_2048], ids=["P-256", "RSA"])
@pytest.mark.parametrize("days", [(-1, 365), (-400, -1), (-1, 20000)], ids=["good", "expired", "beyond 2050"])
def test_name_and_times_are_read(authority, kind, days):
    issued = authority.issue("ct1.example.org", days=days, kind=kind)
    (found,) = certificate.read_file(issued.certificate)
    assert found.name == "ct1.example.org"
    assert found.ends == ends(issued.certificate)
    assert found.ends - found.begins == (days[1] - days[0]) * 86400


def test_every_certificate_of_a_file_is_read_in_its_order(authority, tmp_path):
    leaf = authority.issue("edge")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(b"# leaf\n" + leaf.certificate.read_bytes() + authority.certificate.read_bytes())
    assert [each.ends for each in certificate.read_file(chain)] == [ends(leaf.certificate), ends(authority.certificate)]


def test_a_subject_without_a_common_name_is_called_by_what_it_has(authority):
    issued = authority.issue("", subject="/O=Hospital")
    assert certificate.read_file(issued.certificate)[0].name == "Hospital"


def test_what_is_no_certificate_is_refused(tmp_path):
    path = tmp_path / "bad.pem"
    for body in (b"!!", b"MA==", b"MIIBIjANBgkqhkiG", binascii.b2a_base64(b"\x30\x84\xff\xff\xff\xff")):
        path.write_bytes(b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n")
        with pytest.raises(certificate.Malformed):
            certificate.read_file(path)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_certificate_raises_what_it_should_or_is_read(der, data):
    octets = bytearray(der)
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        certificate.read(bytes(octets[: data.draw(st.integers(0, len(octets)))]))
    except (certificate.Malformed, IndexError, UnicodeDecodeError):
        pass


@pytest.fixture(scope="module")
def der(authority):
    return ssl.PEM_cert_to_DER_cert(authority.issue("edge").certificate.read_text("ascii"))
