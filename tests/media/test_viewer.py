"""What is written for the viewer: names, sizes that were forecast, and that it takes little memory."""

import json
import os
import re
import resource
import subprocess
import sys

import pytest

from edge.demo import phantom
from edge.dicom.errors import PeerError
from edge.media import packing, sight, viewer
from edge.media.errors import MediaError
from edge.pixels import binding
from tests.media import volumes

pytestmark = pytest.mark.skipif(not binding.available()[0], reason="the C extension is not built")
COMPONENT = re.compile(r"[A-Z0-9_]{1,8}(\.[A-Z0-9_]{1,3})?")


def instances(folder, series=2, count=3, size=64):
    made = []
    for seed in range(series):
        study = phantom.study("CT", seed=seed)
        for number in range(1, count + 1):
            path = phantom.save(phantom.ct(study, number, count, size=size), folder)
            made.append(sight.Instance(path, study.patient_id, study.uid, study.uid))
    return made


@pytest.fixture
def folders(tmp_path):
    for name in ("objects", "staging"):
        (tmp_path / name).mkdir()
    return tmp_path / "objects", tmp_path / "staging"


def test_every_name_can_stand_on_a_volume_of_level_1(folders):
    made = instances(folders[0])
    leaves = list(volumes.end(viewer.make(made, len(made), str(folders[1]))))
    assert len({leaf.name for leaf in leaves}) == len(leaves)
    for leaf in leaves:
        assert all(COMPONENT.fullmatch(each) for each in leaf.name.split("/")), leaf.name
        assert os.path.getsize(leaf.path) == leaf.size


def test_it_never_becomes_larger_than_was_forecast(folders):
    made = instances(folders[0])
    forecast = volumes.end(viewer.forecast(made, len(made)))
    leaves = list(volumes.end(viewer.make(made, len(made), str(folders[1]))))
    size = sum(leaf.size for leaf in leaves)
    assert size <= forecast.most and len(leaves) == forecast.files
    assert 0.7 * size <= forecast.likely <= 1.3 * size


def test_it_says_how_far_it_is(folders):
    made = instances(folders[0])
    assert [tuple(each) for each in viewer.make(made, len(made), str(folders[1]))] == [(n, 6) for n in range(1, 7)]


def test_the_name_over_a_picture_is_of_its_own_object_whatever_it_was_put_with(folders):
    made = []
    for seed, name in ((1, "Alpha^A"), (2, "Beta^B"), (3, "Alpha^A")):
        study = phantom.study("CT", seed=seed)._replace(patient_id="", patient_name=name)
        made.append(sight.Instance(phantom.save(phantom.ct(study, size=64), folders[0]), "", study.uid, study.uid))
    forecast = volumes.end(viewer.forecast(made, len(made)))
    leaves = list(volumes.end(viewer.make(made, len(made), str(folders[1]))))
    rows = items(next(leaf.path for leaf in leaves if leaf.name == "VIEWER/STUDIES.JS"))
    assert [each["patient"] for each in rows if "patient" in each] == ["Alpha A", "Beta B", "Alpha A"]
    assert [len(each) and next(iter(each)) for each in rows] == ["patient", "study", "series"] * 3
    assert len(leaves) == forecast.files


def items(path):
    """What a script of the viewer calls its function with."""
    with open(path, encoding="ascii") as file:
        return json.loads("[" + file.read().split("[", 1)[1].rstrip(");\n]").rstrip(",\n") + "]")


@pytest.mark.parametrize("given, time", [("140438", "140438"), ("14:04:38", "140438"), ("140438.123", "140438")])
def test_a_time_of_the_old_way_is_told_whole(folders, given, time):
    study = phantom.study("CT", seed=1)._replace(time=given)
    made = [sight.Instance(phantom.save(phantom.ct(study, size=64), folders[0]), 1, 1, 1)]
    leaves = list(volumes.end(viewer.make(made, 1, str(folders[1]))))
    rows = items(next(leaf.path for leaf in leaves if leaf.name == "VIEWER/STUDIES.JS"))
    assert [each["time"] for each in rows if "study" in each] == [time]


def test_an_object_that_is_gone_or_no_object_is_listed_with_the_reason(folders):
    (folders[0] / "text").write_text("this is no object, and nobody would take it for one" * 10)
    made = [sight.Instance(str(folders[0] / name), 1, 1, name) for name in ("gone", "text")]
    leaves = volumes.end(viewer.make(made, 2, str(folders[1])))
    lists = [open(leaf.path).read() for leaf in leaves if leaf.name.endswith("SERIES.JS")]
    assert "No such file" in lists[0] and "not a DICOM file" in lists[1]


def test_a_full_disk_is_said_in_words(folders, monkeypatch):
    made = instances(folders[0], 1, 1)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing, "write", full)
    with pytest.raises(MediaError, match="No space left on device; make room there"):
        volumes.end(viewer.make(made, 1, str(folders[1])))


def test_a_frame_that_turns_out_damaged_is_a_script_that_says_so(tmp_path):
    def rows():
        yield bytes(8)
        raise PeerError('broken "here"</script>')

    with open(tmp_path / "F.JS", "wb") as file:
        assert packing.write(file, "S000001/F0000001", rows(), 8, 2, 2) == 'broken "here"</script>'
    script = (tmp_path / "F.JS").read_text()
    assert "<" not in script
    assert json.loads("[" + script.strip().removeprefix("EDGE.frame(").removesuffix(");") + "]") == [
        "S000001/F0000001", "", 'broken "here"</script>',
    ]  # fmt: skip


MEASURE = """
import resource, sys
from edge.media import sight, viewer
made = [sight.Instance(path, 1, 1, 1) for path in sys.argv[2:]]
for _ in viewer.make(made[:1], 1, sys.argv[1] + "/one"): pass
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in viewer.make(made * 10, 1, sys.argv[1] + "/many"): pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_number_of_objects(folders):
    study = phantom.study("CT")
    paths = [phantom.save(phantom.ct(study, number, 6), folders[0]) for number in range(1, 7)]
    done = subprocess.run([sys.executable, "-c", MEASURE, folders[1], *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 1024 * (resource.getpagesize() / 4096)
