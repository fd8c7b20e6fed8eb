"""The gate of a new version: a running box tests itself, and nothing of the test stays or can be had by others."""

import pytest

from edge.dicom import syntax
from edge.net import outbound, rehearsal
from edge.spool.errors import Degraded
from edge.spool.spool import Spool
from edge.update import gate
from tests.support.process import free_port, is_listening, wait_until
from tests.support.service import Service, destination, route


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """A box that would send all it gets to an archive that is not there, takes one caller only, and has a console."""
    folder = tmp_path_factory.mktemp("box")
    console = {"on": True, "bind": "127.0.0.1", "port": free_port()}
    dicom = {"accept_calling": ["CT1"], "storage_sop_classes": ["1.2.840.10008.5.1.4.1.1.2"]}
    away = [destination("archive", free_port())]
    with Service(folder, away, [route("archive")], dicom, console=console) as running:
        wait_until(lambda: is_listening(console["port"]), 20, "the console, which starts late")
        yield running


def counted(box):
    """What the box counted of those who sent to it."""
    said = box.edge("metrics").stdout.splitlines()
    return [line for line in said if line.startswith(("edge_received", "edge_associations", "edge_refused"))]


def test_a_box_that_works_passes_and_keeps_nothing_of_its_test(box):
    before = (box.ask("associations"), box.queue(), counted(box))
    rows, done = box.ask("gate")
    assert [(row["name"], row["ok"]) for row in rows] == [
        ("queue", True),
        ("C-ECHO", True),
        ("C-STORE", True),
        ("console", True),
    ], rows
    assert done == {"good": True}
    assert (box.ask("associations"), box.queue(), counted(box)) == before and before[2]
    assert box.objects() == [] and box.stored() == [] and box.partial() == []


def test_the_object_of_a_test_is_for_the_caller_that_was_expected_alone():
    expecting = rehearsal.Rehearsals()
    expected = expecting.expect("2.25.1")
    assert expecting.claim("CT1", "127.0.0.1", "127.0.0.1") is None
    assert expecting.claim(expected.calling, "10.0.0.7", "10.0.0.5") is None
    second = expecting.expect("2.25.1")
    assert expecting.claim(second.calling, "10.0.0.5", "10.0.0.5") == second
    assert expecting.claim(second.calling, "10.0.0.5", "10.0.0.5") is None
    third = expecting.expect("2.25.2")
    expecting.forget(third)
    assert expecting.claim(third.calling, "127.0.0.1", "127.0.0.1") is None


def test_a_modality_cannot_have_its_object_dropped_by_looking_like_a_test(box):
    wanted = [(rehearsal.SOP_CLASS, (syntax.EXPLICIT_LITTLE,))]
    with pytest.raises(outbound.LinkFailure, match="calling AE title not recognized"):
        outbound.associate("127.0.0.1", box.port, "ABCDEFGHIJKLMNOP", "EDGE", wanted)


def test_a_disk_that_refuses_to_make_the_object_durable_fails_the_test(tmp_path):
    spool = Spool.open(str(tmp_path / "state"))
    try:
        arrival = spool.intake.rehearse(rehearsal.SOP_CLASS, "2.25.1", syntax.EXPLICIT_LITTLE, ("", "", ""))
        arrival.write_all([gate.test_object("2.25.1")])
        spool.disk.fsync, works = _refuse, spool.disk.fsync
        with pytest.raises(Degraded, match="making an object durable"):
            arrival.rehearse()
        spool.disk.fsync = works
    finally:
        spool.close()


def _refuse(fd):
    raise OSError(5, "Input/output error")


def test_a_console_that_does_not_answer_fails_the_test():
    class Console:
        on, bind, port, tls = True, "127.0.0.1", free_port(), False

    check = gate._console(Console)
    assert check.ok is False and "does not answer" in check.words
