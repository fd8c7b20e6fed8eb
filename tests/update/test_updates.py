"""Updates staged and checked by the box, and handed to a steward: whole, in pieces, from a server, and refused."""

import functools
import http.server
import io
import re
import socket
import threading

import pytest

from edge.steward import client, serve, shapes
from edge.update import bundle, stream, updates
from edge.update.errors import Unfit
from tests.update.rauc import BOARD, Signer

RESERVE = 1 << 20


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(signer, path of an update to 0.2.0)."""
    folder = tmp_path_factory.mktemp("made")
    signer = Signer(folder, "updates")
    return signer, signer.bundle(folder / "edge.raucb")


@pytest.fixture
def kept(made, tmp_path, monkeypatch):
    """The Updates of a box that is a qemu-arm64 with version 0.1.0."""
    (tmp_path / "release").write_text(f"version=0.1.0\nboard={BOARD}\n")
    monkeypatch.setenv("EDGE_RELEASE", str(tmp_path / "release"))
    monkeypatch.setenv("EDGE_UPDATE_PEM", str(made[0].certificate))
    monkeypatch.setenv("EDGE_STEWARD", str(tmp_path / "stewards"))
    return updates.Updates(str(tmp_path / "state"), RESERVE)


@pytest.fixture
def steward(kept, tmp_path):
    """A steward of updates that keeps what it was asked for, and says `words` in place of installing where it has any.

    RAUC itself is behind the real one in tests/steward, and installs on an emulated machine.
    """
    asked = {"words": None, "sources": []}

    def install(state, given):
        with open(given["source"], "rb") as file:
            asked["sources"].append((given["version"], len(file.read())))
        yield {"percent": 40, "words": "copying"}
        if asked["words"]:
            raise shapes.Misused(asked["words"])
        return {"slot": "B"}

    verb = shapes.Verb(
        "install", "installs", install,
        (shapes.Argument("source", "text", "", most=2000), shapes.Argument("version", "text", "")),
    )  # fmt: skip
    folder = tmp_path / "stewards"
    folder.mkdir()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "updating.sock"))
    listening.listen(8)
    server = serve.Server(shapes.Role("updating", "", (verb,), shapes.State), listening, {0, client.os.geteuid()})
    thread = threading.Thread(target=server.run)
    thread.start()
    yield asked
    server.stop()
    thread.join()
    listening.close()


def stage(kept, octets, **more):
    """Stage an update to its end; return its Bundle, or None where more is to come."""
    staging = kept.stage(io.BytesIO(octets), **more)
    while True:
        try:
            next(staging)
        except StopIteration as end:
            return end.value


def test_a_file_is_staged_checked_and_installed_by_the_steward(made, kept, steward):
    octets = made[1].read_bytes()
    assert stage(kept, octets).version == "0.2.0"
    assert kept.staged().version == "0.2.0"
    done = threading.Event()
    assert kept.begin(after=done.set).version == "0.2.0"
    *_, last = kept.follow()
    assert (last.stage, last.slot, last.version) == ("installed", "B", "0.2.0")
    assert done.wait(5) and steward["sources"] == [("0.2.0", len(octets))]
    assert kept.staged() is None


def test_what_the_steward_refuses_is_said_and_what_is_staged_stays(made, kept, steward):
    steward["words"] = "the update is larger than a slot of this box"
    stage(kept, made[1].read_bytes())
    kept.begin()
    *_, last = kept.follow()
    assert (last.stage, last.words) == ("failed", "the update is larger than a slot of this box")
    assert kept.staged().version == "0.2.0"


def test_an_update_in_pieces_is_checked_when_it_is_whole(made, kept):
    octets = made[1].read_bytes()
    size = len(octets)
    assert stage(kept, octets[:100_000], length=size) is None
    assert kept.brought() == 100_000
    with pytest.raises(Unfit, match="not the next one: begin again"):
        stage(kept, octets[200_000:], length=size, offset=200_000)
    assert stage(kept, octets[:100_000], length=size) is None
    assert stage(kept, octets[100_000:], length=size, offset=100_000).version == "0.2.0"


def test_nothing_is_kept_of_an_update_that_is_refused(made, kept, tmp_path):
    octets = made[1].read_bytes()
    wrong = octets[:4999] + bytes([octets[4999] ^ 1]) + octets[5000:]
    several = ((wrong, "tampered with"), (b"no bundle" * 1000, "no update"), (octets[:-1000], "not signed|cut"))
    for each, words in several:
        with pytest.raises(Unfit, match=words):
            stage(kept, each)
        assert kept.staged() is None and kept.brought() == 0
    (tmp_path / "release").write_text(f"version=1.0\nboard={BOARD}\n")
    with pytest.raises(Unfit, match="older than 1.0"):
        stage(kept, octets)
    assert stage(kept, octets, allow_older=True).version == "0.2.0"


def test_an_update_for_which_there_is_no_room_is_refused_before_any_of_it_is_written(made, kept):
    with pytest.raises(Unfit, match="there is no room for the update on the data partition: it needs"):
        stage(kept, b"", length=kept.room() + (1 << 20))
    assert kept.brought() == 0


def test_without_a_steward_it_is_said_that_this_is_no_appliance(made, kept):
    stage(kept, made[1].read_bytes())
    with pytest.raises(Unfit, match="only an appliance does"):
        kept.begin()


class Ranges(http.server.BaseHTTPRequestHandler):
    """A server of one file, by parts or only as a whole."""

    def __init__(self, octets, by_parts, *more):
        self.octets, self.by_parts = octets, by_parts
        super().__init__(*more)

    def do_GET(self):
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if self.path != "/edge.raucb":
            return self.send_error(404)
        first, last = (int(found[1]), int(found[2])) if found and self.by_parts else (0, len(self.octets) - 1)
        self.send_response(206 if found and self.by_parts else 200)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(self.octets)}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        self.wfile.write(self.octets[first : last + 1])

    def log_message(self, *words):
        pass


@pytest.mark.parametrize("by_parts", [True, False])
def test_of_an_update_on_a_server_only_the_ends_are_fetched_to_know_it(made, by_parts):
    octets = made[1].read_bytes()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Ranges, octets, by_parts))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        at = "http://127.0.0.1:%d" % server.server_address[1]
        if by_parts:
            assert bundle.read(stream.Stream(at + "/edge.raucb"), made[0].certificate).version == "0.2.0"
            with pytest.raises(Unfit, match="answers 404 instead of the update"):
                stream.Stream(at + "/other.raucb")
        else:
            with pytest.raises(Unfit, match="sends files only as a whole"):
                stream.Stream(at + "/edge.raucb")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
