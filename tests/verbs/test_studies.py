"""Verbs on studies: what is found, shown, taken away and sent again."""

import io
import os
import subprocess
import tracemalloc
import zipfile
import zlib

import pytest

from edge.box import load
from edge.media import zipped
from edge.spool.jobs import UNROUTED
from edge.verbs import table
from edge.verbs.box import Box
from edge.verbs.verb import OPERATOR, VIEWER, Asker, Forbidden, Refused
from tests.spool.data import data_set, deliver, one, open_spool, receive

ANNA, LOOKER = Asker("anna", OPERATOR, "web"), Asker("otto", VIEWER, "web")
KNOWN = "".join('[[destination]]\nname = "%s"\nae_title = "X"\nhost = "192.0.2.1"\n' % name for name in ("PACS", "VNA"))


class Trail:
    """What is written to the audit trail."""

    def __init__(self):
        self.lines = []

    def write(self, *line):
        self.lines.append(line)


@pytest.fixture
def box(tmp_path):
    spool = open_spool(tmp_path / "state")
    yield Box(load.parse(KNOWN, str(tmp_path / "edge.toml")).config, spool, None, audit=Trail())
    spool.close()


def ask(box, verb, who=ANNA, **request):
    """(rows, summary) of a verb."""
    answer = table.ask(box, verb, request, who)
    rows = []
    while True:
        try:
            rows.append(next(answer))
        except StopIteration as end:
            return rows, end.value


def refusal(box, verb, **request):
    with pytest.raises(Refused) as caught:
        ask(box, verb, **request)
    return str(caught.value)


def image(uid, study="1.9", series=None, columns=4, pixels=bytes(range(16))):
    """A data set with pixels of which a picture can be made."""
    whole = data_set(uid, study=study)
    pixel_data = whole.index(one(0x7FE00010, "OW", b"\1\2" * 32))
    numbers = ((2, 1), (0x10, 4), (0x11, columns), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0))
    described = [one(0x00280000 | tag, "US", value.to_bytes(2, "little")) for tag, value in numbers]
    described.insert(1, one(0x00280004, "CS", "MONOCHROME2"))
    head = whole[:pixel_data]
    if series:
        head = head.replace(one(0x0020000E, "UI", study + ".1"), one(0x0020000E, "UI", series))
    return head + b"".join(described) + one(0x7FE00010, "OW", pixels)


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        ({"date_from": "2026-13-45"}, "no calendar has the date 2026-13-45"),
        ({"date_from": "99999999"}, "no calendar has the date 99999999"),
        ({"date_from": "2026-02-02", "date_to": "2026-02-01"}, "no date is between"),
    ],
)
def test_dates_that_no_study_can_have_are_a_mistake(box, dates, words):
    assert words in refusal(box, "studies", **dates)


def test_a_study_is_told_with_its_series_its_size_and_where_it_went(box):
    for number, series in enumerate(("1.9.1", "1.9.1", "1.9.2")):
        receive(box.spool, "1.2.%d" % number, image("1.2.%d" % number, series=series), to=("PACS", "VNA"))
    deliver(box.spool, "VNA")
    rows, summary = ask(box, "studies", text="doe")
    (row,) = rows
    assert (row["objects"], row["series"], row["modalities"], summary) == (3, 2, ["CT"], {"after": None})
    assert row["bytes"] == sum(stored.size for stored in box.spool.objects())
    assert row["destinations"] == [
        {"name": "PACS", "waiting": 3, "held": 0, "delivered": 0, "sent": 0},
        {"name": "VNA", "waiting": 0, "held": 0, "delivered": 3, "sent": 0},
    ]
    objects, told = ask(box, "study", study_key=row["study_key"], series="1.9.2")
    assert [each["id"] for each in objects] == [3]
    assert objects[0]["destinations"] == [{"name": "PACS", "state": "waiting"}, {"name": "VNA", "state": "delivered"}]
    assert [(each["series"], each["objects"]) for each in told["all_series"]] == [("1.9.1", 2), ("1.9.2", 1)]
    assert objects[0]["kind"] == "CT Image" and objects[0]["picture"]


def test_a_study_that_is_not_there_and_a_date_that_is_none_are_refused(box):
    assert "there is no study 7" in refusal(box, "study", study_key=7)
    assert "2026-11-23" in refusal(box, "studies", date_from="yesterday")
    assert refusal(box, "studies", limit=0) == "limit: expected 1 to 500, found 0"


def test_the_objects_of_a_study_come_in_pages(box):
    for number in range(5):
        receive(box.spool, "1.2.%d" % number, image("1.2.%d" % number))
    first, told = ask(box, "study", study_key=1, limit=3)
    rest, end = ask(box, "study", study_key=1, after=told["after"], limit=3)
    assert [each["id"] for each in first + rest] == [1, 2, 3, 4, 5] and end["after"] is None
    assert "object 77, behind which the page begins, is gone" in refusal(box, "study", study_key=1, after=77)
    assert "no object" in refusal(box, "study", study_key=1, after=10**30)


def test_a_picture_says_what_it_shows(box):
    receive(box.spool, "1.2.3", image("1.2.3"))
    file = io.BytesIO()
    told = ask(box, "picture", LOOKER, object=1, file=file)[1]
    assert file.getvalue().startswith(b"\x89PNG") and told["bytes"] == len(file.getvalue())
    assert (told["frames"], told["rows"], told["columns"], told["center"], told["width"]) == (1, 4, 4, 8, 16)
    assert "a window has both" in refusal(box, "picture", object=1, center="5", file=file)
    assert "center: expected a number" in refusal(box, "picture", object=1, center="nan", width="1", file=file)
    assert "there is no frame 2" in refusal(box, "picture", object=1, frame=2, file=file)


def test_of_an_object_without_pixels_it_is_said_what_it_is(box):
    report = "1.2.840.10008.5.1.4.1.1.88.11"
    octets = data_set("1.2.3", sop_class=report)
    receive(box.spool, "1.2.3", octets[: octets.index(one(0x7FE00010, "OW", b"\1\2" * 32))], sop_class=report)
    rows = ask(box, "study", study_key=1)[0]
    assert not rows[0]["picture"]
    assert refusal(box, "picture", object=1, file=io.BytesIO()) == (
        "object 1 is of the kind Basic Text SR: there are no pixels in it"
    )


def test_an_object_is_taken_away_bit_for_bit_and_that_is_audited(box):
    receive(box.spool, "1.2.3", image("1.2.3"))
    file = io.BytesIO()
    summary = ask(box, "download", object=1, file=file)[1]
    with open(box.spool.path_of(box.spool.index.get(1)), "rb") as stored:
        assert file.getvalue() == stored.read()
    assert box.audit.lines == [(ANNA, "download", {"object": 1}, summary, None)]
    with pytest.raises(Forbidden):
        ask(box, "download", LOOKER, object=1, file=file)


def test_nothing_that_was_given_to_protect_a_volume_stands_in_the_audit(box):
    with pytest.raises(Refused, match="private key"):
        key = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n"
        ask(box, "export", patient="4711", to="dir:set", receivers=[key], password="correct horse")
    ((_, verb, request, _, error),) = box.audit.lines
    assert (verb, request["receivers"], request["password"]) == ("export", "(secret)", "(secret)") and error
    assert "MIIB" not in str(box.audit.lines) and "correct horse" not in str(box.audit.lines)


def test_what_is_not_what_was_received_is_not_handed_out_as_if_it_were(box):
    receive(box.spool, "1.2.3", image("1.2.3"))
    with open(box.spool.path_of(box.spool.index.get(1)), "r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"XXXX")
    for request in ({"object": 1}, {"study_key": 1}):
        assert "not what was received any more" in refusal(box, "download", file=io.BytesIO(), **request)
    assert box.audit.lines[-1][4].startswith("the file of object 1")


class Pipe(io.RawIOBase):
    """Takes octets, and neither seeks nor tells."""

    def __init__(self):
        self.octets = bytearray()

    def writable(self):
        return True

    def write(self, octets):
        self.octets += octets
        return len(octets)


def test_a_study_is_taken_away_as_an_archive_with_plain_names(box, tmp_path):
    for number, series in enumerate(("1.9.1", "1.9.2", "1.9.1")):
        receive(box.spool, "1.2.%d" % number, image("1.2.%d" % number, series=series))
    pipe = Pipe()
    summary = ask(box, "download", study_key=1, file=pipe)[1]
    assert summary == {"objects": 3, "bytes": len(pipe.octets), "name": "study-1.zip"}
    with zipfile.ZipFile(io.BytesIO(pipe.octets)) as archive:
        assert archive.namelist() == ["SER00001/IM000001.DCM", "SER00002/IM000001.DCM", "SER00001/IM000002.DCM"]
        assert archive.testzip() is None
        for name, stored in zip(archive.namelist(), box.spool.objects()):
            with open(box.spool.path_of(stored), "rb") as file:
                assert archive.read(name) == file.read()
    one_series = Pipe()
    assert ask(box, "download", study_key=1, series="1.9.2", file=one_series)[1]["objects"] == 1
    assert "has no series 1.9.7" in refusal(box, "download", study_key=1, series="1.9.7", file=Pipe())
    assert b"Doe" not in pipe.octets[:60]


def test_an_archive_is_unpacked_by_a_reader_that_cannot_seek(tmp_path):
    pipe = Pipe()
    archive = zipped.Archive(pipe)
    body = os.urandom(100_000)
    archive.add("SER00001/IM000001.DCM", len(body), zlib.crc32(body), [body[:7], body[7:]], 1_800_000_000)
    assert archive.end() == len(pipe.octets)
    done = subprocess.run(["funzip"], input=bytes(pipe.octets), capture_output=True, timeout=30)
    assert done.stdout == body, done.stderr


def test_an_archive_beyond_four_gigabytes_is_whole_and_takes_no_memory(tmp_path):
    """Entries and places beyond 32 bits, into a sparse file."""

    class Sparse(io.RawIOBase):
        def __init__(self, file):
            self.file = file

        def write(self, octets):
            if len(octets) == len(zeros):
                self.file.seek(len(octets), os.SEEK_CUR)
            else:
                self.file.write(octets)
            return len(octets)

    zeros = memoryview(bytes(1 << 24))
    length = 5 << 30
    crc = zlib.crc32(zeros)
    whole = 0
    for _ in range(length // len(zeros)):
        whole = zipped.joined_crc(whole, crc, len(zeros))
    with open(tmp_path / "large.zip", "w+b", buffering=0) as file:
        archive = zipped.Archive(Sparse(file))
        tracemalloc.start()
        archive.add("LARGE.DCM", length, whole, (zeros for _ in range(length // len(zeros))), 1_800_000_000)
        archive.add("SMALL.DCM", 3, zlib.crc32(b"abc"), [b"abc"], 1_800_000_000)
        archive.end()
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()
    with zipfile.ZipFile(tmp_path / "large.zip") as made:
        assert [(each.filename, each.file_size, each.CRC) for each in made.infolist()] == [
            ("LARGE.DCM", length, whole), ("SMALL.DCM", 3, zlib.crc32(b"abc")),
        ]  # fmt: skip
        assert made.read("SMALL.DCM") == b"abc"


@pytest.mark.parametrize("length", [0, 1, 7, 4096, 100_001])
def test_checksums_of_two_pieces_are_joined(length):
    first, second = os.urandom(333), os.urandom(length)
    assert zipped.joined_crc(zlib.crc32(first), zlib.crc32(second), length) == zlib.crc32(first + second)


def test_a_study_is_sent_again_where_it_was_delivered_and_where_it_never_was(box):
    for number in range(3):
        receive(box.spool, "1.2.%d" % number, image("1.2.%d" % number))
    assert deliver(box.spool) == ["1.2.0", "1.2.1", "1.2.2"]
    assert ask(box, "send-again", study_key=1, destination="PACS")[1] == {"queued": 3, "held": 0}
    assert ask(box, "send-again", study_key=1, destination="PACS")[1] == {"queued": 0, "held": 0}
    assert ask(box, "send-again", object=2, destination="VNA")[1] == {"queued": 1, "held": 0}
    assert deliver(box.spool) == ["1.2.0", "1.2.1", "1.2.2"] and deliver(box.spool, "VNA") == ["1.2.1"]
    assert "no destination is called nowhere" in refusal(box, "send-again", object=1, destination="nowhere")
    assert "either an object or a study" in refusal(box, "send-again", destination="PACS")


def test_what_is_held_as_a_whole_is_not_sent_again_before_it_is_released(box):
    receive(box.spool, "1.2.3", image("1.2.3"))
    receive(box.spool, "1.2.3", image("1.2.3", pixels=bytes(16)))
    assert ask(box, "send-again", study_key=1, destination="VNA")[1] == {"queued": 1, "held": 1}
    assert "edge release --object 2" in refusal(box, "send-again", object=2, destination="VNA")


def test_what_no_route_took_is_sent_by_hand(box):
    receive(box.spool, "1.2.3", image("1.2.3"), to=UNROUTED)
    assert ask(box, "send-again", object=1, destination="VNA")[1] == {"queued": 1, "held": 0}
    assert deliver(box.spool, "VNA") == ["1.2.3"]


def test_sending_again_survives_a_new_index(box):
    receive(box.spool, "1.2.3", image("1.2.3"))
    deliver(box.spool)
    ask(box, "send-again", object=1, destination="PACS")
    box.spool.index.rebuild()
    assert deliver(box.spool) == ["1.2.3"]
