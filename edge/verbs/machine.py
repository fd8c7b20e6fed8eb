"""What `status` says beside the queue: modalities seen, destinations' rates, clock, machine, certificates."""

from edge.box import encryption
from edge.watch.board import Board
from edge.watch.clock import Timekeeper

MOST = 200  # modalities that are listed
MODALITY = {
    "calling": "text",
    "address": "text",
    "last": "time",
    "objects": "number",
    "bytes": "number",
    "open": "number",
}
CLOCK = {"trusted": "truth", "source": "text", "set": "truth?", "offset_s": "number?", "why": "text?"}
BOARD = {
    "temperature_c": "number?",
    "undervoltage": "truth?",
    "undervoltage_before": "truth?",
    "storage": {
        "device": "text?",
        "wear_percent": "number?",
        "written_bytes": "number?",
        "written_since_start_bytes": "number?",
        "read_only": "truth",
        "faults": "number?",
    },
    "memory_bytes": "number?",
    "memory_free_bytes": "number?",
    "load": "number?",
}
CERTIFICATE = {"use": "text", "file": "text", "name": "text", "expires": "time"}


def modalities(box):
    """Return a row for each calling AE title and address that was seen, the latest first."""
    found = {}
    for seen in box.spool.index.sources():
        row = {"calling": seen.calling, "address": seen.address, "last": seen.last, "objects": seen.objects}
        found[seen.calling, seen.address] = dict(row, bytes=seen.octets, open=0)
    known = box.past.seen() if box.past is not None else {}
    open_now = box.associations() if box.associations is not None else ()
    now = box.spool.now()
    for key, last in [*known.items(), *[((each.peer.calling, each.peer.address), now) for each in open_now]]:
        row = found.setdefault(key, {"calling": key[0], "address": key[1], "last": last, "objects": 0, "bytes": 0})
        row["last"] = max(row["last"], last)
        row.setdefault("open", 0)
    for each in open_now:
        found[each.peer.calling, each.peer.address]["open"] += 1
    return sorted(found.values(), key=lambda row: row["last"], reverse=True)[:MOST]


def bytes_per_s(box, name):
    """Return how fast a destination is being delivered to: what was of late, or what is under way when that is more."""
    if box.meters is None:
        return None
    rate = box.meters.rate(name)
    for worker in box.workers() if box.workers is not None else ():
        if worker.name == name:
            going = [each.octets / each.seconds for each in worker.under_way() if each.octets and each.seconds > 0]
            rate = max(rate, sum(going))
    return round(rate)


def clock(box):
    """Return what there is to say of the clock."""
    found = (box.timekeeper or Timekeeper()).state()
    return {
        "trusted": found.why is None,
        "source": found.source,
        "set": found.is_set,
        "offset_s": found.offset_s,
        "why": found.why,
    }


def board(box):
    """Return what there is to say of the machine."""
    found = (box.board or Board(box.spool.path)).readings()
    return dict(found._asdict(), storage=found.storage._asdict())


def certificates(box):
    """Return a row for each certificate that the box uses, the first to expire first."""
    rows = [
        {"use": use, "file": path, "name": each.name, "expires": each.ends}
        for use, path, each in encryption.certificates(box.config)
    ]
    return sorted(rows, key=lambda row: row["expires"])
