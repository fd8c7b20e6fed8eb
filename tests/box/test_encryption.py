"""What the configuration says of TLS, and what it must not leave open."""

import time

import pytest

from edge.box import encryption, load
from edge.net import channel, tls
from tests.box.test_load import destination, mistakes
from tests.support.certificates import Authority


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


@pytest.mark.parametrize("more", ["", 'client_certificates = "none"\n'])
def test_titles_that_nobody_could_use_are_a_mistake(more):
    text = '[dicom]\ntls_port = 2762\n[tls]\ncertificate = "a"\n' if more else "[tls]\n"
    said = "\n".join(mistakes(text + more + 'titles = [{ ae_title = "CT1", name = "ct1" }]\n'))
    assert "[tls] titles: nobody could use them" in said


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


# Files


def configured(authority, issued, more=""):
    """The configuration of a box that listens with these files."""
    text = "[dicom]\ntls_port = 2762\n[tls]\ncertificate = '%s'\nkey = '%s'\nauthorities = '%s'\n"
    return load.parse(text % (issued.certificate, issued.key, authority.certificate) + more, "edge.toml").config


def troubles(authority, issued, now=0.0, more=""):
    """The words of what is wrong with it `now` days from now, by key."""
    found = encryption.troubles(configured(authority, issued, more), time.time() + now * 86400)
    return {each.key: each.words for each in found}


@pytest.mark.parametrize(
    ("days", "phase", "words"),
    [
        (29.5, "soon", "expires in 29 days"),
        (6.5, "urgent", "expires in 6 days"),
        (0.5, "urgent", "expires in less than a day"),
        (-0.5, "expired", "has expired on"),
    ],
)
def test_a_certificate_is_told_of_before_it_ends(authority, days, phase, words):
    issued = authority.issue("edge", days=(-1, 100))
    assert not troubles(authority, issued)
    ((key, said),) = troubles(authority, issued, 100 - days).items()
    assert key.endswith(": " + phase)
    assert words in said and "the certificate of edge (%s)" % issued.certificate in said


def test_a_certificate_whose_time_has_not_come_points_to_the_clock(authority):
    issued = authority.issue("edge")
    (said,) = troubles(authority, issued, -5).values()
    assert "check the box's clock" in said


def test_an_authority_that_ends_is_told_of(authority, tmp_path):
    ending = Authority(tmp_path / "ending", "Old CA", days=(-10, 20))
    said = "\n".join(troubles(ending, authority.issue("edge")).values())
    assert "the certificate of Old CA" in said and "expires in" in said


def test_files_that_cannot_be_used_are_told_of_until_they_are_mended(authority):
    issued = authority.issue("edge")
    issued.key.chmod(0o604)
    (said,) = troubles(authority, issued).values()
    assert said.startswith("TLS on port 2762: the key of the certificate") and "chmod 600" in said
    issued.key.chmod(0o600)
    assert not troubles(authority, issued)


def test_a_fault_of_files_is_told_of_once_for_all_that_use_them(authority, caplog):
    issued = authority.issue("edge")
    issued.key.unlink()
    (said,) = troubles(authority, issued, more=destination(tls="true")).values()
    assert said.startswith("TLS on port 2762 and to archive: the key of the certificate")
    assert not caplog.records  # whoever asks says it


def test_a_new_certificate_for_a_few_days_was_no_trouble_before_there_was_one(authority):
    issued = authority.issue("edge", days=(-1, 5))
    (each,) = encryption.troubles(configured(authority, issued), time.time())
    assert time.time() - each.since < 1.1 * 86400


@pytest.mark.parametrize(("port", "said"), [("port = 8443\n", True), ("", False)])
def test_the_files_of_a_relay_are_looked_after_too(authority, port, said):
    issued = authority.issue("relay", days=(-1, 5))
    text = "[relay]\n%s[tls]\ncertificate = '%s'\nkey = '%s'\nauthorities = '%s'\n"
    text %= port, issued.certificate, issued.key, authority.certificate
    found = load.parse(text, "edge.toml").config
    words = [each.words for each in encryption.troubles(found, time.time())]
    assert ["the certificate of relay" in each for each in words] == [True] * said
    issued.key.chmod(0o604)
    words = "\n".join([each.words for each in encryption.troubles(found, time.time())])
    assert ("TLS on the relay's port 8443: the key of the certificate" in words) is said


# Titles


HOLDER = channel.Holder("CN=ct1, O=Hospital", ("ct1", "CT1.example.org"), "ab" * 32, 0)


@pytest.mark.parametrize(
    ("certificate", "is_ct1"),
    [
        ({"name": "ct1"}, True),
        ({"name": "ct1.example.org"}, True),
        ({"name": "CN=ct1, O=Hosp*"}, True),
        ({"name": "*.example.org"}, True),
        ({"name": "ct"}, False),
        ({"fingerprint": "ab" * 32}, True),
        ({"fingerprint": "cd" * 32}, False),
        ({"name": "ct1", "fingerprint": "cd" * 32}, False),
    ],
)
def test_a_title_is_kept_for_the_holder_of_a_certificate(certificate, is_ct1):
    keeps = encryption.keeper([tuple({"ae_title": "CT1", **certificate}.items())])
    assert keeps("CT1", HOLDER) is not is_ct1
    assert keeps("CT1", None)
    assert not keeps("MR1", None)


def test_a_title_may_be_kept_for_several():
    titles = [(("ae_title", "CT*"), ("name", name)) for name in ("spare", "ct1")]
    keeps = encryption.keeper(titles)
    assert not keeps("CT2", HOLDER) and keeps("CT2", HOLDER._replace(subject="CN=other", names=("other",)))
