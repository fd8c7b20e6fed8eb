"""What is changed on the files of a box that does not run stands in its audit trail, by the user who did it."""

import getpass
import os
import threading

from pydicom.data import get_testdata_file

from edge.access.audit import Trail
from tests.support import warm
from tests.support.service import Service, destination


def edge(folder, *words):
    return warm.run([*words, "--config", folder / "edge.toml"])


def test_commands_that_change_the_files_of_a_box_are_audited_in_one_chain_with_those_of_the_box(tmp_path):
    box = Service(tmp_path, destinations=[destination("archive", 1)])
    box.write_config()
    trail = Trail(str(box.state_dir / "audit"))
    trail.write("the box", "one", {}, {}, None)  # open still, as a box that is just stopping has it
    sample = get_testdata_file("CT_small.dcm")
    assert edge(tmp_path, "settings", "--set", "dicom.port=11113").returncode == 0
    assert edge(tmp_path, "send", "archive", sample).returncode == 0
    assert edge(tmp_path, "cancel", "--destination", "archive").returncode == 0
    assert edge(tmp_path, "remove", "--object", "1", "--yes").returncode == 0
    assert edge(tmp_path, "remove", "--object", "1", "--yes").returncode == 1
    trail.write("the box", "two", {}, {}, None)
    rows = trail.read()
    verbs = [row["verb"] for row in rows if row["verb"] != "send"]
    assert verbs == ["one", "change", "cancel", "remove", "remove", "two"]
    assert {row["who"] for row in rows[1:-1]} == {f"{getpass.getuser()} (command line)"}
    assert rows[-2]["failure"] and trail.broken_at() is None
    assert Trail(str(box.state_dir / "audit")).broken_at() is None


def test_two_that_write_the_trail_at_a_time_leave_one_chain(tmp_path):
    trails = [Trail(str(tmp_path)) for _ in range(3)]

    def write(trail):
        for number in range(20):
            trail.write("somebody", "verb", {"number": number}, {}, None)

    threads = [threading.Thread(target=write, args=(trail,)) for trail in trails]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    rows = Trail(str(tmp_path)).read(limit=100)
    assert [row["n"] for row in rows] == list(range(1, 61))
    assert Trail(str(tmp_path)).broken_at() is None and len(os.listdir(tmp_path)) == 1
