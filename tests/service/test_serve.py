"""The service as a process: it starts, says where to send, drains when told to stop, and leaves nothing behind."""

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import time

import pydicom.data
import pytest

from tests.support import process
from tests.support.rawpeer import CT as CT_CLASS
from tests.support.rawpeer import EXPLICIT, RawPeer
from tests.support.service import EDGE, Service, destination, route

CT = pydicom.data.get_testdata_file("CT_small.dcm")


def ended(box, limit_s=20):
    return box.process.wait(limit_s)


def test_the_block_says_where_to_send_and_the_last_line_that_it_is_ready(tmp_path):
    with Service(tmp_path / "a box", [destination("archive", 104)], [route("archive")]) as box:
        lines = box.output().splitlines()
        assert lines[1] == "  send to    EDGE at 127.0.0.1 port %d" % box.port
        assert lines[3] == "  objects    %s/objects" % box.state_dir
        assert lines[4] == "  forwards   archive (ARCHIVE at 127.0.0.1 port 104)"
        assert lines[5] == "  try it     storescu -aec EDGE 127.0.0.1 %d FILE.dcm" % box.port
        assert lines[6].startswith("  look       %s queue --config '%s'" % (EDGE, box.config_path))
        assert lines[7].startswith("ready: DICOM on port %d after " % box.port)
        assert len(lines) == 8


def test_the_block_counts_what_waits_as_it_was_before_anything_is_sent(tmp_path):
    box = Service(tmp_path, [destination("archive", process.free_port())], [route("archive")])
    box.write_config()
    box.edge("send", "archive", CT)
    with box:
        (line,) = [line for line in box.output().splitlines() if "forwards" in line]
        assert line.endswith(", 1 waiting)")


def test_the_line_to_try_works_as_it_is_printed(box):
    (line,) = [line for line in box.output().splitlines() if "try it" in line]
    words = line.split()[2:]
    words[words.index("FILE.dcm")] = CT
    subprocess.run(["/usr/bin/" + words[0], *words[1:]], check=True)
    assert len(box.objects()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_exits_with_0_and_the_port_is_free(box, number):
    os.kill(box.pid, number)
    assert ended(box) == 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", box.port))
    assert "Traceback" not in box.log()


def test_an_association_under_way_may_finish_while_no_other_is_taken(tmp_path):
    with Service(tmp_path, dicom={"drain_s": 20}) as box, RawPeer(box.port) as peer:
        peer.associate([(1, CT_CLASS, [EXPLICIT])])
        data_set = pydicom.dcmread(CT)
        os.kill(box.pid, signal.SIGTERM)
        process.wait_until(lambda: not process.is_listening(box.port), 10, "the listening socket to close")
        octets = open(CT, "rb").read()
        body = octets[octets.index(b"\x08\0\x05\0CS") :]
        answer = peer.store(1, CT_CLASS, data_set.SOPInstanceUID.encode(), body)
        assert answer.status == 0
        peer.release()
        assert ended(box) == 0
        assert len(box.stored()) == 1


def test_a_drain_has_an_end(tmp_path):
    with Service(tmp_path, dicom={"drain_s": 1}) as box, RawPeer(box.port) as peer:
        peer.associate([(1, CT_CLASS, [EXPLICIT])])
        peer.write(b"\x04\0\0\0\x10\0")  # a PDU that never ends
        began = time.monotonic()
        assert box.stop() == 0
        assert time.monotonic() - began < 6


def test_told_twice_it_ends_at_once(tmp_path):
    with Service(tmp_path, dicom={"drain_s": 60}) as box, RawPeer(box.port) as peer:
        peer.associate([(1, CT_CLASS, [EXPLICIT])])
        peer.write(b"\x04\0\0\0\x10\0")
        os.kill(box.pid, signal.SIGTERM)
        process.wait_until(lambda: not process.is_listening(box.port), 10, "the listening socket to close")
        os.kill(box.pid, signal.SIGTERM)
        assert ended(box, 5) == -signal.SIGTERM
        box.restart()
        assert box.objects() == []


def test_told_to_stop_while_it_waits_for_a_destination_it_stops_all_the_same(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with Service(tmp_path, [destination("archive", port)], [route("archive")]) as box:
            box.edge("send", "archive", CT)
            connected, _ = silent.accept()
            began = time.monotonic()
            assert box.stop() == 0
            assert time.monotonic() - began < 15
            connected.close()


def test_a_port_that_is_taken_is_said_with_the_way_out(tmp_path, box):
    other = Service(tmp_path / "other")
    other.port = box.port
    other.document["dicom"]["port"] = box.port
    other.write_config()
    said = other.edge("serve", check=False)
    assert said.returncode == 1
    assert said.stderr.splitlines()[-1] == (
        "edge: port %d on 127.0.0.1 is taken: another program listens there; stop it, or set another port under [dicom]"
        % box.port
    )


def test_an_address_of_another_machine_is_said(tmp_path):
    other = Service(tmp_path, dicom={"bind": "192.0.2.77"})
    other.write_config()
    said = other.edge("serve", check=False)
    assert said.returncode == 1
    assert "192.0.2.77 is no address of this machine; set bind under [dicom]" in said.stderr


def test_a_state_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    other = Service(tmp_path, state_dir=tmp_path / "file" / "state")
    other.write_config()
    said = other.edge("serve", check=False)
    assert said.returncode == 1
    assert "set state_dir under [box] to a folder that can be written" in said.stderr
    assert "Traceback" not in said.stderr


def test_any_free_port_can_be_asked_for(tmp_path):
    with Service(tmp_path, dicom={"port": 0}) as box:
        (line,) = [line for line in box.output().splitlines() if line.startswith("ready")]
        port = int(line.split()[4])
        assert process.is_listening(port)


def test_every_line_of_the_log_begins_with_its_level_and_names_no_patient(tmp_path):
    with Service(tmp_path, [destination("archive", process.free_port())], [route("archive")]) as box:
        subprocess.run(["/usr/bin/storescu", "-aec", "EDGE", "127.0.0.1", str(box.port), CT], check=True)
        subprocess.run(["/usr/bin/echoscu", "-aec", "OTHER", "127.0.0.1", str(box.port)], check=False)
        box.edge("send", "archive", pydicom.data.get_testdata_file("MR_small.dcm"))
        assert box.stop() == 0
        lines = box.log().splitlines()
        assert lines
        for line in lines:
            assert line.split()[0] in ("debug", "info", "warning", "error", "critical"), line
        data_set = pydicom.dcmread(CT)
        for word in (str(data_set.PatientName), data_set.PatientID):
            assert word and word not in box.log()


def test_the_log_can_be_quieter(tmp_path):
    with Service(tmp_path, box={"log_level": "error"}) as box:
        subprocess.run(["/usr/bin/echoscu", "-aec", "EDGE", "127.0.0.1", str(box.port)], check=True)
        assert box.stop() == 0
        assert box.log() == ""


def test_only_its_owner_may_look_into_the_state_folder_and_talk_to_the_box(box):
    assert stat.S_IMODE(os.stat(box.state_dir).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(box.state_dir / "control.sock").st_mode) == 0o600


def test_the_control_socket_works_in_a_folder_of_any_length(tmp_path):
    with Service(tmp_path / ("long" * 30)) as box:
        assert box.edge("status").returncode == 0
        assert box.stop() == 0
        assert not (box.state_dir / "control.sock").exists()


def test_a_box_that_was_killed_starts_again_over_its_old_socket(box):
    box.kill()
    assert (box.state_dir / "control.sock").exists()
    box.restart()
    assert box.edge("status").returncode == 0


NONSENSE = (b"", b"\n", b"{}\n", b"[]\n", b"null\n", b"\xff\n", b'{"verb": 7}\n', b'{"verb": "send"}\n', b"x" * 70000)


def test_nonsense_on_the_control_socket_disturbs_nobody(box):
    for octets in NONSENSE:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(box.state_dir / "control.sock"))
            peer.sendall(octets)
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(4096):
                pass
    assert box.edge("status").returncode == 0
    assert "failed inside this box" not in box.log()


def test_an_unknown_verb_is_answered_in_words(box):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(box.state_dir / "control.sock"))
        peer.sendall(b'{"verb": "fly"}\n')
        answer = peer.recv(4096)
    assert answer.startswith(b'{"failed":"no verb fly; there are: status, relay, ') and answer.endswith(b"}\n")


def test_it_can_be_started_as_a_module(tmp_path):
    said = subprocess.run([sys.executable, "-m", "edge.service", "--version"], capture_output=True, text=True)
    assert said.stdout.startswith("edge ")


def test_an_idle_box_is_small(tmp_path):
    with Service(tmp_path, cold=True) as box:
        (line,) = [line for line in open("/proc/%d/status" % box.pid) if line.startswith("VmRSS")]
    assert int(line.split()[1]) * 1024 <= 24_000_000, line


def silent_clients(box, count):
    clients = []
    for _ in range(count):
        clients.append(socket.socket(socket.AF_UNIX))
        clients[-1].connect(str(box.state_dir / "control.sock"))
    return clients


def test_silent_connections_to_the_control_socket_keep_neither_a_command_nor_the_end_waiting(box):
    clients = silent_clients(box, 10)
    assert box.edge("status", limit_s=3).returncode == 0
    began = time.monotonic()
    assert box.stop() == 0
    assert time.monotonic() - began < 4
    for each in clients:
        each.close()


def test_when_every_place_at_the_control_socket_is_taken_a_command_is_told_and_soon_there_are_some_again(box):
    clients = silent_clients(box, 40)
    began = time.monotonic()
    said = box.edge("status", check=False)
    assert said.returncode == 1 and "the box is busy with" in said.stderr
    process.wait_until(lambda: box.edge("status", check=False).returncode == 0, 15, "a place")
    assert time.monotonic() - began < 15
    for each in clients:
        each.close()


def test_the_control_socket_outlives_a_want_of_descriptors(box):
    limits = resource.prlimit(box.pid, resource.RLIMIT_NOFILE)
    opened = len(os.listdir("/proc/%d/fd" % box.pid))
    resource.prlimit(box.pid, resource.RLIMIT_NOFILE, (opened, limits[1]))
    clients = silent_clients(box, 1)
    process.wait_until(lambda: "the control socket cannot take a command" in box.log(), 10, "the complaint")
    resource.prlimit(box.pid, resource.RLIMIT_NOFILE, limits)
    assert box.edge("status").returncode == 0
    assert box.log().count("the control socket cannot take a command") == 1
    clients[0].close()
