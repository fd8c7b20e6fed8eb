"""Access: who is unknown, shows a wrong certificate or none, or speaks the wrong language is refused in words.

Known modalities are served all the while, with TLS and without.
"""

import socket
import ssl
import subprocess
import time

import pydicom
import pytest

from tests.bench import material
from tests.hostile.test_15_slow_clients import Drip
from tests.support import dcmtk, process
from tests.support.certificates import Authority, dcmtk_options, fingerprint, shake_over, tables
from tests.support.rawpeer import IMPLICIT, VERIFICATION, RawPeer, associate_rq
from tests.support.service import Service

DEADLINE_S = 3
SLACK_S = 2
CALLING_NOT_RECOGNIZED = (1, 1, 3)
LOCAL_LIMIT_EXCEEDED = (2, 3, 2)
ABORT = 7
STRANGERS = [f"127.0.1.{number}" for number in range(1, 30)]
REQUEST = associate_rq([(1, VERIFICATION, [IMPLICIT])])


class Hospital:
    """An authority, what it issued, and others that it would not."""

    def __init__(self, folder):
        self.authority = Authority(folder / "ca", "Hospital CA")
        self.edge = self.authority.issue("edge")
        self.ct1 = self.authority.issue("ct1.example.org")
        self.mr1 = self.authority.issue("mr1.example.org")
        self.expired = self.authority.issue("old.example.org", days=(-10, -1))
        self.stranger = Authority(folder / "other", "Other CA").issue("ct1.example.org")


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    return Hospital(tmp_path_factory.mktemp("hospital"))


@pytest.fixture(scope="module")
def box(tmp_path_factory, hospital):
    port = process.free_port()
    titles = [
        {"ae_title": "CT1", "name": "ct1.example.org"},
        {"ae_title": "MR1", "fingerprint": fingerprint(hospital.mr1.certificate)},
    ]
    found = tables(hospital.authority, hospital.edge, port, titles=titles)
    found["dicom"].update(artim_s=DEADLINE_S, pdu_s=DEADLINE_S, idle_timeout_s=DEADLINE_S)
    found["dicom"]["accept_calling"] = ["CT1", "MR1", "US1", "RAW"]
    with Service(tmp_path_factory.mktemp("box"), **found) as running:
        running.tls_port = port
        yield running


def context(hospital, issued=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(hospital.authority.certificate)
    if issued is not None:
        made.load_cert_chain(issued.certificate, issued.key)
    return made


def client_hello(hospital):
    """The first octets of a client that means to speak TLS."""
    outgoing = ssl.MemoryBIO()
    made = context(hospital).wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        made.do_handshake()
    return outgoing.read()


def asked(box, hospital, issued, calling):
    """What the request of `calling` gets over TLS, with the certificate of `issued` or without one."""
    with socket.create_connection(("127.0.0.1", box.tls_port), 10) as connected:
        try:
            with context(hospital, issued).wrap_socket(connected, server_hostname="localhost") as wrapped:
                wrapped.sendall(associate_rq([(1, VERIFICATION, [IMPLICIT])], calling=calling))
                return verdict(wrapped.recv(10))
        except (ssl.SSLError, ConnectionError):
            return "closed"


def asked_plainly(box, calling):
    with RawPeer(box.port) as peer:
        peer.write(associate_rq([(1, VERIFICATION, [IMPLICIT])], calling=calling))
        return verdict(peer.read(10))


def verdict(head):
    if head[:1] == b"\2":
        return "accepted"
    return tuple(head[7:10]) if head[:1] == b"\3" else "closed"


def echo_seconds(port, *options):
    """How long echoscu, as US1, waits for its whole C-ECHO."""
    begun = time.monotonic()
    command = [dcmtk.ECHOSCU, "-aet", "US1", "-aec", "EDGE", *options, "127.0.0.1", str(port)]
    done = subprocess.run(command, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - begun


def logged(box, *words):
    process.wait_until(lambda: all(each in box.log() for each in words), 10, f"{words} in the log")


@pytest.mark.parametrize("stalled", ["nothing", "half a hello", "a hello"])
def test_sixty_handshakes_that_stall_keep_nobody_waiting_and_end_in_time(box, hospital, stalled):
    hello = client_hello(hospital)
    octets = {"nothing": b"", "half a hello": hello[: len(hello) // 2], "a hello": hello}[stalled]
    options = dcmtk_options(hospital.authority, hospital.ct1)
    held = []
    try:
        for number in range(60):
            source = STRANGERS[number % len(STRANGERS)]
            connected = socket.create_connection(("127.0.0.1", box.tls_port), 10, (source, 0))
            connected.sendall(octets)
            held.append(connected)
        begun = time.monotonic()
        assert echo_seconds(box.port) < 2
        assert echo_seconds(box.tls_port, *options) < 2
        for connected in held:
            connected.settimeout(DEADLINE_S + SLACK_S)
            while connected.recv(65536):
                pass
        assert time.monotonic() - begun < DEADLINE_S + SLACK_S
    finally:
        for connected in held:
            connected.close()
    logged(box, "connected and did not finish the TLS handshake in time")


def test_hellos_that_drip_are_ended_in_time_and_a_modality_is_served(box, hospital):
    options = dcmtk_options(hospital.authority, hospital.ct1)
    with Drip(box.tls_port, 60, client_hello(hospital), sources=STRANGERS) as drip:
        assert echo_seconds(box.tls_port, *options) < 2
        process.wait_until(lambda: not drip.open(), DEADLINE_S + SLACK_S, "the box to close them")
    assert max(drip.lifetimes) <= DEADLINE_S + SLACK_S


def test_plain_text_on_the_port_for_tls_is_refused_at_once(box):
    with RawPeer(box.tls_port, timeout_s=1) as peer:
        peer.write(REQUEST)
        assert peer.is_closed()
    logged(box, "127.0.0.1 speaks no TLS on port %d" % box.tls_port, "let it send to port %d" % box.port)


def test_tls_on_the_plain_port_is_refused_at_once(box, hospital):
    with socket.create_connection(("127.0.0.1", box.port), 1) as connected:
        connected.sendall(client_hello(hospital))
        assert connected.recv(1) == b""
    logged(box, "127.0.0.1 speaks TLS on port %d" % box.port, "let it send to port %d" % box.tls_port)


@pytest.mark.parametrize(
    ("holder", "words"),
    [
        (None, "it showed no certificate"),
        ("expired", "its certificate has expired"),
        ("stranger", "the issuer of its certificate is not among the authorities"),
    ],
)
def test_a_wrong_certificate_is_refused_and_logged(box, hospital, holder, words):
    issued = holder and getattr(hospital, holder)
    assert asked(box, hospital, issued, b"US1") == "closed"
    logged(box, "no TLS with 127.0.0.1: " + words)


def test_a_peer_is_told_in_the_words_of_tls_why_it_is_refused(box, hospital):
    options = ["-CAfile", str(hospital.authority.certificate), "-connect", f"127.0.0.1:{box.tls_port}"]
    command = ["openssl", "s_client", *options, "-cert", str(hospital.expired.certificate), "-key"]
    done = subprocess.run(
        [*command, str(hospital.expired.key), "-ign_eof"], capture_output=True, text=True, input="", timeout=30
    )
    assert "alert certificate expired" in done.stdout + done.stderr


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_tls_below_1_2_is_refused_and_logged(box, version):
    command = ["openssl", "s_client", version, "-cipher", "ALL:@SECLEVEL=0", "-connect", f"127.0.0.1:{box.tls_port}"]
    done = subprocess.run(command, capture_output=True, text=True, input="", timeout=30)
    assert "Cipher is (NONE)" in done.stdout
    logged(box, "it speaks no TLS newer than 1.1")


def test_an_unknown_title_is_refused_whatever_it_shows(box, hospital):
    assert asked(box, hospital, hospital.ct1, b"NOBODY") == CALLING_NOT_RECOGNIZED
    logged(box, "NOBODY at 127.0.0.1 with the certificate of CN=ct1.example.org until 20", "calling EDGE, was rejected")


@pytest.mark.parametrize(
    ("calling", "holder", "verdict"),
    [
        (b"CT1", "ct1", "accepted"),
        (b"CT1", "mr1", CALLING_NOT_RECOGNIZED),
        (b"MR1", "mr1", "accepted"),
        (b"MR1", "ct1", CALLING_NOT_RECOGNIZED),
        (b"US1", "ct1", "accepted"),
    ],
)
def test_a_title_that_is_kept_for_a_certificate_needs_it(box, hospital, calling, holder, verdict):
    assert asked(box, hospital, getattr(hospital, holder), calling) == verdict


def test_a_title_that_is_kept_for_a_certificate_is_refused_without_tls_and_logged(box):
    assert asked_plainly(box, b"US1") == "accepted"
    assert asked_plainly(box, b"CT1") == CALLING_NOT_RECOGNIZED
    logged(box, "the title CT1 is kept for the holder of another certificate")


@pytest.mark.parametrize("octets", [b"\x16\x03\x01\xff\xff" + bytes(100), b"\x16\x03\x01\x00\x04\x01\xff\xff\xff"])
def test_what_only_looks_like_tls_is_refused_and_the_box_goes_on(box, hospital, octets):
    with socket.create_connection(("127.0.0.1", box.tls_port), DEADLINE_S + SLACK_S) as connected:
        connected.sendall(octets)
        while connected.recv(4096):
            pass
    assert echo_seconds(box.tls_port, *dcmtk_options(hospital.authority, hospital.ct1)) < 2


def test_a_record_that_was_tampered_with_ends_the_association(box, hospital):
    with socket.create_connection(("127.0.0.1", box.tls_port), 10) as connected:
        engine, outgoing = shake_over(connected, context(hospital, hospital.ct1), server_hostname="localhost")
        engine.write(associate_rq([(1, VERIFICATION, [IMPLICIT])], calling=b"CT1"))
        connected.sendall(outgoing.read())
        assert connected.recv(65536)
        engine.write(bytes(100))
        record = bytearray(outgoing.read())
        record[-1] ^= 1
        connected.sendall(record)
        connected.settimeout(DEADLINE_S)
        while connected.recv(65536):
            pass


def test_no_log_line_shows_a_patient(box, hospital, tmp_path):
    paths = material.ct_series(tmp_path, 1, 64)
    dcmtk.send(
        dcmtk.STORESCU,
        box.tls_port,
        paths,
        options=["-aet", "CT1", *dcmtk_options(hospital.authority, hospital.ct1)],
    )
    read = pydicom.dcmread(paths[0])
    logged(box, "association of CT1 at 127.0.0.1 with the certificate of CN=ct1.example.org until", "EDGE: 1 stored")
    for value in (read.PatientName, read.PatientID, read.SOPInstanceUID):
        assert str(value) and str(value) not in box.log()
    assert "PRIVATE KEY" not in box.log()


def test_the_caps_count_both_ports_and_a_stop_ends_associations_on_both(tmp_path, hospital):
    port = process.free_port()
    found = tables(hospital.authority, hospital.edge, port)
    found["dicom"].update(max_associations=2, drain_s=0)
    with Service(tmp_path, **found) as box:
        box.tls_port = port
        with RawPeer(box.port) as plain, RawPeer(port) as encrypted:
            plain.associate([(1, VERIFICATION, [IMPLICIT])])
            encrypted.socket = context(hospital, hospital.ct1).wrap_socket(
                encrypted.socket, server_hostname="localhost"
            )
            encrypted.associate([(1, VERIFICATION, [IMPLICIT])])
            assert asked(box, hospital, hospital.ct1, b"CT1") == LOCAL_LIMIT_EXCEEDED
            assert asked_plainly(box, b"CT1") == LOCAL_LIMIT_EXCEEDED
            assert encrypted.echo(1).status == plain.echo(1).status == 0
            assert box.stop() == 0
            assert encrypted.read_pdu().kind == plain.read_pdu().kind == ABORT


def test_without_a_plain_port_only_tls_is_listened_on(tmp_path, hospital):
    port = process.free_port()
    found = tables(hospital.authority, hospital.edge, port)
    found["dicom"]["plain"] = False
    with Service(tmp_path, **found) as box:
        assert not process.is_listening(box.port)
        assert f"ready: DICOM on port {port} with TLS after" in box.output()
        assert "anyone with a certificate of the authorities in" in box.output()
        assert "anyone who reaches the port" not in box.log()
        assert echo_seconds(port, *dcmtk_options(hospital.authority, hospital.ct1)) < 2
