"""Uploads between this program and foreign tus software: tus-js-client, and @tus/server with its file store."""

import hashlib

import pytest

from edge.forward.relay import RelayTarget
from edge.forward.resume import Resume
from tests.forward import stock
from tests.forward.test_relay import put_large
from tests.interop.tus import peers
from tests.support.cutting import CutLink
from tests.support.relay import MB, Relay, save_large


def test_tus_js_clients_upload_side_by_side_over_a_link_that_is_cut(tmp_path):
    made = {f"1.2.{number}": save_large(tmp_path / f"{number}.dcm", f"1.2.{number}", 10) for number in (1, 2, 3)}
    with Relay(tmp_path / "relay") as relay, CutLink(relay.port, 2 * MB) as link:
        endpoint = f"http://127.0.0.1:{link.port}/uploads"
        running = [
            peers.begun(endpoint, tmp_path / f"{number}.dcm", chunk=16 * MB, sop_instance=f"1.2.{number}")
            for number in (1, 2, 3)
        ]
        done = [peers.finished(each) for each in running]
        assert all(each["errors"] for each in done) and link.cuts >= 6
        kept = {}
        for stored in relay.objects():
            with open(relay.spool.path_of(stored), "rb") as file:
                kept[stored.uid] = file.read()[stored.offset :]
        assert kept == made


def test_a_tus_js_client_is_told_why_an_upload_is_refused(tmp_path):
    path = tmp_path / "text.dcm"
    path.write_bytes(b"no DICOM at all" * 1000)
    with Relay(tmp_path / "relay") as relay, pytest.raises(RuntimeError, match="422"):
        peers.upload(f"http://127.0.0.1:{relay.port}/uploads", path)


def test_objects_go_up_to_a_foreign_server_over_a_link_that_is_cut(tmp_path):
    with (
        peers.Server(tmp_path / "server") as server,
        CutLink(server.port, 4 * MB) as link,
        stock.opened(tmp_path / "box") as spool,
    ):
        large = put_large(spool, "1.2.3", 20, "relay")
        small = stock.slices(2)
        for each in small:
            stock.put(spool, each, "relay")
        resume = Resume(str(tmp_path / "resume"))
        target = RelayTarget("127.0.0.1", link.port, server.path, None, "EDGE", resume, 5, 20)
        with stock.working(spool, "relay", target):
            stock.await_count(spool, "relay", "delivered", 3, 40)
        assert link.cuts >= 4
        kept = {}
        for octets, metadata in server.uploads():
            assert hashlib.sha256(octets).hexdigest() == metadata["sha256"]
            kept[metadata["sop_instance"]] = octets
        assert kept.keys() == {"1.2.3", *(each.sop_instance for each in small)}
        assert kept["1.2.3"].endswith(large) and len(kept["1.2.3"]) - len(large) < 1000
