"""TLS with foreign peers, both ways: DCMTK, pynetdicom and openssl s_client."""

import hashlib
import json
import ssl
import subprocess

import pydicom
import pydicom.data
import pytest
from pynetdicom import AE, evt

from tests.bench import material, measure
from tests.support import dcmtk, process
from tests.support.certificates import dcmtk_options, tables
from tests.support.committing import CommittingArchive, report_later
from tests.support.service import Service, destination, route

VERIFICATION = "1.2.840.10008.1.1"


@pytest.fixture(scope="module")
def modality(authority):
    return authority.issue("ct1.example.org")


@pytest.fixture(scope="module")
def box(tmp_path_factory, authority):
    port = process.free_port()
    with Service(tmp_path_factory.mktemp("box"), **tables(authority, authority.issue("edge"), port)) as running:
        running.tls_port = port
        yield running


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return material.ct_series(tmp_path_factory.mktemp("files"), 3, 400)


def data_sets(paths):
    """The SHA-256 of the pixels of each, by SOP Instance UID."""
    found = {}
    for path in paths:
        read = pydicom.dcmread(path)
        found[read.SOPInstanceUID] = hashlib.sha256(read.PixelData).hexdigest()
    return found


def context(authority, issued=None, server=False):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(authority.certificate)
    made.verify_mode = ssl.CERT_REQUIRED
    if issued is not None:
        made.load_cert_chain(issued.certificate, issued.key)
    return made


def echoscu(port, *options):
    return subprocess.run(
        [dcmtk.ECHOSCU, *options, "-aec", "EDGE", "127.0.0.1", str(port)], capture_output=True, timeout=30
    )


def s_client(port, authority, *options):
    """What `openssl s_client` says of a handshake."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(authority.certificate), *options]
    done = subprocess.run(command, capture_output=True, text=True, input="", timeout=30)
    return done.stdout + done.stderr


def test_the_box_says_that_it_listens_on_both_ports(box):
    assert f"ready: DICOM on port {box.port} and, with TLS, {box.tls_port} after" in box.output()
    assert f"port {box.port} and, with TLS, {box.tls_port}" in box.output().split("send to", 1)[1].split("\n")[0]


def test_echoscu_is_answered_on_both_ports(box, authority, modality):
    assert echoscu(box.tls_port, *dcmtk_options(authority, modality)).returncode == 0
    assert echoscu(box.port).returncode == 0


@pytest.mark.parametrize("profile", ["+py", "+px", "+pz"])
def test_storescu_delivers_over_tls(box, authority, modality, files, profile):
    before = len(box.objects())
    options = [*dcmtk_options(authority, modality), profile, "-pdu", "131072"]
    dcmtk.send(dcmtk.STORESCU, box.tls_port, files, options=options)
    assert len(box.objects()) == max(before, 3)
    assert data_sets(box.stored()) == data_sets(files)


def test_what_was_received_over_tls_is_logged_with_the_certificate(box, authority, modality):
    echoscu(box.tls_port, *dcmtk_options(authority, modality))
    process.wait_until(lambda: "with the certificate of CN=ct1.example.org" in box.log(), 10, "the summary")


def test_pynetdicom_delivers_over_tls(box, authority, modality, files):
    ae = AE(ae_title="PYNETDICOM")
    first = pydicom.dcmread(files[0])
    ae.add_requested_context(first.SOPClassUID, first.file_meta.TransferSyntaxUID)
    link = ae.associate(
        "127.0.0.1", box.tls_port, ae_title="EDGE", tls_args=(context(authority, modality), "127.0.0.1")
    )
    assert link.is_established
    assert link.send_c_store(first).Status == 0
    link.release()
    assert data_sets(box.stored())[first.SOPInstanceUID] == data_sets(files)[first.SOPInstanceUID]


@pytest.mark.parametrize("old", ["-tls1", "-tls1_1"])
def test_versions_before_1_2_are_refused(box, authority, old):
    said = s_client(box.tls_port, authority, old, "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in said
    process.wait_until(lambda: "it speaks no TLS newer than 1.1" in box.log(), 10, "the words")


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (("-tls1_3",), "TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384"),
        (("-tls1_2", "-cipher", "ALL"), "Cipher is ECDHE-ECDSA-AES256-GCM-SHA384"),
        (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"), "Cipher is ECDHE-ECDSA-AES128-GCM-SHA256"),
        (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"), "Cipher is (NONE)"),
        (("-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"), "Cipher is (NONE)"),
        (("-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"), "Cipher is (NONE)"),
    ],
)
def test_suites_are_those_of_the_profile(box, authority, options, wanted):
    assert wanted in s_client(box.tls_port, authority, *options)


def test_the_modified_profile_takes_its_further_suites(tmp_path, authority):
    port = process.free_port()
    settings = tables(authority, authority.issue("edge"), port, profile="bcp195-modified")
    with Service(tmp_path, **settings):
        for suite in ("ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-CCM"):
            assert f"Cipher is {suite}" in s_client(port, authority, "-tls1_2", "-cipher", suite)


def forwarding(folder, authority, own, port, files, received, **more):
    """Let a box send `files` to 127.0.0.1:`port` over TLS; wait until `received()` is what they are."""
    there = destination("archive", port, tls=True, **more)
    with Service(folder, [there], [route("archive")], **tables(authority, own, process.free_port())) as box:
        assert ", certificate of CN=archive until 20" in box.edge("echo", "archive").stdout
        box.edge("send", "archive", *files)
        process.wait_until(lambda: received() == data_sets(files), 20, "the objects at the archive")


def test_storescp_receives_over_tls(tmp_path, authority, files):
    own, archive = authority.issue("edge"), authority.issue("archive")
    folder = tmp_path / "archive"

    def received():
        return data_sets(sorted(folder.iterdir()))

    with dcmtk.Storescp(folder, options=dcmtk_options(authority, archive)) as peer:
        forwarding(tmp_path / "box", authority, own, peer.port, files, received)


def test_commitment_is_asked_for_and_reported_over_tls(tmp_path, authority):
    keeper = authority.issue("archive")
    port = process.free_port()
    settings = tables(authority, authority.issue("edge"), port, titles=[{"ae_title": "ARCHIVE", "name": "archive"}])
    with CommittingArchive(ssl_context=context(authority, keeper, server=True)) as archive:
        there = destination("archive", archive.port, tls=True, commitment=True, commitment_linger_s=0)
        with Service(tmp_path, [there], [route("archive")], **settings) as box:
            box.edge("send", "archive", pydicom.data.get_testdata_file("CT_small.dcm"))
            asked = archive.await_requests(1)[0]
            assert report_later(box.port, *asked) is None  # the title is kept for the holder of a certificate
            assert report_later(port, *asked, tls_args=(context(authority, keeper), "127.0.0.1")) == 0
            assert [job["state"] for job in box.queue()] == ["delivered"]


def test_pynetdicom_receives_over_tls(tmp_path, authority, files):
    received = {}

    def store(event):
        octets = event.dataset
        received[octets.SOPInstanceUID] = hashlib.sha256(octets.PixelData).hexdigest()
        return 0

    ae = AE(ae_title="ARCHIVE")
    ae.add_supported_context(VERIFICATION)
    ae.add_supported_context(pydicom.dcmread(files[0]).SOPClassUID)
    port = process.free_port()
    server = ae.start_server(
        ("127.0.0.1", port),
        block=False,
        evt_handlers=[(evt.EVT_C_STORE, store)],
        ssl_context=context(authority, authority.issue("archive"), server=True),
    )
    try:
        forwarding(tmp_path / "box", authority, authority.issue("edge"), port, files, lambda: received)
    finally:
        server.shutdown()


def serial(port, authority):
    """The serial number of the certificate that a server shows, as openssl sees it."""
    shown = s_client(port, authority)
    return openssl_text("x509", "-noout", "-serial", text=shown).strip()


def openssl_text(*arguments, text):
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, input=text, timeout=30).stdout


def test_certificates_are_replaced_while_the_box_runs(tmp_path, authority, modality):
    port = process.free_port()
    own = authority.issue("edge")
    with Service(tmp_path, **tables(authority, own, port)) as box:
        before = serial(port, authority)
        ae = AE(ae_title="PYNETDICOM")
        ae.add_requested_context(VERIFICATION)
        secured = (context(authority, modality), "127.0.0.1")
        link = ae.associate("127.0.0.1", port, ae_title="EDGE", tls_args=secured)
        assert link.is_established

        own.certificate.write_text("half written", encoding="ascii")
        assert serial(port, authority) == before
        said = box.edge("status", check=False).stdout
        assert f"TLS on port {port}: the certificate" in said and "cannot be read: expected PEM" in said

        authority.issue("edge", days=(-1, 5), into=own)
        after = serial(port, authority)
        assert before and after and before != after
        assert link.send_c_echo().Status == 0  # what is open goes on
        link.release()
        said = box.edge("status", check=False)
        assert "expires in 4 days" in said.stdout and said.returncode == 1
        assert "cannot be read" not in said.stdout


def test_a_box_without_its_certificate_serves_the_plain_port_until_it_has_one(tmp_path, authority, modality):
    port = process.free_port()
    own = authority.issue("edge")
    away = own.certificate.rename(own.certificate.with_suffix(".away"))
    with Service(tmp_path, **tables(authority, own, port)) as box:
        assert echoscu(box.port).returncode == 0
        assert echoscu(port, *dcmtk_options(authority, modality)).returncode != 0
        assert f"{own.certificate}, cannot be read: no such file" in box.edge("status", check=False).stdout
        away.rename(own.certificate)
        assert echoscu(port, *dcmtk_options(authority, modality)).returncode == 0
        assert "cannot be read" not in box.edge("status", check=False).stdout
    assert "was turned away: there is no certificate to show" in box.log()


def test_the_echo_of_a_destination_names_the_layer(tmp_path, authority):
    expired = authority.issue("archive", days=(-9, -2))
    with dcmtk.Storescp(options=dcmtk_options(authority, expired)) as peer:
        there = destination("archive", peer.port, tls=True)
        box = Service(tmp_path, [there], [route("archive")], **tables(authority, authority.issue("edge"), 0))
        box.write_config()
        said = json.loads(box.edge("echo", "archive", "--json", check=False).stdout)
        assert said["layer"] == "tls" and "its certificate has expired" in said["reason"]
        said = box.edge("echo", "127.0.0.1", peer.port, "--tls", check=False)
        assert said.returncode == 1 and "its certificate has expired" in said.stderr


def test_the_check_of_a_configuration_looks_at_the_files(tmp_path, authority):
    box = Service(tmp_path, **tables(authority, authority.issue("edge", days=(-9, -2)), 2762))
    box.write_config()
    said = box.edge("check-config").stdout
    assert "has expired on" in said and f"port {box.port} and, with TLS, 2762" in said


def test_a_large_object_passes_through_in_both_directions_and_memory_stays(tmp_path, authority, modality):
    large = material.multi_frame(tmp_path / "source" / "large.dcm", 200 << 20)
    received = tmp_path / "received"
    options = dcmtk_options(authority, modality)
    port = process.free_port()
    with dcmtk.Storescp(received, options=options) as peer:
        there = destination("archive", peer.port, tls=True)
        tls_tables = tables(authority, authority.issue("edge"), port)
        with Service(tmp_path / "box", [there], [route("archive")], cold=True, **tls_tables) as box:
            box.edge("echo", "archive")
            assert echoscu(port, *options).returncode == 0
            idle = measure.settled_memory(box.pid)
            measure.reset_peak(box.pid)
            dcmtk.send(dcmtk.STORESCU, port, [large], options=[*options, "-pdu", "131072"])
            process.wait_until(
                lambda: [job for job in box.queue() if job["state"] == "delivered"], 120, "the delivery", 0.5
            )
            growth = measure.memory(box.pid).peak_bytes - idle.rss_bytes
            assert box.stop() == 0
    (arrived,) = received.iterdir()
    assert material.digest(arrived, material.data_set_offset(arrived)) == material.digest(
        large, material.data_set_offset(large)
    )
    print(growth)
    assert growth <= 8 << 20
