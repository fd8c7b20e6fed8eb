"""A tap on a board, from a device's octets to the object at the receiver, through all that goes wrong between."""

import json
import os
import random
import re
import select
import subprocess
import threading
import tomllib

import pydicom
import pynetdicom
import pytest
from pynetdicom import evt

from edge.tap import settings
from tests.support import certificates, dcmtk, process
from tests.support.service import Service
from tests.tap.onboard import rig

BOARDS = ("pico2w", "esp32-s3")
DCIODVFY = "/usr/bin/dciodvfy"
ACK, NAK = b"\x06", b"\x15"


def checked(path):
    """Read an object as pydicom does, and have dciodvfy find no error in it."""
    done = subprocess.run([DCIODVFY, path], capture_output=True, text=True, timeout=30)
    assert "Error" not in done.stderr + done.stdout, done.stderr
    return pydicom.dcmread(path)


def lrzsz(tap, *command, until=None):
    """Run one of lrzsz's programs at the far end of the line, by pipes: it would set the line its own way.

    Return its exit code; it is ended when the tap has said the words `until`.
    """
    line = tap.device.fd
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    ) as running:
        out = running.stdout.fileno()
        while True:
            ready = select.select([line, out], [], [], 30)[0]
            assert ready, "the line went silent"
            if out in ready:
                octets = os.read(out, 4096)
                if not octets:
                    break
                tap.device.write(octets)
            if line in ready:
                octets = os.read(line, 4096)
                tap.device.heard += octets
                if until and any(until in each for each in tap.said):
                    running.kill()
                    break
                try:
                    running.stdin.write(octets)
                except BrokenPipeError:
                    break
    return running.returncode


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("box")) as running:
        yield running


def arrived(box, patient_id):
    """Wait for the object of a patient at the box; return its path."""
    process.wait_until(lambda: [each for each in box.objects() if each["patient_id"] == patient_id], 20, "the object")
    read = {pydicom.dcmread(path, specific_tags=["PatientID"]).PatientID: path for path in box.stored()}
    return read[patient_id]


def test_the_program_takes_at_most_120_kb_of_flash(built):
    program, printed = built
    octets = sum(path.stat().st_size for path in program.glob("edge/**/*.mpy"))
    assert f"{octets / 1024:.1f} KiB of .mpy" in printed
    assert octets <= 120 * 1024


def test_a_record_arrives_at_storescp_as_raw_data(tmp_path, program):
    record = b"DOE^JOHN|4711|" + bytes(range(256)).replace(b"\x03", b"") * 8
    with dcmtk.Storescp(tmp_path / "stored") as scp, rig.Tap(tmp_path / "tap", program, rig.settings(scp.port)) as tap:
        assert tap.device.answer(b"noise" + rig.framed(record)) == ACK
        tap.await_words("sent: success (0000)")
        (path,) = (tmp_path / "stored").iterdir()
        found = checked(path)
        assert (found.PatientID, str(found.PatientName), found.Modality) == ("4711", "DOE^JOHN", "AR")
        assert found[0x7FE11001].value == record + b"\0" * (len(record) % 2)


def test_pixels_longer_than_the_heap_arrive_at_the_box_as_a_secondary_capture(tmp_path, program, box):
    front = b"ROE^JANE|PIXELS|".ljust(32)
    pixels = random.Random(2).randbytes(512 * 480)
    assert len(pixels) > 200 * 1024
    record = f'kind = "fixed"\nbegin = "SOH"\noctets = {len(front + pixels)}\nlimit_octets = 300000\n'
    record += 'check = "crc-16/modbus"\ncheck_form = "little"\n'
    shape = 'kind = "capture"\nrows = 480\ncolumns = 512\npayload_at = 32'
    with rig.Tap(tmp_path, program, rig.settings(box.port, record, shape), blocks=128) as tap:
        crc = 0xFFFF
        for octet in front + pixels:
            crc ^= octet
            for _ in range(8):
                crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        assert tap.device.answer(b"\x01" + front + pixels + crc.to_bytes(2, "little")) == ACK
        found = checked(arrived(box, "PIXELS"))
        assert found.SOPClassUID.name == "Secondary Capture Image Storage" and found.pixel_array.shape == (480, 512)
        assert found.PixelData == pixels
        tap.await_words("sent: success (0000)")


def test_a_pdf_comes_by_ymodem_from_lrzsz_and_arrives_encapsulated(tmp_path, program, box):
    pdf = b"%PDF-1.4\n" + random.Random(3).randbytes(5000) + b"\n%%EOF\n\x1a\x1a"
    (tmp_path / "report.pdf").write_bytes(pdf)
    text = rig.settings(box.port, 'kind = "ymodem"\nsilence_ms = 100', 'kind = "pdf"')
    text = text.replace("{2}", "YMODEM")
    with rig.Tap(tmp_path / "tap", program, text) as tap:
        assert lrzsz(tap, "sb", tmp_path / "report.pdf") == 0
        found = checked(arrived(box, "YMODEM"))
        assert found.SOPClassUID.name == "Encapsulated PDF Storage"
        assert found.EncapsulatedDocument[: found.EncapsulatedDocumentLength] == pdf


@pytest.mark.parametrize("options", [(), ("-k",)], ids=["128", "1k"])
def test_a_file_comes_by_xmodem_from_lrzsz(tmp_path, program, box, options):
    patient_id = "XMODEM" + "".join(options)
    content = f"ROE^JANE|{patient_id}|".encode() + random.Random(4).randbytes(3000)
    (tmp_path / "dump").write_bytes(content)
    with rig.Tap(tmp_path / "tap", program, rig.settings(box.port, 'kind = "xmodem"\nsilence_ms = 100')) as tap:
        assert lrzsz(tap, "sx", *options, tmp_path / "dump") == 0
        assert checked(arrived(box, patient_id))[0x7FE11001].value[: len(content)] == content


def test_what_cannot_be_kept_is_refused_to_a_sender_of_ymodem(tmp_path, program):
    (tmp_path / "report.pdf").write_bytes(b"this is no PDF" * 20)
    text = rig.settings(1, 'kind = "ymodem"\nsilence_ms = 100', 'kind = "pdf"')
    with rig.Tap(tmp_path / "tap", program, text) as tap:
        lrzsz(tap, "sb", tmp_path / "report.pdf", until="refused: the record is no PDF")
        process.wait_until(lambda: b"\x18\x18\x18" in tap.device.listen(), 20, "the end of the transfer")


def test_a_power_cut_a_box_that_is_away_and_a_lost_network_lose_nothing(tmp_path, program):
    port = process.free_port()
    stored = tmp_path / "stored"
    with rig.Tap(tmp_path / "tap", program, rig.settings(port)) as tap:
        for patient in range(3):
            assert tap.device.answer(rig.framed(b"DOE|%d|first" % patient)) == ACK
            tap.cut_power()
            tap.start()
        tap.await_words("ready: 3 records kept")
        tap.await_words("next try in 2 s")
        assert tap.blinks(2.5) >= 2, "the LED is to say that the box is away"
        tap.wifi.unlink()
        tap.await_words("there is no network")
        assert tap.device.answer(rig.framed(b"DOE|3|meanwhile")) == ACK
        tap.wifi.touch()
        with dcmtk.Storescp(stored, port=port):
            tap.await_words("sent: success", 4)
    assert sorted(pydicom.dcmread(path).PatientID for path in stored.iterdir()) == ["0", "1", "2", "3"]
    assert len({pydicom.dcmread(path).StudyInstanceUID for path in stored.iterdir()}) == 4


def test_a_record_sent_again_after_a_lost_answer_is_the_same_object(tmp_path, program):
    port = process.free_port()
    with rig.Tap(tmp_path / "tap", program, rig.settings(port)) as tap:
        assert tap.device.answer(rig.framed(b"DOE|1|x")) == ACK
        got = threading.Event()

        def keep_silent(event):
            """Take the object, and let the power go before the answer."""
            (tmp_path / "first").write_text(event.request.AffectedSOPInstanceUID, encoding="ascii")
            tap.cut_power()
            got.set()
            return 0xA700

        archive = pynetdicom.AE()
        archive.add_supported_context("1.2.840.10008.5.1.4.1.1.66")
        running = archive.start_server(("127.0.0.1", port), False, evt_handlers=[(evt.EVT_C_STORE, keep_silent)])
        assert got.wait(20)
        running.shutdown()
        with dcmtk.Storescp(tmp_path / "second", port=port):
            tap.start()
            tap.await_words("sent: success")
    (second,) = (tmp_path / "second").iterdir()
    assert pydicom.dcmread(second).SOPInstanceUID == (tmp_path / "first").read_text(encoding="ascii")


def test_a_full_flash_refuses_and_says_so_and_takes_again_when_the_box_is_back(tmp_path, program):
    port = process.free_port()
    record = 'kind = "delimiter"\nbegin = "STX"\nend = "ETX"\nlimit_octets = 9000\n'
    record += 'check = "xor"\ncheck_place = "after end"\ncheck_end = true\n'
    with rig.Tap(tmp_path / "tap", program, rig.settings(port, record), blocks=32) as tap:
        kept = 0
        while tap.device.answer(rig.framed(b"DOE|%d|" % kept + b"x" * 8000)) == ACK:
            kept += 1
        assert 5 < kept < 16
        tap.await_words("are needed")
        assert tap.blinks(1.5) >= 5, "the LED is to say that the flash is full"
        tap.cut_power()
        tap.start()
        tap.await_words(f"ready: {kept} records kept")
        with dcmtk.Storescp(tmp_path / "stored", port=port):
            tap.await_words("sent: success", kept)
            assert tap.device.answer(rig.framed(b"DOE|last|")) == ACK
            tap.await_words("sent: success", kept + 1)
    found = sorted(pydicom.dcmread(path).PatientID for path in (tmp_path / "stored").iterdir())
    assert found == sorted([str(number) for number in range(kept)] + ["last"])


def test_noise_and_broken_records_are_no_objects_and_the_next_record_is(tmp_path, program):
    chance = random.Random(5)
    with dcmtk.Storescp(tmp_path / "stored") as scp, rig.Tap(tmp_path / "tap", program, rig.settings(scp.port)) as tap:
        assert tap.device.answer(rig.decoy(b"DOE|1|")) == NAK
        for _ in range(30):
            tap.device.write(chance.randbytes(chance.randrange(1, 1500)))
        tap.device.write(b"\x03\x03\x03\x03" + b"\x02" * 40 + b"\x03\x03\x03")
        process.wait_until(lambda: not tap.is_running() or tap.device.listen().count(NAK) > 3, 20, "refusals")
        before = len(tap.device.heard)
        tap.device.write(rig.framed(b"DOE|good|"))
        process.wait_until(lambda: ACK in tap.device.listen()[before:], 20, "the good one to be taken")
        tap.await_words("sent: success")
        assert tap.is_running()
    kept = {pydicom.dcmread(path).PatientID for path in (tmp_path / "stored").iterdir()}
    assert "good" in kept


def test_a_record_that_the_box_will_never_take_goes_aside_and_the_next_one_is_sent(tmp_path, program):
    port = process.free_port()
    with rig.Tap(tmp_path / "tap", program, rig.settings(port)) as tap:
        assert tap.device.answer(rig.framed(b"DOE|1|")) == ACK
        archive = pynetdicom.AE()
        archive.add_supported_context("1.2.840.10008.1.1")
        running = archive.start_server(("127.0.0.1", port), block=False)
        try:
            tap.await_words("was set aside: the box takes no objects of its SOP class")
        finally:
            running.shutdown()
        tap.cut_power()
        with dcmtk.Storescp(tmp_path / "stored", port=port):
            tap.start()  # what was set aside is tried again
            tap.await_words("sent: success")


def test_the_tap_and_the_box_talk_tls_with_certificates_at_both_ends(tmp_path, program):
    authority = certificates.Authority(tmp_path / "ca", "Hospital CA")
    own = authority.issue("edge.example.org", names=list(certificates.HERE))
    shown = authority.issue("tap1", names=["DNS:tap1"])
    tls = {"certificate": str(own.certificate), "key": str(own.key), "authorities": str(authority.certificate)}
    port = process.free_port()
    with Service(tmp_path / "box", dicom={"tls_port": port}, tls=tls) as box:
        more = 'tls = true\nserver_name = "localhost"\nauthority = "ca.pem"\ncertificate = "tap.pem"\nkey = "tap.key"'
        tap = rig.Tap(tmp_path / "tap", program, rig.settings(port, box=more))
        for name, path in (("ca.pem", authority.certificate), ("tap.pem", shown.certificate), ("tap.key", shown.key)):
            (tap.folder / name).write_bytes(path.read_bytes())
        with tap:
            assert tap.device.answer(rig.framed(b"DOE|TLS|" + os.urandom(20000).replace(b"\x03", b""))) == ACK
            checked(arrived(box, "TLS"))
            tap.await_words("sent: success")


def test_a_box_that_another_authority_vouches_for_gets_nothing(tmp_path, program):
    theirs = certificates.Authority(tmp_path / "theirs", "Another CA")
    ours = certificates.Authority(tmp_path / "ours", "Hospital CA")
    own = theirs.issue("edge.example.org", names=list(certificates.HERE))
    tls = {"certificate": str(own.certificate), "key": str(own.key)}
    port = process.free_port()
    with Service(tmp_path / "box", dicom={"tls_port": port}, tls={**tls, "client_certificates": "none"}) as box:
        more = 'tls = true\nserver_name = "localhost"\nauthority = "ca.pem"'
        tap = rig.Tap(tmp_path / "tap", program, rig.settings(port, box=more))
        (tap.folder / "ca.pem").write_bytes(ours.certificate.read_bytes())
        with tap:
            assert tap.device.answer(rig.framed(b"DOE|TLS|")) == ACK
            tap.await_words("The certificate is not correctly signed by the trusted CA")
            assert box.objects() == []


def test_settings_with_mistakes_are_said_all_at_once_and_blinked(tmp_path, program):
    text = rig.settings(104).replace('begin = "STX"', 'begin = "STXX"').replace('ssid = "modality"', "ssid = 5")
    tap = rig.Tap(tmp_path, program, text)
    try:
        tap.start(is_ready=False)
        tap.await_words("nothing is taken until settings.toml is right")
        assert any(re.search(r"settings.toml:\d+: record.begin: STXX is no octet", each) for each in tap.said)
        assert any("wifi.ssid: 5 is no string" in each for each in tap.said)
        assert tap.blinks(3) >= 4
    finally:
        tap.cut_power()
        tap.device.close()


def test_the_boards_own_examples_of_settings_are_right():
    for board in BOARDS:
        text = (rig.PROJECT / "boards" / board / "settings.toml").read_text(encoding="utf-8")
        assert settings.read(text).box["host"] == "192.168.1.20"


def test_a_boards_profile_and_its_main_say_the_same():
    for board in BOARDS:
        folder = rig.PROJECT / "boards" / board
        profile = tomllib.loads((folder / "profile.toml").read_text(encoding="utf-8"))
        program = (folder / "main.py").read_text(encoding="utf-8")
        uart = profile["uart"]
        assert f"uart={uart['number']}, tx={uart['tx_pin']}, rx={uart['rx_pin']}" in program
        assert f"Pin({json.dumps(profile['led']['pin'])}, Pin.OUT)" in program
        assert f"watchdog_ms={profile['watchdog']['wait_ms']}" in program
