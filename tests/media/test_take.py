"""Foreign file-sets taken into the spool: by directory, by files, each object once, and what is said of the rest."""

import json
import os
import shutil

import pydicom
import pytest

from edge.box import load
from edge.media import envelope, take
from edge.media.leaf import Leaf
from edge.verbs.box import Box
from edge.verbs.verb import OWNER, OPERATOR, Asker, Refused
from tests.media import sets
from tests.spool.data import open_spool
from tests.support import mediafiles, volume, warm
from tests.support.service import Service, destination
from tests.verbs.test_studies import ask

THEIRS = os.path.join(os.path.dirname(pydicom.__file__), "data", "test_files", "dicomdirtests")
KNOWN = '[[destination]]\nname = "PACS"\nae_title = "X"\nhost = "192.0.2.1"\n[[route]]\nto = ["PACS"]\n'


@pytest.fixture
def box(tmp_path):
    spool = open_spool(tmp_path / "state")
    yield Box(load.parse(KNOWN, str(tmp_path / "edge.toml")).config, spool, None)
    spool.close()


def _ask(box, who=OWNER, verb="import", **request):
    return ask(box, verb, who, **request)


def _kept(box):
    return sorted(each.uid for each in box.spool.objects(0, 1000))


def _set(root, count=4):
    uids = [mediafiles.write(root / "A" / ("I%d" % number), InstanceNumber=str(number)).SOPInstanceUID
            for number in range(count)]  # fmt: skip
    sets.make(root)
    return sorted(uids)


def test_a_foreign_set_is_taken_in_whole_and_queued_by_the_routes(box, tmp_path):
    shutil.copytree(os.path.join(THEIRS, "TINY_ALPHA"), tmp_path / "disc")
    rows, summary = _ask(box, path=str(tmp_path / "disc"))
    wanted = {each.SOPInstanceUID for each in sets.loaded(tmp_path / "disc" / "DICOMDIR")}
    assert _kept(box) == sorted(wanted) and len(wanted) == 50
    assert summary == {"taken": 50, "known": 0, "held": 0, "left_out": 0, "passed_over": 1}  # a README
    assert [row["done"] for row in rows] == list(range(1, 51)) and {row["total"] for row in rows} == {51}
    assert box.spool.jobs.counts()["PACS"]["waiting"][0] == 50
    assert _ask(box, path=str(tmp_path / "disc"))[1]["known"] == 50


def test_each_instance_is_taken_once_and_what_no_record_names_as_well(box, tmp_path):
    uids = _set(tmp_path / "disc")
    shutil.copy(tmp_path / "disc" / "A" / "I0", tmp_path / "disc" / "A" / "COPY")
    more = mediafiles.write(tmp_path / "disc" / "B" / "extra.dcm")
    (tmp_path / "disc" / "README.TXT").write_bytes(b"read me")
    rows, summary = _ask(box, path=str(tmp_path / "disc"))
    assert _kept(box) == sorted([*uids, more.SOPInstanceUID])
    assert (summary["taken"], summary["left_out"], summary["passed_over"]) == (5, 1, 1)
    assert [row["error"] for row in rows if not row["taken"]] == ["another file of the set has the same SOP Instance"]


def test_a_set_without_a_directory_or_with_a_broken_one_is_taken_by_its_files(box, tmp_path):
    uids = _set(tmp_path / "disc")
    (tmp_path / "disc" / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 64)
    assert _ask(box, path=str(tmp_path / "disc"))[1]["taken"] == 4
    assert _kept(box) == uids


def test_one_bad_file_holds_up_no_other(box, tmp_path):
    _set(tmp_path / "disc")
    (tmp_path / "disc" / "A" / "I1").unlink()
    (tmp_path / "disc" / "A" / "I2").write_bytes(b"no object any more")
    rows, summary = _ask(box, path=str(tmp_path / "disc"))
    assert (summary["taken"], summary["left_out"]) == (2, 2)
    assert all(row["error"] for row in rows if not row["taken"])


def test_no_link_leads_out_of_the_medium(tmp_path):
    secret = tmp_path / "secret"
    mediafiles.write(secret / "I0")
    _set(tmp_path / "disc", 1)
    path = tmp_path / "disc" / "DICOMDIR"
    path.write_bytes(path.read_bytes().replace(b"A\\I0", b"..\\I"))
    os.symlink(secret / "I0", tmp_path / "disc" / "LINK")
    handed = []
    rows = list(take.take(str(tmp_path / "disc"), lambda fd: handed.append(os.readlink("/proc/self/fd/%d" % fd)) or 1))
    assert handed == [str(tmp_path / "disc" / "A" / "I0")]
    assert [row.path for row in rows] == ["../I", "A/I0"]


def test_whoever_is_not_at_the_command_line_reads_media_only(box, tmp_path):
    _set(tmp_path / "disc", 1)
    with pytest.raises(Refused, match="/media"):
        _ask(box, Asker("anna", OPERATOR, "web"), path=str(tmp_path / "disc"))
    with pytest.raises(Refused, match="/media"):
        _ask(box, Asker("anna", OPERATOR, "web"), verb="check-media", path="/media/../etc")


def test_what_is_not_there_is_refused_with_the_next_step(box, tmp_path):
    with pytest.raises(Refused, match="mounted"):
        _ask(box, path=str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refused, match="no file lies in"):
        _ask(box, path=str(tmp_path / "empty"))
    with pytest.raises(Refused, match="no destination"):
        _ask(box, path=str(tmp_path / "empty"), to="nobody")


def _edge(*words):
    return warm.run(words)


def test_the_commands_take_a_set_in_check_it_and_make_its_directory_anew(tmp_path):
    uids = _set(tmp_path / "disc")
    service = Service(tmp_path / "box", [destination("PACS", 1)])
    service.write_config()
    config = ("--config", service.config_path)
    done = _edge("import", tmp_path / "disc", "--to", "PACS", *config)
    assert done.returncode == 0 and "4 objects taken in" in done.stdout, done.stderr
    with service:
        again = _edge("import", tmp_path / "disc", "--json", *config)
        assert again.returncode == 0 and [row["verdict"] for row in json.loads(again.stdout)] == ["identical"] * 4
        service.stop()
    assert _edge("media", "check", tmp_path / "disc", *config).returncode == 0
    shutil.make_archive(str(tmp_path / "whole"), "zip", tmp_path / "disc")
    assert "nothing is wrong" in _edge("media", "check", tmp_path / "whole.zip", *config).stdout
    none = _edge("media", "check", service.config_path, *config)
    assert none.returncode == 1 and "no folder of a file-set, nor its DICOMDIR, an image or a ZIP" in none.stderr
    (tmp_path / "disc" / "A" / "I3").unlink()
    found = _edge("media", "check", tmp_path / "disc", "--json", *config)
    assert found.returncode == 1 and [row["code"] for row in json.loads(found.stdout)["findings"]] == ["missing-file"]
    anew = _edge("media", "index", tmp_path / "disc", "--profile", "STD-GEN-CD", "--id", "ANEW", *config)
    assert anew.returncode == 0 and "3 objects" in anew.stdout
    assert _edge("media", "check", tmp_path / "disc", "--profile", "std-gen-cd", *config).returncode == 0
    assert {each.SOPInstanceUID for each in sets.loaded(tmp_path / "disc" / "DICOMDIR")} < set(uids)
    (tmp_path / "disc" / "README.TXT").write_text("no object, and none by its name")
    assert _edge("media", "index", tmp_path / "disc", *config).returncode == 0
    (tmp_path / "disc" / "IM000099").write_text("no object")
    passed = _edge("media", "index", tmp_path / "disc", *config)
    assert passed.returncode == 1 and "IM000099: passed over: " in passed.stderr and "3 objects" in passed.stdout
    assert "README.TXT" not in passed.stderr


def test_a_secure_set_is_taken_in_with_its_password_and_not_without(box, tmp_path):
    uids = _set(tmp_path / "plain", 2)
    files = [path for path in (tmp_path / "plain").rglob("*") if path.is_file()]
    lock = envelope.Password("a long pass phrase")
    for path in files:
        target = tmp_path / "disc" / path.relative_to(tmp_path / "plain")
        target.parent.mkdir(parents=True, exist_ok=True)
        volume.drained(envelope.seal(Leaf(path.name, str(path), path.stat().st_size), str(target), lock))
    disc = str(tmp_path / "disc")
    rows, summary = _ask(box, path=disc)
    assert summary["left_out"] == 2 and {row["error"].split(":")[0] for row in rows} == {"it is protected"}
    rows, summary = _ask(box, path=disc, password="another pass phrase")
    assert summary["left_out"] == 2 and all("the password is another one" in row["error"] for row in rows)
    assert _kept(box) == []
    _, summary = _ask(box, path=disc, password="a long pass phrase")
    assert summary["taken"] == 2 and summary["left_out"] == 0 and _kept(box) == uids
    assert os.listdir(os.path.join(box.spool.path, "partial")) == []


def test_the_command_takes_the_password_of_a_secure_set_from_a_file_and_says_once_that_it_is_another(tmp_path):
    mediafiles.write(tmp_path / "plain")
    (tmp_path / "disc").mkdir()
    lock = envelope.Password("a long pass phrase")
    leaf = Leaf("I", str(tmp_path / "plain"), (tmp_path / "plain").stat().st_size)
    for name in ("I1", "I2", "I3"):
        volume.drained(envelope.seal(leaf, str(tmp_path / "disc" / name), lock))
    words = tmp_path / "words"
    words.write_text("another pass phrase\n")
    words.chmod(0o600)
    (tmp_path / "edge.toml").write_text('[box]\nstate_dir = "%s"\n%s' % (tmp_path / "state", KNOWN))
    asked = ("import", tmp_path / "disc", "--passphrase-file", words, "--config", tmp_path / "edge.toml")
    done = _edge(*asked)
    told = [line for line in done.stderr.splitlines() if "the password is another one" in line]
    assert done.returncode == 1 and len(told) == 2 and "2 more files: left out: " in told[1]
    words.write_text("a long pass phrase\n")
    done = _edge(*asked)
    assert "1 object taken in" in done.stdout and "pass phrase" not in done.stderr
    assert done.stderr.count("another file of the set has the same SOP Instance") == 2
