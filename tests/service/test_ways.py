"""The ways to destinations as a person sees them: what is on its way, what goes first, and who is there just now."""

import json

import pydicom.data
import pytest

from edge.demo import phantom
from tests.support import dcmtk
from tests.support.dcmtk import Storescp
from tests.support.process import free_port, wait_until
from tests.support.service import Service, destination, route

CT = pydicom.data.get_testdata_file("CT_small.dcm")
SOON_S = 2


def asked(box, *words):
    return json.loads(box.edge(*words, "--json", check=False).stdout)


def test_what_is_on_its_way_says_how_far_it_is_and_how_long_it_will_take(tmp_path):
    large = phantom.save(phantom.cr(phantom.study("CR"), size=1448), tmp_path)
    with Storescp() as scp:
        slow = destination("archive", scp.port, rate_bytes_per_s="1 MB")
        with Service(tmp_path / "box", [slow], [route("archive")]) as box:
            assert box.edge("send", "archive", str(large)).returncode == 0
            found = []

            def half():
                found[:] = asked(box, "progress")
                return found and found[0]["sent"] and found[0]["sent"] > 1 << 20

            wait_until(half, 20, "a quarter of it to have arrived")
            (row,) = found
            assert (row["object"], row["destination"]) == (1, "archive")
            assert row["sent"] < row["bytes"] and row["bytes"] >= 4 << 20
            assert 300_000 < row["bytes_per_s"] < 1_500_000
            assert row["left_s"] == pytest.approx((row["bytes"] - row["sent"]) / row["bytes_per_s"], rel=0.1)
            words = box.edge("progress").stdout
            assert words.startswith("object 1 to archive: ") and words.endswith(" left\n")
            assert " MB of 5.0 MB, " in words


def test_a_peer_that_dies_and_comes_back_shows_within_two_seconds_although_nothing_is_due(tmp_path):
    port = free_port()
    with Service(tmp_path / "box", [destination("archive", port)], [route("archive")]) as box:

        def is_up():
            (row,) = asked(box, "status")["destinations"]
            return row["up"] is not False

        with Storescp(port=port):
            assert is_up()
        wait_until(lambda: not is_up(), SOON_S, "the peer to be seen dead")
        said = box.edge("status").stdout
        assert "archive: 0 waiting; not reachable: no connection to 127.0.0.1 port %d: refused" % port in said
        with Storescp(port=port):
            wait_until(is_up, SOON_S, "the peer to be seen alive")


def test_what_waits_for_a_peer_goes_at_once_when_somebody_sees_it_come_back(tmp_path):
    port = free_port()
    away = destination("archive", port, retry_first_s=300, retry_cap_s=600)
    with Service(tmp_path / "box", [away], [route("archive")]) as box:
        dcmtk.finish(dcmtk.start_sender(dcmtk.DCMSEND, box.port, [CT]))
        wait_until(lambda: asked(box, "status")["destinations"][0]["failures"], 10, "the first try to fail")
        with Storescp(port=port):
            wait_until(
                lambda: asked(box, "status")["destinations"][0]["jobs"]["delivered"] == 1, 10, "it to be delivered"
            )
