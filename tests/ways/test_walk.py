"""The way to a destination, walked against foreign peers: the first layer that fails is named, with what to do."""

import socket

import pytest

from edge.box import load
from edge.net import ping
from edge.ways import walk
from tests.support import certificates, process
from tests.support.dcmtk import Storescp

HEAD = '[box]\nae_title = "EDGE"\n'


def settings(folder, table):
    return load.parse(HEAD + "[[destination]]\nname = \"there\"\n" + table, str(folder / "edge.toml")).config


def steps(folder, table):
    found = settings(folder, table)
    return {step.layer: step for step in walk.walk(found, found.destinations[0])}


def dicom(port, host="127.0.0.1", title="ARCHIVE", more=""):
    return f'ae_title = "{title}"\nhost = "{host}"\nport = {port}\nconnect_timeout_s = 3\n{more}\n'


def test_a_peer_that_is_there_is_walked_to_the_end(tmp_path):
    with Storescp(tmp_path / "scp") as scp:
        found = steps(tmp_path, dicom(scp.port))
    assert list(found) == ["name", "ping", "tcp", "association", "echo"]
    assert all(step.ok for step in found.values()), found
    assert found["name"].words == "127.0.0.1 is an address" and found["echo"].words == "it answered"


def test_a_name_that_nobody_knows_stops_the_walk_at_once(tmp_path):
    found = steps(tmp_path, dicom(104, "nosuch.invalid"))
    assert [step.ok for step in found.values()] == [False, None, None, None, None]
    assert "nosuch.invalid was not found" in found["name"].words and "spelling" in found["name"].cure
    assert found["echo"].words == "not tried"


def test_a_port_that_nobody_listens_on_fails_in_the_layer_of_tcp(tmp_path):
    found = steps(tmp_path, dicom(process.free_port()))
    assert (found["ping"].ok, found["tcp"].ok, found["association"].ok) == (True, False, None)
    assert "refused" in found["tcp"].words and found["tcp"].cure.startswith("check that the peer's service runs")


def test_a_peer_that_refuses_the_title_fails_in_the_layer_of_the_association(tmp_path):
    with Storescp(tmp_path / "scp", options=["--refuse"]) as scp:
        found = steps(tmp_path, dicom(scp.port))
    assert (found["tcp"].ok, found["association"].ok, found["echo"].ok) == (True, False, None)
    assert found["association"].cure


def test_a_peer_that_never_answers_in_tls_fails_in_that_layer(tmp_path):
    made = certificates.Authority(tmp_path / "ca", "Hospital CA")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tls = f'tls = true\nauthorities = "{made.certificate}"'
        found = steps(tmp_path, dicom(silent.getsockname()[1], more=tls))
    assert (found["tcp"].ok, found["tls"].ok, found["association"].ok) == (True, False, None)
    assert "did not answer within 3 s" in found["tls"].words


def test_a_folder_is_one_layer(tmp_path):
    there = tmp_path / "share"
    there.mkdir()
    assert steps(tmp_path, f'kind = "folder"\npath = "{there}"\n')["folder"].ok
    found = steps(tmp_path, f'kind = "folder"\npath = "{tmp_path}/none"\n')["folder"]
    assert found.ok is False and found.cure


def test_a_machine_that_is_not_there_answers_no_ping():
    try:
        assert ping.ping("127.0.0.1", socket.AF_INET, 2.0) < 1
        assert ping.ping("::1", socket.AF_INET6, 2.0) < 1
    except ping.NotAllowed:
        pytest.fail("run the tests as root, or let everybody ping: sysctl net.ipv4.ping_group_range='0 65535'")
    assert ping.ping("127.0.0.1", socket.AF_INET, 0.0) is None


def test_the_checksum_is_that_of_rfc_1071():
    assert ping.checksum(bytes([0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7])) == 0xFFFF - 0xDDF2
