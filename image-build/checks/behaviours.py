"""What every board's image is to do, whatever starts it; test_BOARD.py says of which board it is asked."""

import subprocess

from checks import box as boxes
from tests.support import process


_READY_S = {"qemu-amd64": 20, "qemu-arm64": 30}  # what a start may take on a machine that does nothing else


def _await_archived(box, count, limit_s=120):
    process.wait_until(
        lambda: len([path for path in box.archive.glob("*") if path.stat().st_size]) >= count,
        limit_s,
        f"{count} objects in the archive",
        pause_s=0.2,
    )


def test_a_new_box_gets_ready_by_itself(box, figure):
    figure(f"{box.guest.board}: first start, power to C-ECHO (target {_READY_S[box.guest.board]})", box.first_ready_s, "s")
    assert box.guest.answers()


def test_what_is_stored_is_forwarded_as_it_came(box, tmp_path):
    made = boxes.make_objects(tmp_path / "objects", 3)
    before = len(list(box.archive.glob("*")))
    boxes.store(box.guest, made.values())
    _await_archived(box, before + 3)
    contents = {path.read_bytes()[-65536:] for path in box.archive.glob("*")}
    assert all(path.read_bytes()[-65536:] in contents for path in made.values())


def test_the_serial_console_shows_the_menu(box):
    with boxes.Line(box.guest) as line:
        boxes.log_in(line)
        line.await_text(r"(?i)queue")


def test_the_console_is_served_by_tls_with_a_certificate_of_its_own(box):
    shown = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{box.guest.web_port}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    assert "-----BEGIN CERTIFICATE-----" in shown and "TLSv1.3" in shown
    home = box.site.get("/")
    assert home.status == 200 and "EDGE" in home.text


def test_the_data_partition_took_the_whole_disk(box):
    state = box.site.ask("status").json["done"]
    assert state["free_bytes"] > box.guest.disk_gib << 28, state  # the image's own has 64 MiB


def test_the_machine_needs_little_memory(box, figure):
    used = process.wait_until(box.guest.memory_used_mib, 60, "the guest's account of its memory", pause_s=1)
    figure(f"{box.guest.board}: memory used at idle (target 90)", used, "MB")
    assert used < 128


def test_a_restart_keeps_everything(box, tmp_path, figure):
    made = boxes.make_objects(tmp_path / "objects", 2)
    boxes.store(box.guest, made.values())
    box.guest.reset()
    process.wait_until(lambda: not box.guest.answers(), 60, "the box to be gone")
    figure(f"{box.guest.board}: start, reset to C-ECHO (target {_READY_S[box.guest.board]})", box.guest.await_ready(), "s")
    assert set(made) <= box.site.objects()
