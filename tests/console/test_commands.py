"""The commands as a person types them, in processes of their own: what they print, and the codes they exit with."""

import json
import os
import subprocess
import sys
import time

import pydicom
import pydicom.data
import pytest

from edge import VERSION
from edge.box import reference
from edge.console.commands import COMMANDS
from tests.support import process, warm
from tests.support.certificates import Authority
from tests.support.dcmtk import Storescp
from tests.support.service import EDGE, Service, destination, route

CT = pydicom.data.get_testdata_file("CT_small.dcm")
MR = pydicom.data.get_testdata_file("MR_small.dcm")


def edge(*words, **more):
    return warm.run(words, **more)


def uid_of(path):
    return pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID


# Without a box


def test_the_version_is_told_before_anything_of_the_box_is_loaded():
    command = [sys.executable, "-X", "importtime", EDGE, "--version"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stdout) == (0, "edge %s\n" % VERSION)
    assert "edge.service.__main__" in said.stderr and "edge.spool" not in said.stderr


def test_no_command_prints_the_overview_as_an_error():
    said = edge()
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == edge("--help").stdout


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_explains_itself(command):
    said = edge(command.name, "--help")
    assert said.returncode == 0
    assert said.stdout == edge("help", command.name).stdout
    assert said.stdout.startswith("usage: edge %s" % command.name)


def test_a_command_that_is_not_understood_exits_with_2():
    said = edge("quue")
    assert (said.returncode, said.stderr) == (2, "edge: no command quue; did you mean queue?\n")


def test_a_good_configuration_is_summed_up(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_text(
        '[dicom]\naccept_calling = ["CT1"]\n[[destination]]\nname = "archive"\nae_title = "PACS"\nhost = "10.0.0.9"\n'
        '[[route]]\nfrom = "CT1"\nto = "archive"\n'
    )
    said = edge("check-config", path)
    assert said.returncode == 0
    assert said.stdout.splitlines() == [
        "%s: good" % path,
        "  receives  as EDGE on 0.0.0.0 port 11112, from CT1",
        "  keeps     in %s" % (tmp_path / "var"),
        "  sends     to archive: PACS at 10.0.0.9 port 104",
        "  routes    what CT1 sends to archive",
    ]
    assert edge("check-config", "--config", path).stdout == said.stdout
    assert edge("check-config", env={"EDGE_CONFIG": str(path), "PATH": "/usr/bin"}).stdout == said.stdout


def test_files_by_which_setup_files_are_believed_are_examined(tmp_path):
    (tmp_path / "edge.toml").write_text('[setup]\nsigners = "signers.pem"\npassphrase_file = "words"\n')
    signers, words = tmp_path / "signers.pem", tmp_path / "words"

    def warned():
        said = edge("check-config", tmp_path / "edge.toml")
        assert said.returncode == 0
        return "\n".join([line for line in said.stdout.splitlines() if "[setup]" in line])

    assert "[setup] signers" in warned() and "cannot be read: no such file" in warned()
    authority = Authority(tmp_path / "authority", "Signer")
    signers.write_bytes(authority.certificate.read_bytes())
    words.write_text("correct horse battery\n")
    words.chmod(0o604)
    assert "has a certificate" in warned() and "openssl x509 -pubkey" in warned()
    assert "[setup] passphrase_file" in warned() and "anybody on this machine" in warned()
    words.chmod(0o600)
    rsa = ("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", tmp_path / "rsa")
    subprocess.run(rsa, check=True, capture_output=True)
    subprocess.run(("openssl", "pkey", "-in", tmp_path / "rsa", "-pubout", "-out", signers), check=True)
    assert "key 1 of signers under [setup]: a key of another kind; expected Ed25519" in warned()
    subprocess.run(("openssl", "genpkey", "-algorithm", "Ed25519", "-out", tmp_path / "ed"), check=True)
    subprocess.run(("openssl", "pkey", "-in", tmp_path / "ed", "-pubout", "-out", signers), check=True)
    assert warned() == ""


def test_a_configuration_that_is_warned_of_is_not_called_good_alone(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_text('[dicom]\naccept_calling = ["CT1"]\ntls_port = 2762\n[tls]\ncertificate = "a"\nauthorities = "b"\n')
    said = edge("check-config", path)
    assert (said.returncode, said.stderr) == (0, "")
    kept, unusable, good = said.stdout.splitlines()[:3]
    assert kept.startswith("warning: ")
    assert unusable.startswith("warning: %s: [tls]: TLS on port 2762: the certificate, " % path)
    assert good == "%s: good, but see 2 warnings above" % path


def test_what_rules_come_to_is_summed_up(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_text(
        '[[destination]]\nname = "archive"\nae_title = "PACS"\nhost = "10.0.0.9"\n'
        '[[route]]\nmodality = "CT"\nhours = "18:00-07:00"\nto = "archive"\n'
        '[[deidentify]]\nfor = "archive"\nkey_file = "key"\noptions = ["device", "uids"]\n'
        '[[change]]\nfor = "archive"\ntag = "PatientID"\ndo = "prefix"\nvalue = "A-"\nfrom = "CT*"\n'
        '[[modality]]\nfrom = "OLD*"\naddress = "10.0.2.0/24"\n'
    )
    said = edge("check-config", path).stdout.splitlines()
    assert said[-4:] == [
        '  routes    what comes when Modality is like "CT" and time is 18:00-07:00 to archive',
        "  hides     who it was for archive with device and uids",
        '  changes   PatientID (prefix) for archive when calling AE title is "CT*"',
        "  meets     OLD* or 10.0.2.0/24 its own way",
    ]


def test_a_configuration_with_mistakes_exits_with_3_and_names_them_all(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_text('[box]\nae_title = ""\n[dicom]\nprot = 104\n')
    said = edge("check-config", path)
    assert said.returncode == 3
    assert said.stderr.splitlines() == [
        "%s, line 2: [box] ae_title: expected an AE title: 1 to 16 ASCII characters, not only spaces, no backslash, "
        'found "": it is empty' % path,
        '%s, line 4: [dicom]: no such key: "prot"; did you mean "port"?' % path,
        "%s: 2 mistakes" % path,
    ]
    found = json.loads(edge("check-config", path, "--json").stdout)
    assert [mistake["line"] for mistake in found["mistakes"]] == [2, 4]
    for command in (["serve"], ["queue"], ["send", "a", "b"], ["echo", "a"], ["reindex"]):
        said = edge(*command, "--config", path)
        assert said.returncode == 3, command
        assert "line 2" in said.stderr and "line 4" in said.stderr


def test_the_reference_is_a_configuration(tmp_path):
    said = edge("check-config", "--reference")
    assert said.stdout == reference.file()
    path = tmp_path / "edge.toml"
    path.write_text(said.stdout)
    assert edge("check-config", path).returncode == 0


def test_asking_for_a_box_that_never_ran_makes_nothing(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_text('[box]\nstate_dir = "state"\n')
    said = edge("queue", "--config", path)
    assert (said.returncode, said.stdout) == (0, "nothing is queued\n")
    assert "no box has run with %s yet" % (tmp_path / "state") in said.stderr
    assert edge("objects", "--json", "--config", path).stdout == "[]\n"
    assert not (tmp_path / "state").exists()


def test_echo_says_what_failed_and_where():
    port = process.free_port()
    said = edge("echo", "127.0.0.1", port, "--called", "PACS")
    assert said.returncode == 1
    assert said.stderr.startswith("edge: PACS did not answer: no connection to 127.0.0.1 port %d: refused" % port)
    assert json.loads(edge("echo", "127.0.0.1", port, "--json").stdout)["layer"] == "tcp"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("echo", "archive"), "no destination is called archive; the configuration has none; was --config left out?"),
        (("echo", "127.0.0.1", "x"), "PORT: expected a whole number from 1 to 65535, found x"),
        (("echo", "127.0.0.1", "104", "--called", "A" * 17), "--called AAAAAAAAAAAAAAAAA: expected an AE title"),
        (("queue", "--state", "lost"), "--state: expected waiting, sent, held or delivered, found lost"),
        (("release", "--object", "x"), "--object: expected the number that `edge objects` shows as id, found x"),
    ],
)
def test_arguments_that_cannot_be_are_said_and_exit_with_2(words, expected, tmp_path):
    said = edge(*words, cwd=tmp_path)
    assert said.returncode == 2
    assert said.stderr.startswith("edge: " + expected)


# With a box


def test_echo_reaches_a_running_box(box):
    said = edge("echo", "127.0.0.1", box.port, "--called", "EDGE")
    assert said.returncode == 0
    assert said.stdout.startswith("EDGE at 127.0.0.1 port %d answered in " % box.port)


def test_a_folder_is_sent_to_like_any_destination_and_asked_whether_it_can_be(tmp_path):
    share = {"name": "share", "kind": "folder", "path": str(tmp_path / "share"), "layout": "{SOPInstanceUID}.dcm"}
    with Service(tmp_path / "box", [share]) as box:
        said = box.edge("echo", "share", check=False)
        assert (said.returncode, said.stdout) == (1, "")
        assert "share cannot be delivered to: there is no folder" in said.stderr
        (tmp_path / "share").mkdir()
        assert "share is there: the folder %s, found in" % share["path"] in box.edge("echo", "share").stdout
        assert "has no AE titles" in box.edge("echo", "share", "--called", "X", check=False).stderr
        assert box.edge("send", "share", CT, MR).stdout == "2 objects queued for share\n"
        process.wait_until(lambda: {job["state"] for job in box.queue()} == {"delivered"}, 20, "two outcomes")
        assert "destination   share" in box.edge("status").stdout
    arrived = {path.name for path in (tmp_path / "share").glob("*.dcm")}
    assert arrived == {uid_of(CT) + ".dcm", uid_of(MR) + ".dcm"}


def test_files_are_sent_through_the_box_to_their_destination(tmp_path):
    arrived = tmp_path / "arrived"
    with Storescp(arrived) as archive, Service(tmp_path / "box", [destination("archive", archive.port)]) as box:
        said = box.edge("send", "archive", CT, MR)
        assert said.stdout == "2 objects queued for archive\n"
        process.wait_until(lambda: len(list(arrived.glob("*"))) == 2, 20, "two objects to arrive")
        process.wait_until(lambda: {job["state"] for job in box.queue()} == {"delivered"}, 20, "two outcomes")
        assert {job["sop_instance"] for job in box.queue()} == {uid_of(CT), uid_of(MR)}
        said = box.edge("queue")
        assert said.stdout == "archive: 0 waiting, 2 delivered\n"
        assert uid_of(CT) in box.edge("queue", "--all").stdout
        assert box.edge("send", "archive", CT).stdout == "0 objects queued for archive, 1 delivered before\n"


def test_a_folder_is_sent_with_what_lies_below_it_and_what_is_no_object_is_named(tmp_path):
    folder = tmp_path / "cd" / "images"
    folder.mkdir(parents=True)
    (tmp_path / "cd" / "DICOMDIR").write_bytes(b"a list, no object")
    (tmp_path / "cd" / "README").write_text("to be read")
    (folder / "one").write_bytes(open(CT, "rb").read())
    with Service(tmp_path / "box", [destination("archive", process.free_port())]) as box:
        said = box.edge("send", "archive", tmp_path / "cd", check=False)
        assert said.returncode == 1
        assert said.stdout == "1 object queued for archive, 1 left out\n"
        assert said.stderr.startswith("edge: %s: left out: " % (tmp_path / "cd" / "README"))
        said = box.edge("send", "archive", tmp_path / "none", folder, "--json", check=False)
        rows = json.loads(said.stdout)
        assert [row["taken"] for row in rows] == [False, True]
        assert "no such file" in rows[0]["error"] and rows[1]["verdict"] == "identical"


def test_without_a_box_files_wait_in_its_folder_for_the_next_start(tmp_path):
    arrived = tmp_path / "arrived"
    with Storescp(arrived) as archive:
        service = Service(tmp_path / "box", [destination("archive", archive.port)])
        service.write_config()
        said = service.edge("send", "archive", CT)
        assert said.stdout == "1 object queued for archive\n"
        assert "no box runs here; working on %s itself" % service.state_dir in said.stderr
        assert [job["state"] for job in service.queue()] == ["waiting"]
        with service:
            process.wait_until(lambda: list(arrived.glob("*")), 20, "the object to arrive")


def test_what_waits_says_why_and_until_when(tmp_path):
    away = destination("archive", process.free_port(), retry_first_s=60, retry_cap_s=60)
    with Service(tmp_path / "box", [away], [route("archive")]) as box:
        box.edge("send", "archive", CT)
        (job,) = process.wait_until(lambda: [job for job in box.queue() if job["error"]], 20, "the link to fail")
        assert job["state"] == "waiting" and "refused" in job["error"] and job["next_try"] > time.time()
        assert "object  destination  state    attempts  next try" in box.edge("queue").stdout
        said = box.edge("queue", "--destination", "other", check=False)
        assert said.returncode == 1 and "no destination is called other" in said.stderr
        assert box.edge("queue", "--state", "held").stdout.startswith("archive: 1 waiting; next try in ")


def test_an_object_that_no_route_takes_is_held_until_it_is_released(tmp_path):
    arrived = tmp_path / "arrived"
    with Storescp(arrived) as archive, Service(tmp_path / "box", [destination("archive", archive.port)]) as box:
        subprocess.run(["/usr/bin/storescu", "-aec", "EDGE", "127.0.0.1", str(box.port), CT], check=True)
        (kept,) = box.objects()
        assert kept["hold"] == "unrouted" and "no route" in kept["error"]
        assert "held: no route" in box.edge("objects").stdout
        said = box.edge("status", check=False)
        assert said.returncode == 1 and "1 object is held, the first is %d: no route took" % kept["id"] in said.stdout
        said = box.edge("release", "--object", kept["id"], check=False)
        assert said.returncode == 1 and "no destination, so name one with it: no route" in said.stderr
        said = box.edge("release", "--object", kept["id"], "--destination", "archve", check=False)
        assert said.returncode == 1 and "no destination is called archve" in said.stderr
        assert box.edge("release", "--object", kept["id"], "--destination", "archive").stdout == "released 1 job\n"
        process.wait_until(lambda: list(arrived.glob("*")), 20, "the object to arrive")
        said = box.edge("release", "--object", 99, check=False)
        assert said.returncode == 1 and "no object 99" in said.stderr


def test_reindex_gives_the_same_with_and_without_a_box(tmp_path):
    with Service(tmp_path / "box", [destination("archive", process.free_port())]) as box:
        box.edge("send", "archive", CT, MR)
        before = box.objects(), [(job["object"], job["state"]) for job in box.queue()]
        assert box.edge("reindex").stdout == "the index is made anew: 2 objects, 0 of them held\n"
        assert (box.objects(), [(job["object"], job["state"]) for job in box.queue()]) == before
        assert box.stop() == 0
        assert box.edge("reindex", "--json").stdout == '{\n  "objects": 2,\n  "bytes": %d,\n  "held": 0\n}\n' % sum(
            each["bytes"] for each in before[0]
        )
        assert (box.objects(), [(job["object"], job["state"]) for job in box.queue()]) == before


def test_a_folder_without_a_file_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    service = Service(tmp_path / "box", [destination("archive", process.free_port())])
    service.write_config()
    said = service.edge("send", "archive", tmp_path / "empty", check=False)
    assert (said.returncode, said.stdout) == (1, "0 objects queued for archive\n")
    assert "no file lies in %s" % (tmp_path / "empty") in said.stderr


def test_jobs_for_a_destination_that_left_the_configuration_are_told_at_start_and_can_be_given_to_another(tmp_path):
    arrived = tmp_path / "arrived"
    service = Service(tmp_path / "box", [destination("old", process.free_port())])
    service.write_config()
    service.edge("send", "old", CT, MR)
    with Storescp(arrived) as archive:
        service.document["destination"] = [destination("archive", archive.port)]
        with service:
            (line,) = [line for line in service.output().splitlines() if "stranded" in line]
            assert "2 for old, which is not configured" in line and "cancel --destination old" in line
            said = service.edge("cancel", "--destination", "old", "--to", "archive")
            assert said.stdout == "cancelled 2 jobs, 2 objects queued for archive; the objects are kept\n"
            process.wait_until(lambda: len(list(arrived.glob("*"))) == 2, 20, "two objects to arrive")


def test_an_object_is_removed_only_by_somebody_who_was_told_what_is_lost(tmp_path):
    service = Service(tmp_path / "box", [destination("archive", process.free_port())])
    service.write_config()
    service.edge("send", "archive", CT)
    (kept,) = service.objects()
    said = service.edge("remove", "--object", kept["id"], check=False)
    assert said.returncode == 1 and "would be gone for good" in said.stderr and "--yes" in said.stderr
    assert service.edge("remove", "--object", kept["id"], "--yes").stdout == "removed object %d\n" % kept["id"]
    assert service.objects() == [] and list((service.state_dir / "objects").rglob("*.dcm")) == []


def test_status_tells_whether_the_box_runs(tmp_path):
    with Service(tmp_path / "box", [destination("archive", 1)]) as box:
        said = box.edge("status")
        assert said.stdout.startswith("box           running, state in %s\n" % box.state_dir)
        assert "destination   archive: 0 waiting" in said.stdout and "trouble       none" in said.stdout
        found = json.loads(box.edge("status", "--json").stdout)
        assert found["running"] and found["troubles"] == [] and found["associations"] == []
        assert box.stop() == 0
        said = box.edge("status", check=False)
        assert said.returncode == 1 and "not running" in said.stdout


def test_a_state_folder_in_use_exits_with_4(tmp_path):
    with Service(tmp_path / "box", box={"ae_title": "ONE"}) as box:
        other = Service(tmp_path / "other", state_dir=box.state_dir)
        other.write_config()
        said = other.edge("serve", check=False)
        assert said.returncode == 4
        assert "is in use by process %d" % box.pid in said.stderr


# What a person's folders may hold


@pytest.fixture
def odd_folder(tmp_path):
    """A folder with a FIFO, a data set that was cut off, an empty file and one whose name would clear a screen."""
    folder = tmp_path / "study"
    folder.mkdir()
    os.mkfifo(folder / "1.fifo")
    (folder / "2.dcm").write_bytes(open(CT, "rb").read()[:-1000])
    (folder / "3.dcm").write_bytes(b"")
    (folder / "4\n\x1b[2J.dcm").write_bytes(b"hello, world" * 100)
    (folder / "5.dcm").write_bytes(open(MR, "rb").read())
    return folder


def test_what_is_odd_in_a_folder_is_told_and_keeps_nobody_waiting(tmp_path, odd_folder):
    with Service(tmp_path / "box", [destination("archive", process.free_port())]) as box:
        for runs in (True, False):
            if not runs:
                assert box.stop() == 0
            said = box.edge("send", "archive", odd_folder, check=False, limit_s=20)
            assert said.returncode == 1
            assert said.stdout.startswith("1 object queued for archive, 1 held, 3 left out")
            assert "1.fifo: left out: it is not a regular file" in said.stderr
            assert "2.dcm: held: the data set is damaged: the data set ends within" in said.stderr
            assert "3.dcm: left out: this is not a DICOM file: it is empty\n" in said.stderr
            assert r"4\n\x1b[2J.dcm: left out: this is not a DICOM file" in said.stderr
            assert "\x1b" not in said.stderr and "(at offset 0)" not in said.stderr
        (held,) = [each for each in box.objects() if each["hold"]]
        assert held["sop_instance"] == uid_of(CT)
        assert "(at offset %d)" % (os.path.getsize(CT) - 1000) in held["error"]
        said = box.edge("release", "--object", held["id"], "--destination", "archive")
        assert said.stdout == "released 1 job\n"


def test_a_file_name_is_shown_escaped_by_dump(odd_folder):
    said = edge("dump", odd_folder / "4\n\x1b[2J.dcm")
    assert said.returncode == 1
    assert r"4\n\x1b[2J.dcm: this is not a DICOM file" in said.stderr and "\x1b" not in said.stderr


def test_an_echo_that_is_refused_for_its_called_title_tells_what_to_change(tmp_path, box):
    said = edge("echo", "127.0.0.1", box.port, "--called", "OTHER")
    assert said.returncode == 1 and said.stderr.endswith("not recognized; say its AE title with --called\n")
    other = Service(tmp_path / "other", [destination("box", box.port, ae_title="OTHER")])
    other.write_config()
    assert other.edge("echo", "box", check=False).stderr.endswith("; check the destination's ae_title\n")


# Where output cannot go, and who does not want to wait


@pytest.mark.parametrize("words", [("--help",), ("check-config",), ("check-config", "--reference"), ("dump", CT)])
def test_output_that_cannot_be_written_is_said_in_one_line(words):
    with open("/dev/full", "w") as full:
        said = subprocess.run([EDGE, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert said.returncode == 1
    assert said.stderr == "edge: what there is to print cannot be written: no space left on device\n"


def test_a_status_that_cannot_be_written_is_said_in_one_line(box):
    with open("/dev/full", "w") as full:
        said = subprocess.run(
            [EDGE, "status", "--config", str(box.config_path)], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert said.returncode == 1
    assert said.stderr == "edge: what there is to print cannot be written: no space left on device\n"


def test_ctrl_c_while_it_is_still_being_loaded_is_one_line():
    # A finder of modules that presses Ctrl-C at the worst time, whatever the speed of the machine
    program = (
        "import signal, sys\n"
        "class Impatient:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == %r:\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Impatient())\n"
        "sys.argv = ['edge', 'serve']\n"
        "from edge.service.__main__ import main\n"
        "sys.exit(main())\n"
    )
    for module in ("edge.console", "edge.console.arguments", "edge.box.load", "edge.service.serve"):
        said = subprocess.run([sys.executable, "-c", program % module], capture_output=True, text=True, timeout=60)
        assert (said.returncode, said.stderr) == (130, "edge: interrupted\n"), module
