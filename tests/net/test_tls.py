"""TLS contexts: made of files, made again when these change, and never of what should not be used."""

import http.client
import http.server
import os
import shlex
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from edge.net import tls
from tests.support.certificates import RSA_1024, Authority, openssl


@pytest.fixture(scope="module")
def here(authority):
    """A certificate for this machine; not to be changed."""
    return authority.issue("edge")


def terms(issued=None, authority=None, **more):
    files = {} if issued is None else {"certificate": str(issued.certificate), "key": str(issued.key)}
    if authority is not None:
        files["authorities"] = str(authority.certificate)
    return tls.Terms(**files, **more)


def shake(server, client, host="127.0.0.1"):
    """Let a Client and a Server shake hands in memory; return the client's ssl.SSLObject. Raises what either does."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.context().wrap_bio(to_client, to_server, server_hostname=client.name_of(host)),
        server.context().wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(10):
        for each in ends:
            try:
                each.do_handshake()
            except ssl.SSLWantReadError:
                pass
    return ends[0]


def test_the_context_stays_while_the_files_do(authority, here):
    client = tls.Client(terms(authority=authority))
    assert client.context() is client.context()


def test_new_connections_use_files_that_were_replaced(authority):
    own = authority.issue("edge")
    server, client = tls.Server(terms(own, clients=tls.NONE)), tls.Client(terms(authority=authority))
    before = shake(server, client).getpeercert()["serialNumber"]
    authority.issue("edge", into=own)
    after = shake(server, client).getpeercert()["serialNumber"]
    assert before != after


def test_files_that_cannot_be_used_leave_the_ones_before_in_use_and_are_told_of(authority, caplog):
    own = authority.issue("edge")
    server, client = tls.Server(terms(own, clients=tls.NONE)), tls.Client(terms(authority=authority))
    before = shake(server, client).getpeercert()["serialNumber"]
    own.certificate.write_text("not yet here\n", encoding="ascii")
    assert shake(server, client).getpeercert()["serialNumber"] == before
    assert "expected PEM" in server.fault()
    assert "the ones before go on in use" in caplog.text
    authority.issue("edge", into=own)
    assert shake(server, client).getpeercert()["serialNumber"] != before
    assert server.fault() is None


@pytest.mark.parametrize("missing", ["certificate", "key", "authorities"])
def test_a_file_that_is_not_there_is_named(authority, here, missing):
    without = terms(here, authority)._replace(**{missing: "/nowhere/at.pem"})
    with pytest.raises(tls.Unusable, match="/nowhere/at.pem, cannot be read: no such file"):
        tls.Server(without).context()


def test_a_key_that_anybody_can_read_is_not_used(authority):
    own = authority.issue("edge")
    own.key.chmod(0o644)
    with pytest.raises(tls.Unusable, match="anybody on this machine can get at it; chmod 600 it"):
        tls.Server(terms(own, authority)).context()


def test_a_key_that_belongs_to_another_certificate_is_told_apart(authority, here):
    other = authority.issue("other")
    with pytest.raises(tls.Unusable, match="does not belong to the certificate"):
        tls.Server(terms(here, authority)._replace(key=str(other.key))).context()


def test_a_key_locked_by_a_password_is_refused_without_asking_for_it(authority):
    own = authority.issue("edge")
    locked = openssl("pkey", "-in", own.key, "-aes256", "-passout", "pass:secret")
    own.key.write_text(locked, encoding="ascii")
    with pytest.raises(tls.Unusable, match="locked by a password"):
        tls.Server(terms(own, authority)).context()


def test_a_weak_key_is_refused_in_words(authority):
    own = authority.issue("edge", kind=RSA_1024)
    with pytest.raises(tls.Unusable, match="too weak for the profile"):
        tls.Server(terms(own, authority)).context()


def test_a_certificate_without_a_key_is_not_taken_for_one_that_anybody_can_read(authority):
    own = authority.issue("edge")
    with pytest.raises(tls.Unusable, match="comes without a key.*; set key beside"):
        tls.Server(terms(own, authority)._replace(key=None)).context()


def test_a_key_in_the_certificates_file_is_found(authority):
    own = authority.issue("edge")
    own.key.write_text(own.key.read_text("ascii") + own.certificate.read_text("ascii"), encoding="ascii")
    server = tls.Server(tls.Terms(str(own.key), clients=tls.NONE))
    assert shake(server, tls.Client(terms(authority=authority))).version() == "TLSv1.3"


def test_a_client_believes_a_certificate_only_for_the_name_it_called(authority, here):
    server, client = tls.Server(terms(here, clients=tls.NONE)), tls.Client(terms(authority=authority))
    shake(server, client, "localhost")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake(server, client, "pacs.example.org")
    named = tls.Client(terms(authority=authority, server_name="localhost"))
    shake(server, named, "pacs.example.org")


def test_a_server_with_authorities_insists_on_a_certificate_of_theirs(authority, here, tmp_path):
    server = tls.Server(terms(here, authority))
    stranger = Authority(tmp_path / "other", "Other CA").issue("edge")
    shake(server, tls.Client(terms(here, authority)))
    with pytest.raises(ssl.SSLError, match="peer did not return a certificate"):
        shake(server, tls.Client(terms(authority=authority)))
    with pytest.raises(ssl.SSLError, match="unable to get local issuer certificate"):
        shake(server, tls.Client(terms(stranger, authority)))


def test_https_is_served_by_the_same_context(authority, here, tmp_path):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(204)
            self.end_headers()

        def log_message(self, *words):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        server.socket = tls.Server(terms(here, clients=tls.NONE)).context().wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            client = tls.Client(terms(authority=authority))
            asking = http.client.HTTPSConnection("localhost", server.server_port, timeout=10, context=client.context())
            asking.request("GET", "/")
            assert asking.getresponse().status == 204
            asking.close()
            with socket.create_connection(("127.0.0.1", server.server_port), 10) as connected:
                with client.wrap(connected, "127.0.0.1") as wrapped:
                    assert wrapped.version() == "TLSv1.3"
        finally:
            server.shutdown()
            thread.join()


def test_the_lines_of_the_readme_make_certificates_that_work(tmp_path):
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    lines = [shlex.split(line) for line in readme.splitlines() if line.startswith(("openssl req ", "openssl x509 "))]
    assert len(lines) == 3
    for line in lines:
        subprocess.run(line, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    own = {"certificate": str(tmp_path / "edge.pem"), "key": str(tmp_path / "edge.key")}
    made = tls.Terms(**own, authorities=str(tmp_path / "hospital-ca.pem"))
    assert shake(tls.Server(made), tls.Client(made), "edge.example.org").version() == "TLSv1.3"


def test_files_are_looked_at_by_time_size_and_inode(authority):
    own = authority.issue("edge")
    client = tls.Client(terms(own, authority))
    first = client.context()
    found = os.stat(own.certificate)
    os.utime(own.certificate, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    assert client.context() is not first
