"""Boxes and their relay as they run, with TLS and certificates at both ends."""

import json
import socket
import subprocess

import pytest

from edge.demo import phantom
from tests.interop.tus import peers
from tests.support import certificates, process, warm
from tests.support.archive import Archive
from tests.support.certificates import Authority
from tests.support.cutting import CutLink
from tests.support.relay import MB, save_large
from tests.support.service import Service, destination, route


class Hospital:
    """A relay and what its boxes need to get there, in `folder`."""

    def __init__(self, folder, boxes=("clinic-*",), **tables):
        self.folder = folder
        self.authority = Authority(folder / "authority", "Hospital CA")
        self.port = process.free_port()
        self.relay = Service(
            folder / "relay",
            relay={"bind": "127.0.0.1", "port": self.port, "boxes": list(boxes)},
            tls=self.files(self.authority.issue("relay.example.org")),
            **tables,
        )

    def files(self, issued):
        """The [tls] of whom a certificate was issued to."""
        return {
            "certificate": str(issued.certificate),
            "key": str(issued.key),
            "authorities": str(self.authority.certificate),
        }

    def box(self, name, port=None, **more):
        """A box whose certificate is for `name`, and which forwards everything to the relay."""
        url = "https://127.0.0.1:%d" % (port or self.port)
        relay = {"name": "relay", "kind": "relay", "url": url, "retry_first_s": 0.2, "retry_cap_s": 1}
        issued = self.authority.issue(name, names=())
        return Service(self.folder / name, [relay], [route("relay")], tls=self.files(issued), **more)


def await_delivered(box, count):
    """Wait until the box has delivered so many objects."""
    process.wait_until(
        lambda: sum(row["state"] == "delivered" for row in box.queue()) >= count, 30, f"{count} objects delivered", 0.1
    )


def files(folder, count, seed=1):
    """So many phantom files in `folder`; their Phantoms."""
    folder.mkdir()
    made = [phantom.ct(phantom.study("CT", seed), number + 1, count, size=128) for number in range(count)]
    for number, each in enumerate(made):
        (folder / f"{number}.dcm").write_bytes(phantom.part10(each))
    return made


def test_two_boxes_reach_one_relay_which_forwards_to_its_archive(tmp_path):
    with Archive() as archive:
        hospital = Hospital(
            tmp_path, destinations=[destination("archive", archive.port)], routes=[route("archive")]
        )
        with hospital.relay, hospital.box("clinic-north") as north, hospital.box("clinic-south") as south:
            made = files(tmp_path / "n", 3, 1) + files(tmp_path / "s", 3, 2)
            north.edge("send", "relay", tmp_path / "n")
            south.edge("send", "relay", tmp_path / "s")
            received = archive.await_received(6)
            assert {(each.sop_instance, each.data_set) for each in received} == {
                (each.sop_instance, each.data_set) for each in made
            }
            await_delivered(north, 3)
            assert "port %d, for clinic-*" % hospital.port in hospital.relay.output()
            assert json.loads(north.edge("echo", "relay", "--json").stdout)["answered"]


def test_a_relay_shows_what_is_under_way_and_goes_on_with_it_after_both_ends_were_killed(tmp_path):
    hospital = Hospital(tmp_path)
    made = save_large(tmp_path / "large.dcm", "1.2.3", 20)
    with hospital.relay, CutLink(hospital.port, 4 * MB) as link:
        with hospital.box("clinic-north", link.port) as box:
            link.cut_bytes = 4 * MB
            box.edge("send", "relay", tmp_path / "large.dcm")
            process.wait_until(lambda: link.cuts, 20, "a cut")
            link.cut_bytes = 0
            (shown,) = process.wait_until(lambda: hospital.relay.status()["uploads"], 10, "an upload to be shown")
            assert shown["box"] == "clinic-north" and shown["bytes"] > len(made)
            words = hospital.relay.edge("status", check=False).stdout
            assert "upload        clinic-north: " in words
            words = hospital.relay.edge("relay").stdout
            assert "listens on port %d, for clinic-*" % hospital.port in words and "clinic-north: " in words
            reached = process.wait_until(lambda: hospital.relay.status()["uploads"][0]["offset"], 10, "some of it")
            box.kill()
            hospital.relay.kill()
            hospital.relay.restart()
            sent = link.sent
            link.cut_bytes = None
            box.restart()
            await_delivered(box, 1)
            assert link.sent - sent < shown["bytes"] - reached + 256 * 1024
            (stored,) = hospital.relay.objects()
            assert stored["sop_instance"] == "1.2.3"


def test_a_box_that_is_not_listed_is_told_so_and_keeps_its_objects(tmp_path):
    hospital = Hospital(tmp_path)
    files(tmp_path / "f", 1)
    with hospital.relay, hospital.box("van-3") as box:
        box.edge("send", "relay", tmp_path / "f")
        told = process.wait_until(
            lambda: [each["error"] for each in box.status()["destinations"] if each["error"]], 20, "the reason", 0.1
        )
        assert "is not among boxes under [relay]" in told[0] and "CN=van-3" in told[0]
        assert not hospital.relay.objects()


def test_a_box_with_a_certificate_of_somebody_else_is_told_so(tmp_path):
    hospital = Hospital(tmp_path, boxes=())
    with hospital.relay, hospital.box("clinic-north") as box:
        other = Authority(tmp_path / "other", "Other CA").issue("clinic-north", names=())
        box.document["tls"].update(certificate=str(other.certificate), key=str(other.key))
        box.write_config()
        said = box.edge("echo", "relay", check=False)
        assert said.returncode == 1 and "it does not know the issuer of this box's certificate" in said.stderr


def test_a_path_that_the_relay_does_not_have_is_told_before_anything_is_sent(tmp_path):
    hospital = Hospital(tmp_path)
    with hospital.relay, hospital.box("clinic-north") as box:
        (destination,) = [each for each in box.document["destination"] if each["kind"] == "relay"]
        destination["url"] += "/elsewhere"
        box.write_config()
        said = box.edge("echo", "relay", check=False)
    assert said.returncode == 1 and "it answered 404" in said.stderr and "check host, port and path" in said.stderr


def test_a_fingerprint_lets_one_certificate_in(tmp_path):
    hospital = Hospital(tmp_path, boxes=())
    box = hospital.box("van-3")
    hospital.relay.document["relay"]["boxes"] = [
        "sha256:" + certificates.fingerprint(box.document["tls"]["certificate"])
    ]
    with hospital.relay, hospital.box("van-4") as other:
        box.write_config()
        assert box.edge("echo", "relay").returncode == 0
        assert other.edge("echo", "relay", check=False).returncode == 1


def test_tus_js_client_uploads_with_a_certificate_over_a_link_that_is_cut(tmp_path):
    hospital = Hospital(tmp_path)
    path = tmp_path / "large.dcm"
    save_large(path, "1.2.3", 20)
    issued = hospital.authority.issue("clinic-js", names=())
    with hospital.relay, CutLink(hospital.port, 3 * MB) as link:
        done = peers.upload(
            f"https://127.0.0.1:{link.port}/uploads", path, tls=(issued, hospital.authority), chunk=8 * MB
        )
        assert link.cuts and done["errors"]
        (stored,) = hospital.relay.objects()
        assert stored["sop_instance"] == "1.2.3"


@pytest.mark.parametrize("request_", [b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b""])
def test_what_is_no_tls_is_refused_and_changes_nothing(tmp_path, request_):
    hospital = Hospital(tmp_path)
    with hospital.relay:
        with socket.create_connection(("127.0.0.1", hospital.port), timeout=15) as plain:
            plain.sendall(request_)
            plain.shutdown(socket.SHUT_WR)
            try:
                assert len(plain.recv(1000)) < 20  # an alert at most
            except ConnectionResetError:
                pass
        said = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{hospital.port}", "-tls1_1"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False,
        )  # fmt: skip
        assert said.returncode != 0
        assert hospital.relay.status()["running"]


def test_a_box_that_is_no_relay_says_how_to_make_it_one_in_words_that_work(tmp_path):
    box = Service(tmp_path / "box")
    box.write_config()
    said = box.edge("relay", check=False)
    assert said.returncode == 1
    tables = "\n".join(line[2:] for line in said.stdout.splitlines() if line.startswith("  "))
    (tmp_path / "edge.toml").write_text(tables, encoding="utf-8")
    checked = warm.run(["check-config", tmp_path / "edge.toml"])
    assert "relays    on port 8443 for clinic-north" in checked.stdout


def test_a_relay_moves_to_another_port_and_lets_other_boxes_in_while_it_works(tmp_path):
    hospital = Hospital(tmp_path)
    files(tmp_path / "n", 2, 1)
    after = process.free_port()
    with hospital.relay, hospital.box("clinic-north") as north, hospital.box("van-1", after) as van:
        north.edge("send", "relay", tmp_path / "n")
        await_delivered(north, 2)
        hospital.relay.document["relay"].update(port=after, boxes=["van-*"])
        assert hospital.relay.reload()
        assert not process.is_listening(hospital.port)
        van.edge("send", "relay", tmp_path / "n")
        await_delivered(van, 2)
        hospital.relay.document["relay"].update(boxes=["clinic-*"])
        assert hospital.relay.reload()
        assert van.edge("echo", "relay", check=False).returncode == 1
        del hospital.relay.document["relay"]
        assert hospital.relay.reload()
        assert not process.is_listening(after)
