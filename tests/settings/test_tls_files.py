"""A change that names TLS files which cannot be used is refused in words; one that breaks later stops no change."""

import pytest

from edge.box import load
from edge.settings import keeper
from edge.verbs import table
from edge.verbs.box import Box
from edge.verbs.verb import ENGINEER, Asker, Refused
from tests.support.certificates import Authority

ANNA = Asker("anna", ENGINEER, "web")
PLAIN = '[dicom]\nport = 104\n'
TLS = '[dicom]\ntls_port = 2762\n[tls]\ncertificate = "%s"\nkey = "%s"\nauthorities = "%s"\n'


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    authority = Authority(folder / "authority", "Hospital CA")
    here, other = authority.issue("edge.example.org"), authority.issue("other.example.org")
    old = authority.issue("old.example.org", days=(-30, -2))
    text = folder / "text.pem"
    text.write_text("no PEM")
    found = authority.certificate
    return {
        "good": (here.certificate, here.key, found),
        "another key": (here.certificate, other.key, found),
        "no PEM": (text, here.key, found),
        "not there": (folder / "nowhere.pem", here.key, found),
        "expired": (old.certificate, old.key, found),
        "no authorities": (here.certificate, here.key, text),
    }


@pytest.fixture
def box(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_text(PLAIN)
    loaded = load.load(str(path))
    found = Box(loaded.config, None, list)
    found.settings = keeper.Keeper(loaded, lambda loaded: None)
    return found


def ask(box, verb, **request):
    asked, rows = table.ask(box, verb, request, ANNA), []
    while True:
        try:
            rows.append(next(asked))
        except StopIteration as end:
            return rows, end.value


WORDS = {
    "another key": "does not belong to the certificate",
    "no PEM": "cannot be read: expected PEM",
    "not there": "no such file",
    "expired": "has expired on",
    "no authorities": "the authorities, .* cannot be read",
}


@pytest.mark.parametrize("what", WORDS)
def test_files_that_cannot_be_used_are_refused_by_check_and_change_and_nothing_is_written(box, files, what):
    text = TLS % files[what]
    with pytest.raises(Refused, match="TLS on port 2762: .*" + WORDS[what]):
        ask(box, "change", text=text)
    rows, summary = ask(box, "check", text=text)
    assert not summary["good"] and rows[0]["key"] == "TLS on port 2762" and rows[0]["level"] == "mistake"
    with open(box.settings.path, encoding="utf-8") as file:
        assert file.read() == PLAIN


def test_files_in_use_that_break_are_no_reason_to_refuse_another_change(box, files, tmp_path):
    own = tmp_path / "own.pem"
    certificate, key, authorities = files["good"]
    own.write_bytes(certificate.read_bytes())
    ask(box, "change", text=TLS % (own, key, authorities), within_s=0)
    own.write_text("broken since")
    ask(box, "change", text=TLS % (own, key, authorities) + "client_certificates = \"optional\"\n", within_s=0)
    with pytest.raises(Refused, match="TLS on port 2763"):
        ask(box, "change", text=(TLS % (own, files["another key"][1], authorities)).replace("2762", "2763"))
