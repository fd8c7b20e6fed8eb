"""A destination over TLS that cannot be had: the layer, why, and what to do, against DCMTK and openssl s_server."""

import contextlib
import socket
import subprocess
import threading

import pytest

from edge.net import outbound, tls
from tests.support import dcmtk, process
from tests.support.certificates import RSA_1024, Authority, dcmtk_options

VERIFICATION = "1.2.840.10008.1.1"
WANTED = [(VERIFICATION, ("1.2.840.10008.1.2",))]
TERMS = outbound.Terms(3000, 3000, 131072)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("other") / "ca", "Other CA")


@pytest.fixture(scope="module")
def own(authority):
    return authority.issue("edge")


def client(authority, own=None, **more):
    files = {} if own is None else {"certificate": str(own.certificate), "key": str(own.key)}
    return tls.Client(tls.Terms(authorities=str(authority.certificate), **files, **more))


def failure(port, client, host="127.0.0.1"):
    """The words of a LinkFailure in the layer of TLS."""
    with pytest.raises(outbound.LinkFailure) as raised:
        outbound.associate(host, port, "EDGE", "ARCHIVE", WANTED, TERMS, client).release()
    assert raised.value.layer == outbound.TLS, str(raised.value)
    return raised.value.reason


def echoes(port, client, host="127.0.0.1"):
    link = outbound.associate(host, port, "EDGE", "ARCHIVE", WANTED, TERMS, client)
    try:
        return link.echo() == 0
    finally:
        link.release()


@contextlib.contextmanager
def s_server(issued, *options):
    """openssl s_server with the certificate of `issued`; its port."""
    port = process.free_port()
    command = ["openssl", "s_server", "-accept", str(port), "-quiet", *options]
    running = subprocess.Popen(
        [*command, "-cert", str(issued.certificate), "-key", str(issued.key)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait_until(lambda: process.is_listening(port), 10, "s_server to listen")
        yield port
    finally:
        running.stdin.close()
        process.end(running)


@contextlib.contextmanager
def answering(octets):
    """A peer that answers the first octets it gets with `octets` and closes; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connected, _ = server.accept()
            with connected:
                connected.recv(4096)
                connected.sendall(octets)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    ("of", "issued", "words"),
    [
        ("hospital", {"days": (-10, -1)}, "its certificate has expired; the other side needs a new one"),
        ("hospital", {"days": (1, 10)}, "its certificate is not valid yet; check the box's clock"),
        ("hospital", {"names": ("DNS:pacs.example.org",)}, "its certificate is not for this address; connect by"),
        ("stranger", {}, "the issuer of its certificate is not among the authorities"),
    ],
)
def test_a_certificate_that_is_not_to_be_believed_is_told_of(authority, stranger, own, of, issued, words):
    archive = (authority if of == "hospital" else stranger).issue("archive", **issued)
    with s_server(archive) as port:
        assert words in failure(port, client(authority, own))


def test_a_server_name_stands_in_for_the_address(authority, own):
    archive = authority.issue("archive", names=("DNS:pacs.example.org",))
    with dcmtk.Storescp(options=dcmtk_options(authority, archive)) as peer:
        assert echoes(peer.port, client(authority, own, server_name="pacs.example.org"))
        said = failure(peer.port, client(authority, own, server_name="other.example.org"))
        assert "its certificate is for another name; connect by the name it is for, or set server_name" in said


def test_a_weak_key_is_told_of(authority, own):
    archive = authority.issue("archive", kind=RSA_1024)
    with s_server(archive, "-cipher", "ALL:@SECLEVEL=0") as port:
        assert "the key of its certificate is too weak" in failure(port, client(authority, own))


def test_a_peer_that_wants_a_certificate_is_understood(authority):
    archive = authority.issue("archive")
    with s_server(archive, "-Verify", "1", "-verify_return_error", "-CAfile", str(authority.certificate)) as port:
        assert "it wants a certificate, and got none; set certificate and key" in failure(port, client(authority))


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_peer_that_does_not_know_our_issuer_is_understood(authority, stranger, version):
    options = (version, "-Verify", "1", "-verify_return_error", "-CAfile", str(authority.certificate))
    with s_server(authority.issue("archive"), *options) as port:
        said = failure(port, client(authority, stranger.issue("edge")))
        assert "it does not know the issuer of this box's certificate" in said


def test_storescp_that_does_not_know_our_issuer_is_a_matter_of_tls(authority, stranger):
    with dcmtk.Storescp(options=dcmtk_options(authority, authority.issue("archive"))) as peer:
        failure(peer.port, client(authority, stranger.issue("edge")))


def test_a_peer_that_speaks_only_old_tls_is_understood(authority, own):
    archive = authority.issue("archive")
    with s_server(archive, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0") as port:
        assert "it speaks no TLS newer than 1.1" in failure(port, client(authority, own))


def test_a_peer_without_a_suite_of_the_profile_is_understood(authority, own):
    archive = authority.issue("archive")
    with s_server(archive, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256") as port:
        assert "it found nothing both ends can do" in failure(port, client(authority, own))


@pytest.mark.parametrize("octets", [b"\x07\0\0\0\0\x04\0\0\2\0", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 ready\r\n"])
def test_a_peer_that_speaks_no_tls_is_understood(authority, own, octets):
    with answering(octets) as port:
        said = failure(port, client(authority, own))
        assert "does not speak TLS there" in said or "speaks HTTP" in said


def test_a_plain_storescp_is_understood(authority, own):
    with dcmtk.Storescp() as peer:
        assert "whether TLS is switched on" in failure(peer.port, client(authority, own))


def test_a_peer_that_closes_in_the_handshake_is_understood(authority, own):
    with answering(b"") as port:
        assert "it closed the connection in the handshake" in failure(port, client(authority, own))


def test_a_peer_that_says_nothing_is_left_in_time(authority, own):
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert "it did not answer within 3 s" in failure(server.getsockname()[1], client(authority, own))


def test_files_that_cannot_be_used_are_a_matter_of_tls(authority):
    with dcmtk.Storescp() as peer:
        missing = tls.Client(tls.Terms("/nowhere.pem", authorities=str(authority.certificate)))
        assert "/nowhere.pem, cannot be read" in failure(peer.port, missing)
