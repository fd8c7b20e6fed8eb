"""What is on its way to the disk is there before the sender is told, in this order, as strace sees it.

The data of the object synced, the folder that holds its name (and the one above it when the folder is new), the line
of the journal that queues it, and only then the response.
"""

import re

from tests.hostile import sending
from tests.support.service import Service, destination, route

CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
TRACED = "pwrite64,pwritev,pwritev2,rename,renameat,renameat2,fsync,fdatasync,sendto,mkdir,mkdirat"


def traced(log):
    """[(name, arguments)] of the successful calls in strace's log, those that were interrupted put together again."""
    calls, halves = [], {}
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        pid = line.split(" ", 1)[0]
        if "<unfinished ...>" in line:
            halves[pid] = line.split(" <unfinished")[0]
            continue
        if " resumed>" in line:
            line = halves.pop(pid, pid + " lost(") + line.split(" resumed>", 1)[1].lstrip(", ")
        found = CALL.match(line)
        if found and int(found[3]) >= 0:
            calls.append((found[1], found[2]))
    return calls


def place(calls, what, after=-1):
    """The index of the first call behind `after` that `what` is true of; AssertionError when there is none."""
    for at in range(after + 1, len(calls)):
        if what(*calls[at]):
            return at
    raise AssertionError(f"no such call behind {after}: {calls[after : after + 20]}")


def syncs(fragment):
    """A call that makes the file or folder whose path ends like `fragment` durable."""
    return lambda name, arguments: name in ("fsync", "fdatasync") and re.search(fragment + r">", arguments)


def test_data_name_and_queue_are_synced_before_the_response(tmp_path):
    log = tmp_path / "strace.log"
    strace = ["/usr/bin/strace", "-f", "-y", "-qq", "-s", "16", "-e", f"trace={TRACED}", "-o", str(log)]
    wiring = {"destinations": [destination("archive", 1)], "routes": [route("archive")]}
    with Service(tmp_path / "box", wrap=strace, **wiring) as box:
        for number in range(2):
            uid = b"2.25.40%d" % number
            assert sending.store(box.port, (uid, sending.ct(uid, bytes(50_000)))) == [0]
        assert box.stop() == 0
    calls = traced(log)
    folder = r"/objects/\d{4}-\d\d-\d\d"
    made = place(calls, lambda name, arguments: name.startswith("mkdir") and re.search(folder, arguments))
    begin = -1
    for uid in ("2.25.400", "2.25.401"):
        named = place(calls, lambda name, arguments: name.startswith("rename") and uid in arguments, begin)
        written = place(calls, lambda name, arguments: name.startswith("pwritev") and ".part" in arguments, begin)
        data = place(calls, syncs(re.escape(uid) + r"\.dcm"), named)
        name = place(calls, syncs(folder), named)
        queued = place(calls, lambda name, arguments: name == "pwrite64" and "/journal/" in arguments, name)
        durable = place(calls, syncs(r"/journal/\d+\.log"), queued)
        answer = place(calls, lambda name, arguments: name == "sendto" and r'"\4' in arguments, written)
        assert written < named < data < name < queued < durable < answer
        if begin < 0:
            assert made < place(calls, syncs(r"/objects"), made) < answer, "the new folder's own name was not synced"
        begin = answer
