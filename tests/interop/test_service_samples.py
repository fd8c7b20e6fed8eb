"""Every sample of pydicom's goes through the box: received from foreign senders, kept, forwarded, always the same."""

import re
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest
from pydicom.uid import UID

from tests.support import dcmtk, process, rawpeer, samples
from tests.support.archive import UNCOMPRESSED, Archive
from tests.support.service import Service, destination, route

LIMIT_S = 60
DEFLATED = "1.2.840.10008.1.2.1.99"
COLOR_PALETTE = "1.2.840.10008.5.1.4.39.1"


@pytest.fixture(scope="module")
def all_samples():
    found = samples.readable()
    assert len(found) > 150, "pydicom and pydicom-data have about 200; is pydicom-data installed?"
    return found


def send_raw(port, chosen):
    """Send the samples in the syntax they are in, octet for octet, on one association; return {path: status}."""
    pairs = list(dict.fromkeys((each.sop_class, each.transfer_syntax) for each in chosen))
    ids = {pair: 2 * number + 1 for number, pair in enumerate(pairs)}
    with rawpeer.RawPeer(port) as peer:
        proposed = [(ids[pair], pair[0].encode(), [pair[1].encode()]) for pair in pairs]
        accepted = peer.associate(proposed).contexts
        assert all(result == 0 for result, _ in accepted.values())
        statuses = {}
        for number, each in enumerate(chosen):
            context_id = ids[each.sop_class, each.transfer_syntax]
            answer = peer.store(
                context_id, each.sop_class.encode(), each.sop_instance.encode(), each.data_set, number + 1
            )
            statuses[each.path.name] = answer.status
        peer.release()
    return statuses


def delivered(box):
    return [job for job in box.queue() if job["state"] == "delivered"]


# What became of one sample: the status its sender got; kept: Path of the file in the box; arrived: archive.Received
Passage = namedtuple("Passage", "sample status kept arrived")


@pytest.fixture(scope="module")
def passages(all_samples, tmp_path_factory):
    """Every sample, sent through a box to an archive that takes every syntax; no UID twice through one box."""
    classes = {each.sop_class for each in all_samples}
    syntaxes = {each.transfer_syntax for each in all_samples}
    found = []
    for chosen in samples.rounds(all_samples):
        folder = tmp_path_factory.mktemp("box")
        with Archive(classes, syntaxes) as archive:
            with Service(folder, [destination("archive", archive.port)], [route("archive")]) as box:
                statuses = send_raw(box.port, chosen)
                archive.await_received(sum(status == 0 for status in statuses.values()), LIMIT_S)
                kept = {each["sop_instance"]: Path(each["path"]) for each in box.objects()}
        arrived = {}
        for each in archive.received:
            assert each.sop_instance not in arrived, "delivered twice"
            arrived[each.sop_instance] = each
        for each in chosen:
            uid = each.sop_instance
            found.append(Passage(each, statuses[each.path.name], kept.get(uid), arrived.get(uid)))
    return found


def test_every_sample_is_taken(passages):
    assert {each.sample.path.name: each.status for each in passages if each.status} == {}


def test_every_sample_is_kept_bit_for_bit(passages):
    for each in passages:
        octets = each.kept.read_bytes()
        assert octets[samples.data_set_offset(octets) :] == each.sample.data_set, each.sample.path.name


def test_every_sample_is_forwarded_bit_for_bit_in_its_own_syntax(passages):
    for each in passages:
        is_odd = each.sample.transfer_syntax == DEFLATED and len(each.sample.data_set) & 1
        padding = b"\0" if is_odd else b""  # PS3.5 A.5
        assert each.arrived.data_set == each.sample.data_set + padding, each.sample.path.name
        assert each.arrived.transfer_syntax == each.sample.transfer_syntax, each.sample.path.name


def test_every_sample_reads_back_with_pydicom_as_the_same_data_set(passages):
    for each in passages:
        ours = samples.read(each.kept, force=False)
        assert ours.file_meta.TransferSyntaxUID == each.sample.transfer_syntax
        assert ours.file_meta.MediaStorageSOPInstanceUID == each.sample.sop_instance
        assert samples.differences(ours, samples.read(each.sample.path)) == [], each.sample.path.name


def test_files_that_the_box_writes_pass_dcmftest(passages):
    said = subprocess.run(["dcmftest", *[str(each.kept) for each in passages]], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout
    assert said.stdout.count("yes: ") == len(passages)


def messages_of_dciodvfy(path):
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, timeout=LIMIT_S)
    lines = (said.stdout + said.stderr).decode("latin-1").splitlines()
    return {re.sub(r"0x[0-9a-f]{8}", "", line).strip() for line in lines if line.startswith(("Error", "Warning"))}


def test_dciodvfy_finds_nothing_in_what_the_box_writes_that_it_does_not_find_in_the_sample(passages):
    for each in passages:
        new = messages_of_dciodvfy(each.kept) - messages_of_dciodvfy(each.sample.path)
        if not UID(each.sample.sop_instance).is_valid:  # it is no better in the File Meta Information
            new = {message for message in new if "(0x0002,0x0003)" not in message}
        assert new == set(), each.sample.path.name


def test_an_archive_without_compression_gets_uncompressed_samples_as_the_same_data_sets(all_samples, tmp_path):
    samples.quiet()
    plain = [each for each in all_samples if each.transfer_syntax in UNCOMPRESSED]
    chosen = samples.rounds(plain)[0]
    with Archive({each.sop_class for each in chosen}, [samples.IMPLICIT]) as archive:
        with Service(tmp_path, [destination("archive", archive.port)], [route("archive")]) as box:
            send_raw(box.port, chosen)
            arrived = {each.sop_instance: each for each in archive.await_received(len(chosen), LIMIT_S)}
    for each in chosen:
        got = arrived[each.sop_instance]
        converted = tmp_path / "converted.dcm"
        converted.write_bytes(samples.part_10(samples.Sample(None, *got[:4])))
        big = (False, each.transfer_syntax == samples.BIG_ENDIAN)
        assert samples.differences(samples.read(converted), samples.read(each.path), big_endian=big) == [], (
            each.path.name
        )


def test_a_video_is_held_with_the_reason_where_its_syntax_was_not_accepted_and_the_rest_goes_on(all_samples, tmp_path):
    compressed = next(each for each in all_samples if each.transfer_syntax == "1.2.840.10008.1.2.4.91")
    compressed = compressed._replace(transfer_syntax="1.2.840.10008.1.2.4.100")  # which nothing looks into
    plain = next(
        each
        for each in all_samples
        if each.transfer_syntax == samples.IMPLICIT and each.sop_instance != compressed.sop_instance
    )
    with Archive([compressed.sop_class, plain.sop_class], [samples.IMPLICIT]) as archive:
        with Service(tmp_path, [destination("archive", archive.port)], [route("archive")]) as box:
            send_raw(box.port, [compressed, plain])
            archive.await_received(1)
            held = process.wait_until(
                lambda: [job for job in box.queue() if job["state"] == "held"], LIMIT_S, "the job to be held"
            )
            assert len(held) == 1
            assert "MPEG2" in str(held[0])
    assert [each.sop_instance for each in archive.received] == [plain.sop_instance]


@pytest.mark.parametrize("tool", [dcmtk.STORESCU, dcmtk.DCMSEND])
def test_samples_from_dcmtk_arrive_as_the_same_data_sets(all_samples, tmp_path, tool):
    samples.quiet()
    (chosen, *_) = samples.rounds(all_samples)
    if tool == dcmtk.STORESCU:  # it proposes one compressed syntax at a time
        chosen = [each for each in chosen if each.transfer_syntax in UNCOMPRESSED[:3]]
    folder = tmp_path / "source"
    folder.mkdir()
    with Service(tmp_path / "box") as box:
        for number, each in enumerate(chosen):
            (folder / f"{number}.dcm").write_bytes(samples.part_10(each))
        options = ["-R"] if tool == dcmtk.STORESCU else ["--no-halt", "--decompress-never", "--no-uid-checks"]
        sender = dcmtk.start_sender(tool, box.port, [folder], options=options)
        said = sender.communicate(timeout=LIMIT_S)[0].decode(errors="replace")
        paths = {path.stem: path for path in box.stored()}
    # DCMTK itself cannot read some of the broken samples; most it can
    assert len(paths) > 0.9 * len(chosen), said
    for each in chosen:
        if each.sop_instance in paths:
            ours = samples.read(paths[each.sop_instance])
            big = (False, each.transfer_syntax == samples.BIG_ENDIAN)
            assert samples.differences(ours, samples.read(each.path), big_endian=big) == [], each.path.name


def test_what_storescp_gets_from_the_box_is_what_the_box_got(all_samples, tmp_path):
    # storescp takes no palettes, and aborts at a PDV of odd length, which the standard forbids and some samples have
    able = [each for each in all_samples if each.sop_class != COLOR_PALETTE and len(each.data_set) % 2 == 0]
    (chosen, *_) = samples.rounds(able)
    stored = tmp_path / "stored"
    with dcmtk.Storescp(stored) as scp:
        with Service(tmp_path / "box", [destination("scp", scp.port)], [route("scp")]) as box:
            send_raw(box.port, chosen)
            process.wait_until(lambda: len(delivered(box)) == len(chosen), LIMIT_S, "all to be delivered", 0.2)
    kept = set()
    for path in stored.iterdir():
        octets = path.read_bytes()
        kept.add(octets[samples.data_set_offset(octets) :])
    assert kept == {each.data_set for each in chosen}
