"""What the configuration says of TLS, and what it must not leave open."""

import pytest

from edge.box import encryption, load
from edge.net import tls
from tests.box.test_load import destination, mistakes


def test_files_of_tls_are_looked_for_beside_the_configuration():
    text = '[tls]\ncertificate = "edge.pem"\nauthorities = "system"\n' + destination(tls="true", key='"a.key"')
    with pytest.raises(load.ConfigError, match='"archive", key: there is no certificate'):
        load.parse(text, "/etc/edge/edge.toml")
    found = load.parse(text.replace('key = "a.key"', 'certificate = "/a.pem"'), "/etc/edge/edge.toml").config
    terms = encryption.client_terms(found, found.destinations[0])
    assert terms == tls.Terms("/a.pem", None, "system", "bcp195", None)
    assert found.tls.certificate == "/etc/edge/edge.pem"


def test_a_port_with_tls_needs_a_certificate_and_who_may_come():
    said = "\n".join(mistakes("[dicom]\ntls_port = 2762\n"))
    assert "[tls] certificate: it is missing; [dicom] tls_port needs the box's certificate" in said
    said = "\n".join(mistakes('[dicom]\ntls_port = 2762\n[tls]\ncertificate = "a.pem"\n'))
    assert "[tls] authorities: expected the file of the issuers" in said
    load.parse('[dicom]\ntls_port = 2762\n[tls]\ncertificate = "a.pem"\nclient_certificates = "none"\n', "edge.toml")


def test_a_box_that_nobody_could_reach_is_a_mistake():
    assert "nobody could reach the box" in "\n".join(mistakes("[dicom]\nplain = false\n"))


def test_keys_of_tls_for_a_destination_without_it_are_warned_of():
    loaded = load.parse(destination(authorities='"ca.pem"'), "edge.toml")
    assert any("of no effect without tls = true: nothing is encrypted" in each.words for each in loaded.warnings)


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ('{ ae_title = "CT1" }', "it says nothing of the certificate; give name or fingerprint"),
        ('{ name = "ct1" }', "ae_title is missing"),
        ('{ ae_title = "CT1", fingerprint = "sha256:12" }', "expected a certificate's SHA-256 fingerprint"),
    ],
)
def test_a_title_kept_for_a_certificate_says_for_which(title, words):
    assert words in "\n".join(mistakes("[tls]\ntitles = [%s]\n" % title))
