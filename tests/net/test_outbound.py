"""An association of ours with DCMTK's and pynetdicom's providers, and with peers that misbehave."""

import os
import socket
import threading

import pydicom
import pydicom.data
import pytest
from pynetdicom import AE, evt

from edge.dicom import syntax
from edge.net import outbound
from tests.support import dcmtk

CT = "1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = "1.2.840.10008.1.1"
WANTED = [(VERIFICATION, (syntax.IMPLICIT_LITTLE,)), (CT, (syntax.EXPLICIT_LITTLE,))]
TERMS = outbound.Terms(2000, 2000, 131072)


def sample():
    """Return (path, offset, length, octets) of the data set of a small CT object."""
    path = pydicom.data.get_testdata_file("CT_small.dcm")
    with open(path, "rb") as file:
        octets = file.read()
    offset = 144 + int.from_bytes(octets[140:144], "little")
    return path, offset, len(octets) - offset, octets[offset:]


def store(link, uid, offset, length, path):
    fd = os.open(path, os.O_RDONLY)
    try:
        return link.store(link.context_for(CT, syntax.EXPLICIT_LITTLE), CT, uid, fd, offset, length)
    finally:
        os.close(fd)


def failure(host, port, **terms):
    with pytest.raises(outbound.LinkFailure) as raised:
        outbound.associate(host, port, "US", "THEM", WANTED, TERMS._replace(**terms))
    return raised.value


@pytest.mark.parametrize("max_pdu", [4096, 16384, 131072])
def test_a_data_set_arrives_octet_by_octet_at_any_pdu_size(tmp_path, max_pdu):
    path, offset, length, octets = sample()
    with dcmtk.Storescp(tmp_path, options=["-pdu", str(max_pdu)]) as peer:
        link = outbound.associate("127.0.0.1", peer.port, "US", "THEM", WANTED)
        assert link.echo() == 0
        assert store(link, "1.2.3.4", offset, length, path) == outbound.Reply(0, "")
        link.release()
    (stored,) = tmp_path.iterdir()
    assert stored.read_bytes().endswith(octets)
    assert pydicom.dcmread(stored).file_meta.MediaStorageSOPInstanceUID == "1.2.3.4"


@pytest.mark.parametrize("max_pdu", [4096, 131072])
def test_a_large_data_set_is_copied_by_the_kernel_and_arrives_whole(tmp_path, max_pdu):
    path, offset, length, octets = sample()
    large = tmp_path / "large"
    payload = octets * 100
    large.write_bytes(b"head" + payload)
    received = []
    keep = lambda event: received.append(event.request.DataSet.getvalue()) or 0
    with Provider(keep, max_pdu=max_pdu) as peer:
        link = outbound.associate("127.0.0.1", peer.port, "US", "THEM", WANTED)
        assert store(link, "1.2.3.4", 4, len(payload), large).code == 0
        link.release()
    assert received == [payload]


@pytest.mark.parametrize("size", [0, 1, 4090, 4091, 100000])
def test_a_data_set_from_chunks_arrives_whole(size):
    received = []
    payload = bytes(n * 7 & 0xFF for n in range(size))
    keep = lambda event: received.append(event.request.DataSet.getvalue()) or 0
    with Provider(keep, max_pdu=4096) as peer:
        link = outbound.associate("127.0.0.1", peer.port, "US", "THEM", WANTED)
        chunks = (payload[begin : begin + 777] for begin in range(0, size, 777))
        link.begin_store_from(link.accepted[1].id, CT, "1.2.3.4", chunks)
        assert link.reply().code == 0
        link.release()
    assert received == [payload]


def test_the_peers_status_and_comment_come_back():
    def answer(_):
        status = pydicom.Dataset()
        status.Status = 0xA700
        status.ErrorComment = "disk full"
        return status

    path, offset, length, _ = sample()
    with Provider(on_store=answer) as peer:
        link = outbound.associate("127.0.0.1", peer.port, "US", "THEM", WANTED)
        assert store(link, "1.2.3.4", offset, length, path) == outbound.Reply(0xA700, "disk full")
        assert link.is_open
        link.release()


def test_a_context_that_was_refused_is_not_there():
    with Provider(supported=[VERIFICATION]) as peer:
        link = outbound.associate("127.0.0.1", peer.port, "US", "THEM", WANTED)
        assert link.context_for(CT, syntax.EXPLICIT_LITTLE) is None
        assert [context.abstract_syntax for context in link.accepted] == [VERIFICATION]
        link.release()


def test_a_name_that_is_not_found_is_named():
    assert failure("no-such-host.invalid", 104).layer == outbound.NAME


def test_a_port_nobody_listens_on_is_named():
    said = failure("127.0.0.1", 1)
    assert said.layer == outbound.TCP and "refused" in said.reason


def test_a_rejection_is_told_with_what_to_do():
    with Provider(require_called="OTHER") as peer:
        said = failure("127.0.0.1", peer.port)
    assert (said.layer, said.permanent) == (outbound.ASSOCIATION, True)
    assert said.reason.endswith("called AE title not recognized; check the destination's ae_title")


def test_a_peer_that_accepts_the_connection_and_says_nothing_is_given_up():
    with Silent() as peer:
        said = failure("127.0.0.1", peer.port, connect_ms=200)
    assert said.layer == outbound.ASSOCIATION and "did not answer" in said.reason


def test_a_peer_that_talks_another_protocol_is_told_apart():
    with Silent(b"HTTP/1.1 400 Bad Request\r\n\r\n") as peer:
        said = failure("127.0.0.1", peer.port)
    assert said.layer == outbound.ASSOCIATION and "unrecognized PDU" in said.reason


def test_a_peer_that_closes_at_once_is_told():
    with Silent(b"", close=True) as peer:
        said = failure("127.0.0.1", peer.port)
    assert said.layer == outbound.ASSOCIATION


@pytest.mark.parametrize("times", [1, 200])
def test_a_peer_that_aborts_in_the_middle_is_told_and_the_link_is_closed(tmp_path, times):
    path, offset, length, octets = sample()
    large = tmp_path / "large"
    large.write_bytes(octets * times)
    with Provider(on_store=lambda event: event.assoc.abort() or 0) as peer:
        link = outbound.associate("127.0.0.1", peer.port, "US", "THEM", WANTED)
        with pytest.raises(outbound.LinkFailure) as raised:
            store(link, "1.2.3.4", 0, length * times, large)
        assert raised.value.layer == outbound.DIMSE
        assert not link.is_open


def test_a_file_that_is_shorter_than_it_should_be_aborts_the_association(tmp_path):
    path, offset, length, octets = sample()
    for copies, max_pdu in ((1, 16384), (100, 16384), (100, 131072)):
        short = tmp_path / "short"
        short.write_bytes(octets * copies)
        received = []
        with Provider(on_store=lambda event: received.append(event) or 0, max_pdu=max_pdu) as peer:
            link = outbound.associate("127.0.0.1", peer.port, "US", "THEM", WANTED)
            with pytest.raises(outbound.ShortFile):
                store(link, "1.2.3.4", 0, length * copies + 2, short)
            assert not link.is_open
        assert received == []


def test_an_error_while_chunks_are_made_aborts_the_association():
    def chunks():
        yield bytes(100000)
        raise ValueError("rotten")

    received = []
    with Provider(on_store=lambda event: received.append(event) or 0) as peer:
        link = outbound.associate("127.0.0.1", peer.port, "US", "THEM", WANTED)
        with pytest.raises(ValueError):
            link.begin_store_from(link.accepted[1].id, CT, "1.2.3.4", chunks())
        assert not link.is_open
    assert received == []


class Provider:
    """pynetdicom's provider while the `with` block lasts."""

    def __init__(self, on_store=lambda event: 0, supported=(VERIFICATION, CT), max_pdu=16384, require_called=None):
        self._entity = AE("THEM" if require_called is None else require_called)
        self._entity.maximum_pdu_size = max_pdu
        self._entity.require_called_aet = require_called is not None
        for abstract_syntax in supported:
            self._entity.add_supported_context(abstract_syntax)
        self._on_store = on_store

    def __enter__(self):
        handlers = [(evt.EVT_C_STORE, self._on_store)]
        self._server = self._entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self._server.socket.getsockname()[1]
        return self

    def __exit__(self, *exception):
        self._server.shutdown()


class Silent:
    """A TCP server that takes one connection, sends `octets`, and then waits for the `with` block to end."""

    def __init__(self, octets=b"", close=False):
        self._octets = octets
        self._close = close
        self._over = threading.Event()

    def __enter__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def _serve(self):
        connected, _ = self._server.accept()
        with connected:
            connected.sendall(self._octets)
            if not self._close:
                self._over.wait(30)

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()
        self._server.close()
