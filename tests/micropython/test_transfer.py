"""MicroPython with a heap of 512 KB moves an object eighty times that size, with edge/dicom and edge/protocol as is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import material
from tests.support import dcmtk, process

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
MICROPYTHON = Path(sys.executable).parent / "micropython"
HEAP = "512k"
OBJECT_BYTES = 40_000_000


@pytest.fixture(scope="module")
def large_object(tmp_path_factory):
    return material.multi_frame(tmp_path_factory.mktemp("object") / "large.dcm", OBJECT_BYTES)


def start_micropython(program, *arguments):
    return subprocess.Popen(
        [MICROPYTHON, "-X", f"heapsize={HEAP}", str(HERE / program), *map(str, arguments)],
        env={**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def data_set_of(path):
    """The octets after the File Meta Information, which each receiver writes itself."""
    octets = path.read_bytes()
    return octets[144 + int.from_bytes(octets[140:144], "little") :]


def test_micropython_sends_forty_megabytes_that_storescp_stores_intact(large_object, tmp_path):
    stored = tmp_path / "stored"
    with dcmtk.Storescp(stored) as scp:
        sender = start_micropython("store_scu.py", "127.0.0.1", scp.port, "STORESCP", large_object)
        said, _ = sender.communicate(timeout=300)
    assert sender.returncode == 0, said
    assert said.strip() == "success (0000)"
    (received,) = stored.iterdir()
    assert data_set_of(received) == data_set_of(large_object)


def test_micropython_receives_forty_megabytes_from_storescu_into_a_part_10_file(large_object, tmp_path):
    port = process.free_port()
    receiver = start_micropython("store_scp.py", port, tmp_path)
    try:
        process.wait_until(lambda: process.is_listening(port), 30, "MicroPython to listen")
        dcmtk.send(dcmtk.STORESCU, port, [large_object])
        said, _ = receiver.communicate(timeout=60)
    finally:
        process.end(receiver)
    assert receiver.returncode == 0, said
    (received,) = tmp_path.glob("*.dcm")
    assert subprocess.run(["dcmftest", received], capture_output=True).returncode == 0
    assert data_set_of(received) == data_set_of(large_object)


def test_micropython_answers_an_echo(tmp_path):
    port = process.free_port()
    receiver = start_micropython("store_scp.py", port, tmp_path)
    try:
        process.wait_until(lambda: process.is_listening(port), 30, "MicroPython to listen")
        assert subprocess.run([dcmtk.ECHOSCU, "127.0.0.1", str(port)], timeout=30).returncode == 0
        receiver.communicate(timeout=60)
    finally:
        process.end(receiver)
    assert receiver.returncode == 0
