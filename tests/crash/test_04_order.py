"""What is on its way to the disk is there before the sender is told, in this order, as strace sees it.

The data of the object synced, the folder that holds its name (and the one above it when the folder is new), the line
of the journal that queues it, and only then the response.
"""

import re

from tests.crash import strace
from tests.crash.strace import place
from tests.hostile import sending
from tests.support.service import Service, destination, route

TRACED = "pwrite64,pwritev2,renameat,fsync,fdatasync,sendto,mkdir"


def test_data_name_and_queue_are_synced_before_the_response(tmp_path):
    log = tmp_path / "strace.log"
    wrap = ["/usr/bin/strace", "-f", "-y", "-qq", "-s", "16", "-e", f"trace={TRACED}", "-o", str(log)]
    wiring = {"destinations": [destination("archive", 1)], "routes": [route("archive")]}
    with Service(tmp_path / "box", wrap=wrap, **wiring) as box:
        for number in range(2):
            uid = b"2.25.40%d" % number
            assert sending.store(box.port, (uid, sending.ct(uid, bytes(50_000)))) == [0]
        assert box.stop() == 0
    calls = strace.calls(log, "sendto")
    folder = r"/objects/\d{4}-\d\d-\d\d"
    made = place(calls, "mkdir", folder)
    begin = -1
    for uid in ("2.25.400", "2.25.401"):
        named = place(calls, "renameat", re.escape(uid), begin)
        written = place(calls, "pwritev2", r"\.part>", begin)
        data = place(calls, "fsync", re.escape(uid) + r"\.dcm>", named)
        name = place(calls, "fsync", folder + ">", named)
        queued = place(calls, "pwrite64", "/journal/", name)
        durable = place(calls, "fdatasync", r"/journal/\d+\.log>", queued)
        answer = place(calls, "sendto", r'"\\4', written)
        assert written < named < data < name < queued < durable < answer
        if begin < 0:
            assert made < place(calls, "fsync", "/objects>", made) < answer, "the new folder's own name was not synced"
        begin = answer
