"""An object many times larger than the memory passes through, and the box grows by no more than 8 MB."""

import os

from tests.bench import material, measure
from tests.support import dcmtk, faults, process, tally
from tests.support.service import Service, destination, route

OBJECT_BYTES = int(os.environ.get("EDGE_TEST_OBJECT_BYTES", 512 << 20))  # the full form is 2 GB
MEMORY_BYTES = 128 << 20
GROWTH_BYTES = 8 << 20


def test_a_multi_frame_larger_than_the_memory_is_received_and_forwarded(tmp_path):
    large = material.multi_frame(tmp_path / "source" / "large.dcm", OBJECT_BYTES)
    stored = tmp_path / "stored"
    with faults.memory_limit(MEMORY_BYTES) as wrap, dcmtk.Storescp(stored) as scp:
        with Service(tmp_path / "box", [destination("scp", scp.port)], [route("scp")], wrap=wrap) as box:
            idle = measure.settled_memory(box.pid)
            measure.reset_peak(box.pid)
            dcmtk.send(dcmtk.STORESCU, box.port, [large])
            process.wait_until(lambda: delivered(box), 300, "the object to be delivered", 0.5)
            growth = measure.memory(box.pid).peak_bytes - idle.rss_bytes
            assert box.stop() == 0
        tally.note(times=1, acknowledged=1, memory_mb=growth / 1e6)
        assert growth <= GROWTH_BYTES
        (kept,) = box.stored()
        (received,) = stored.iterdir()
        assert data_set_digest(kept) == data_set_digest(received) == data_set_digest(large)


def delivered(box):
    return [job for job in box.queue() if job["state"] == "delivered"]


def data_set_digest(path):
    return material.digest(path, material.data_set_offset(path))
