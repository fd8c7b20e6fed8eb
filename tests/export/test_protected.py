"""Protected exports and labels: foreign programs open them with the password and not without; what a label says."""

import json
import os
import subprocess

import pytest

from edge.demo import phantom
from edge.export import order, record
from edge.export.exports import Exports
from edge.media.errors import MediaError
from tests.export.test_make import SMALLEST, give, settings_of
from tests.spool.data import open_spool

WORDS = "ward 7, bed 12 -- key"


@pytest.fixture(scope="module")
def spool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("box")
    made = open_spool(folder / "state")
    head = phantom.study("CT", 3)
    for number in (1, 2):
        give(made, folder, phantom.ct(head, number=number, of=2, size=SMALLEST))
    yield made
    made.close()


def begun(exports, spool, to, **request):
    """The number of an export that was taken on."""
    request = {"patient": "DEMO-00003", "to": to, **request}
    asked = order.read(request, settings_of(spool), True)
    return exports.add(asked, to, "a test", password=request.get("password"))


def made(spool, to, **request):
    """The row of an export that was made."""
    exports = Exports(spool, lambda: settings_of(spool))
    number = begun(exports, spool, to, **request)
    for _ in exports.make(number):
        pass
    return exports.row(number)


def run(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True)


def kept(spool):
    """All that is kept of exports, as text."""
    folder = os.path.join(spool.path, "export")
    found = []
    for name in [each for each in os.listdir(folder) if each.endswith(".json")]:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            found.append(file.read())
    return "".join(found)


def opened(path, folder, *key):
    """What openssl finds in a Secure DICOM File."""
    inner, out = folder / "inner", folder / "out"
    done = run("openssl", "cms", "-decrypt", "-inform", "DER", "-in", path, "-out", inner, *key)
    assert done.returncode == 0, done.stderr
    done = run("openssl", "cms", "-digest_verify", "-inform", "DER", "-in", inner, "-out", out)
    assert "Verification successful" in done.stderr
    return out.read_bytes()


def test_openssl_opens_a_folder_of_secure_files_with_its_password_and_with_the_receivers_key(spool, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    run(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Ward", "-days", "9",
        "-keyout", key, "-out", certificate,
    )  # fmt: skip
    path = tmp_path / "set"
    found = made(spool, f"dir:{path}", password=WORDS, receivers=[certificate.read_text()])
    assert found["state"] == "done" and "without the password" in found["words"], found["words"]
    files = [each for each in path.rglob("*") if each.is_file()]
    assert len(files) == 3 and all(b"DEMO" not in each.read_bytes() for each in files)
    for each in files:
        assert opened(each, tmp_path, "-pwri_password", WORDS)[128:132] == b"DICM"
    assert b"DEMO-00003" in opened(path / "DICOMDIR", tmp_path, "-inkey", key)
    assert WORDS not in kept(spool)


def test_an_archive_opens_with_its_password_and_not_without(spool, tmp_path):
    path = tmp_path / "out.zip"
    assert made(spool, f"zip:{path}", password=WORDS, viewer=False)["state"] == "done"
    assert run("7z", "t", f"-p{WORDS}", path).returncode == 0
    assert run("7z", "t", "-pother words here", path).returncode != 0
    run("7z", "x", f"-p{WORDS}", f"-o{tmp_path}/read", path)
    assert (tmp_path / "read" / "INDEX.HTM").is_file() and b"DEMO" not in path.read_bytes()


def test_the_label_lies_beside_it_and_says_whose_when_by_whom_and_n_of_m(spool, tmp_path):
    found = made(spool, f"iso:{tmp_path}/disc.iso", password=WORDS, sheets=True)
    sheets = [f"{tmp_path}/disc.iso-label.pdf", f"{tmp_path}/disc.iso-cover.pdf"]
    assert found["volumes"][0]["sheets"] == sheets, found["notes"]
    for each in sheets:
        words = run("pdftotext", "-layout", each, "-").stdout
        for wanted in ("DEMO-00003", "City Hospital", "1 of 1", "2026-01-05", "password", "CT"):
            assert wanted in words, (each, wanted, words)
        assert WORDS not in words and oct(os.stat(each).st_mode & 0o777) == "0o600"


def test_a_sealed_disc_is_burnt_and_compared_and_its_label_lies_in_the_folder_for_exports(spool, tmp_path):
    disc = tmp_path / "disc"
    disc.touch()
    found = made(spool, f"burner:stdio:{disc}", password=WORDS, sheets=True)
    assert found["words"].startswith("burnt and compared; may be handed out; nobody opens it")
    label = os.path.join(spool.path, "exports", "export-%d-label.pdf" % found["number"])
    assert found["volumes"][0]["sheets"][0] == label and os.path.isfile(label)
    assert b"DEMO" not in disc.read_bytes()
    run("7z", "x", "-y", f"-o{tmp_path}/read", disc)
    assert b"DEMO-00003" in opened(tmp_path / "read" / "DICOMDIR", tmp_path, "-pwri_password", WORDS)


def test_a_label_that_cannot_be_drawn_is_said_and_the_volume_is_made_all_the_same(spool, tmp_path):
    (tmp_path / "set-label.pdf").write_text("mine")
    found = made(spool, f"dir:{tmp_path}/set", sheets=True, viewer=False)
    assert found["state"] == "done" and found["volumes"][0]["sheets"] == ()
    assert "there is no label" in found["notes"][-1] and (tmp_path / "set-label.pdf").read_text() == "mine"


def test_what_a_restart_finds_says_that_its_password_is_not_kept(spool, tmp_path):
    exports = Exports(spool, lambda: settings_of(spool))
    waits = begun(exports, spool, f"zip:{tmp_path}/a.zip", password=WORDS)
    runs = begun(exports, spool, f"dir:{tmp_path}/b", password=WORDS)
    plain = begun(exports, spool, f"dir:{tmp_path}/c")
    next(made := exports.make(runs))
    assert WORDS not in kept(spool)
    again = Exports(spool, lambda: settings_of(spool))
    made.close()
    for number in (waits, runs):
        row = again.row(number)
        assert row["state"] == record.FAILED and "not kept: order it again" in row["words"]
        with pytest.raises(MediaError, match="order it again"):
            again.again(number, "a test")
    assert again.row(plain)["state"] == record.WAITING
    again.cancel(plain)


def test_one_that_failed_is_made_again_with_its_password_as_long_as_the_box_runs(spool, tmp_path):
    exports = Exports(spool, lambda: settings_of(spool))
    first = begun(exports, spool, f"dir:{tmp_path}/b", password=WORDS)
    exports.cancel(first)
    second = exports.again(first, "a test")
    for _ in exports.make(second):
        pass
    assert exports.row(second)["state"] == "done"
    assert opened(tmp_path / "b" / "DICOMDIR", tmp_path, "-pwri_password", WORDS)


@pytest.mark.parametrize(
    "to, request_, words",
    [
        ("zip:/tmp/x.zip", {"password": "short"}, "12 characters"),
        ("dir:/tmp/x-set", {"password": "short"}, "8 characters"),
        ("dir:/tmp/x-set", {"password": "Schlüssel zum Haus"}, "without accents"),
        ("dir:/tmp/x-set", {"password": WORDS, "viewer": True}, "has no viewer"),
        ("dir:/tmp/x-set", {"receivers": ["no certificate"]}, "is no certificate"),
        ("zip:/tmp/x.zip", {"receivers": ["no certificate"]}, "by a password alone"),
        ("dir:/tmp/x-set", {"receivers": ["-----BEGIN PRIVATE KEY-----\n"]}, "give the certificate alone"),
    ],
)
def test_what_cannot_protect_is_refused_before_there_is_a_record(spool, to, request_, words):
    with pytest.raises(MediaError, match=words):
        order.read({"patient": "DEMO-00003", "to": to, **request_}, settings_of(spool), True)


def test_the_record_of_an_order_from_before_is_read(spool):
    asked = order.read({"patient": "DEMO-00003", "to": "dir:/tmp/x-set"}, settings_of(spool), True)._asdict()
    for name in ("has_password", "receivers", "has_sheets"):
        del asked[name]
    assert not order.is_protected(order.Order(**json.loads(json.dumps(asked))))
