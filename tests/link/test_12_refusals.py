"""A destination that refuses or says nothing: bounded tries, then held for all to see, through restarts; never lost."""

import io
import subprocess
import threading

import pydicom
import pytest

from edge.demo import phantom
from tests.forward import stock
from tests.support import dcmtk, faults, process
from tests.support.archive import Archive
from tests.support.orthanc import Orthanc
from tests.support.service import Service, destination, route

ATTEMPTS = 4
LASTING = 3  # tries of an object that the archive says it will never take
PATIENCE = {"retry_first_s": 0.1, "retry_cap_s": 1, "attempts": ATTEMPTS, "dimse_timeout_s": 1}
LIMIT_S = 40


def box_with(folder, made, port, **more):
    """A box in `folder`, not started, in whose queue the phantoms `made` wait for `port`."""
    with stock.opened(folder / "state") as spool:
        for each in made:
            stock.put(spool, each, "archive")
    table = destination("archive", port, **{**PATIENCE, **more})
    return Service(folder, [table], [route("archive")], state_dir=folder / "state")


def await_jobs(box, **wanted):
    """Wait until the queue has so many jobs in each state."""

    def found():
        (row,) = box.status()["destinations"]
        return all(row["jobs"][state] == count for state, count in wanted.items())

    process.wait_until(found, LIMIT_S, f"{wanted}", 0.1)


def held(box):
    """{UID: job} of what the queue shows as held."""
    return {job["sop_instance"]: job for job in box.queue() if job["state"] == "held"}


def test_what_is_refused_or_never_answered_is_held_through_crashes_and_the_rest_goes_on(tmp_path):
    made = stock.slices(12)
    full, senseless, silent = [each.sop_instance for each in made[:3]]
    mended, ended = threading.Event(), threading.Event()

    def answer(received):
        if mended.is_set():
            return 0x0000
        if received.sop_instance == silent:
            ended.wait(60)
        return {full: 0xA700, senseless: 0xC000}.get(received.sop_instance, 0x0000)

    def count(uid):
        return sum(each.sop_instance == uid for each in list(archive.received))

    with Archive(answer=answer) as archive, box_with(tmp_path, made, archive.port) as box:
        process.wait_until(lambda: count(full) == 2, LIMIT_S, "a second try")
        box.kill()
        box.restart()
        await_jobs(box, delivered=9, held=3)
        jobs = held(box)
        assert set(jobs) == {full, senseless, silent}
        assert "A700" in jobs[full]["error"] and "C000" in jobs[senseless]["error"]
        assert "did not answer" in jobs[silent]["error"]
        attempts = {uid: job["attempts"] for uid, job in jobs.items()}
        assert attempts == {full: ATTEMPTS, senseless: LASTING, silent: ATTEMPTS}
        # What was under way when it was killed is the one try that nobody has put down
        assert count(full) <= ATTEMPTS + 1 and count(senseless) <= LASTING + 1 and count(silent) <= ATTEMPTS + 1
        came = len(archive.received)
        box.stop()
        box.restart()
        assert set(held(box)) == set(jobs)
        assert box.edge("status", check=False).returncode == 1
        assert len(box.stored()) == 12
        assert len(archive.received) == came
        mended.set()
        ended.set()
        box.edge("release", "--destination", "archive")
        await_jobs(box, delivered=12, held=0)
        assert {each.sop_instance for each in archive.received} == {each.sop_instance for each in made}


@pytest.mark.parametrize("manner", ["--abort-after", "--abort-during"])
def test_a_storescp_that_aborts_each_time_gets_no_object_more_than_its_tries(tmp_path, manner):
    made, port = stock.slices(3), process.free_port()
    with box_with(tmp_path, made, port, attempts=2) as box:
        with dcmtk.Storescp(tmp_path / "archive", port=port, options=[manner]):
            await_jobs(box, held=3)
        assert all("abort" in job["error"] and job["attempts"] == 2 for job in held(box).values())
        box.kill()
        box.restart()
        assert len(held(box)) == 3
        with dcmtk.Storescp(tmp_path / "archive", port=port):
            box.edge("release", "--destination", "archive")
            await_jobs(box, delivered=3)


def test_a_full_orthanc_gets_the_rest_once_it_has_room_and_a_person_says_so(tmp_path):
    head = phantom.study("CT", 3)
    made = [phantom.ct(head, number + 1, 12, size=512) for number in range(12)]
    with faults.tmpfs(tmp_path / "disk", 4 << 20) as disk, Orthanc(tmp_path / "orthanc", disk / "storage") as orthanc:
        with box_with(tmp_path, made, orthanc.port, attempts=2, dimse_timeout_s=20) as box:
            await_jobs(box, waiting=0, sending=0)
            refused = held(box)
            assert 3 < len(refused) < 12
            assert all("A700" in job["error"] and job["attempts"] == 2 for job in refused.values())
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
            box.edge("release", "--destination", "archive")
            await_jobs(box, delivered=12)
            found = {}
            for octets in orthanc.instances():
                there = pydicom.dcmread(io.BytesIO(octets))
                found[there.SOPInstanceUID] = there.PixelData
        assert found == {each.sop_instance: each.data_set[each.pixels] for each in made}
