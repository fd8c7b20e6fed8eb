"""What the box measures, as families of metrics: nothing of a patient, and no more values of a label than are bounded.

What the verbs `status` and `queue` show is read off the same place at the same time: both say the same.
"""

import os
import resource

from edge import VERSION
from edge.box import encryption
from edge.dicom import syntax
from edge.spool.ledger import ALL, ON_HOLD
from edge.watch.exposition import COUNTER, GAUGE, HISTOGRAM, INFO, Family

_MODALITIES = 50  # those that were heard of last
_DESTINATIONS = 100
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def families(box, troubles):
    """Return the Families of a box.Box; troubles: what health.all_of says of it."""
    found = [
        Family("edge_build", INFO, "The version of edge.", (({"version": VERSION}, 1),)),
        _one("edge_ready", "Whether nothing is wrong that a person has to see to.", not troubles and box.is_running),
        _one("edge_troubles", "How many things are wrong that a person has to see to.", len(troubles)),
        *_kept(box),
        *_queue(box),
        *_modalities(box),
        *_process(box),
    ]
    if box.meters is not None:
        found += _received(box)
        found += _sent(box.meters.read())
    if box.board is not None:
        found += _machine(box)
    return [each for each in found if each.values]


def _one(name, words, value, kind=GAUGE):
    """Return the Family of one number, without a value where it is None."""
    return Family(name, kind, words, () if value is None else (({}, value),))


def _kept(box):
    quota, index = box.spool.quota, box.spool.index
    room = quota.room()
    with index.lock:
        (objects, octets), held = index.total(ALL), index.total(ON_HOLD)[0]
    yield _one("edge_kept_objects", "Objects that are kept.", objects)
    yield _one("edge_kept_bytes", "Octets of the data sets that are kept.", octets)
    yield _one("edge_held_objects", "Objects that are held until a person looks.", held)
    yield _one("edge_free_bytes", "Free space of the file system.", quota.free()[0])
    yield _one("edge_usable_bytes", "Room that objects may take.", room.usable)
    yield _one("edge_taken_ratio", "Part of that room that is taken.", room.level)
    yield _one("edge_full_seconds", "When the room is used up at the present rates.", quota.full_in_s())
    yield _one("edge_takes_objects", "Whether there is room for new objects.", quota.has_room())


def _queue(box):
    jobs, now = box.spool.jobs, box.spool.now()
    counts, octets, ages, ups, sessions = [], [], [], [], []
    found = jobs.counts()
    names = {each.name for each in box.config.destinations}
    names |= {name for name, states in found.items() if any([number for number, _ in states.values()])}
    for name in sorted(names)[:_DESTINATIONS]:
        label = {"destination": name}
        for state in ("waiting", "sending", "sent", "held", "delivered"):
            number, size = found.get(name, {}).get(state, (0, 0))
            counts.append(({**label, "state": state}, number))
            octets.append(({**label, "state": state}, size))
        oldest = jobs.older(name, now + 1, 1)[1]
        ages.append((label, 0 if oldest is None else max(0.0, now - oldest)))
        ups.append((label, not jobs.link(name).failures))
        sessions.append((label, jobs.sessions(name)))
    yield Family("edge_jobs", GAUGE, "Objects on their way to a destination, by state.", counts)
    yield Family("edge_jobs_bytes", GAUGE, "Octets on their way to a destination, by state.", octets)
    yield Family("edge_oldest_job_age_seconds", GAUGE, "How long the oldest job has waited.", ages)
    yield Family("edge_destination_up", GAUGE, "Whether the way to a destination worked when it was last tried.", ups)
    yield Family("edge_destination_sessions", GAUGE, "Associations that are open with a destination.", sessions)


def _modalities(box):
    last, objects = [], []
    for seen in box.spool.index.sources()[:_MODALITIES]:
        label = {"calling": seen.calling, "address": seen.address}
        last.append((label, seen.last))
        objects.append((label, seen.objects))
    words = "When an object last came from a modality."
    yield Family("edge_modality_last_object_timestamp_seconds", GAUGE, words, last)
    yield Family("edge_modality_objects", GAUGE, "Objects that came from a modality, as far as is known.", objects)


def _received(box):
    read = box.meters.read()
    ends = [
        ({"direction": "inbound", "end": end, "reason": reason}, number)
        for (end, reason), number in read.associations.items()
    ]
    for known in read.destinations.values():
        for layer, number in [("", known.opened), *known.broken.items()]:
            label = {"direction": "outbound", "end": "failed" if layer else "opened", "reason": layer}
            ends = _added(ends, label, number)
    yield Family("edge_associations", COUNTER, "Associations, by how they ended, or that they were opened.", ends)
    if box.associations is not None:
        words = "Associations of modalities that are open."
        yield _one("edge_associations_open", words, len(box.associations()))
    yield _one("edge_received_objects", "Objects that were received.", read.stored, COUNTER)
    yield _one("edge_refused_objects", "Objects that were refused.", read.refused, COUNTER)
    yield _one("edge_received_bytes", "Octets of the data sets that were received.", read.octets, COUNTER)
    words = "From the request of an object to its last octet."
    yield _one("edge_receive_duration_seconds", words, read.received, HISTOGRAM)
    words = "From the last octet of an object until it was durable, or refused."
    yield _one("edge_commit_duration_seconds", words, read.settled, HISTOGRAM)


def _added(values, label, number):
    """Return values with a number more under a label, which may be there already."""
    for at, (known, before) in enumerate(values):
        if known == label:
            return [*values[:at], (known, before + number), *values[at + 1 :]]
    return [*values, (label, number)] if number else values


def _sent(read):
    outcomes, octets, took, broken = [], [], [], []
    for name, known in sorted(read.destinations.items())[:_DESTINATIONS]:
        label = {"destination": name}
        outcomes.append(({**label, "outcome": "delivered"}, known.delivered))
        outcomes.append(({**label, "outcome": "refused"}, known.refused))
        octets.append((label, known.octets))
        took.append((label, known.took))
        broken += [({**label, "layer": layer}, number) for layer, number in known.broken.items()]
    yield Family("edge_deliveries", COUNTER, "Objects that were sent, by what the destination said.", outcomes)
    yield Family("edge_delivered_bytes", COUNTER, "Octets of the data sets that were delivered.", octets)
    yield Family("edge_deliver_duration_seconds", HISTOGRAM, "How long an object took to be sent and answered.", took)
    yield Family("edge_link_failures", COUNTER, "How often the way to a destination failed, and where.", broken)
    recoded = [
        ({"source": syntax.lookup(source).name, "target": syntax.lookup(target).name}, number)
        for (source, target), number in read.recoded.items()
    ]
    yield Family("edge_transcoded_objects", COUNTER, "Objects whose pixels were transcoded on their way out.", recoded)
    logged = [({"level": level}, number) for level, number in read.logged.items()]
    yield Family("edge_log_messages", COUNTER, "Lines of the log that warn of something, or tell of an error.", logged)


def _machine(box):
    found, storage = box.board.readings(), box.board.readings().storage
    worn = None if storage.wear_percent is None else storage.wear_percent / 100
    yield _one("edge_temperature_celsius", "Of the hottest part of the box.", found.temperature_c)
    yield _one("edge_undervoltage", "Whether the power supply is too weak.", found.undervoltage)
    yield _one("edge_storage_wear_ratio", "Part of the storage's life that is used up.", worn)
    yield _one("edge_storage_written_bytes", "Octets ever written to the file system.", storage.written_bytes)
    yield _one("edge_storage_read_only", "Whether the state folder cannot be written.", storage.read_only)
    yield _one("edge_memory_bytes", "Memory of the machine.", found.memory_bytes)
    yield _one("edge_memory_free_bytes", "Memory that is free for programs.", found.memory_free_bytes)
    yield _one("edge_load", "Processes that run or want to, over the last minute.", found.load)
    if box.timekeeper is not None:
        clock = box.timekeeper.state()
        yield _one("edge_clock_trusted", "Whether the clock can be believed.", clock.why is None)
        yield _one("edge_clock_offset_seconds", "What the kernel has yet to correct.", clock.offset_s)
    expiries = {}
    for use, path, each in encryption.certificates(box.config):
        expiries[path, each.name] = ({"file": path, "name": each.name}, each.ends)
    words = "When a certificate in use expires."
    yield Family("edge_certificate_expiry_timestamp_seconds", GAUGE, words, tuple(expiries.values())[:_DESTINATIONS])


def _process(box):
    if not box.is_running:
        return
    with open("/proc/self/statm", encoding="ascii") as file:
        size, resident = [int(word) * _PAGE_BYTES for word in file.read().split()[:2]]
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield _one("process_resident_memory_bytes", "Memory that the service takes.", resident)
    yield _one("process_virtual_memory_bytes", "Addresses that the service uses.", size)
    yield _one("process_cpu_seconds", "Processor time of the service.", usage.ru_utime + usage.ru_stime, COUNTER)
    yield _one("process_threads", "Threads of the service.", len(os.listdir("/proc/self/task")))
    yield _one("process_open_fds", "Files and sockets that the service has open.", len(os.listdir("/proc/self/fd")))
    yield _one("process_max_fds", "How many it may have.", resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if box.began is not None:
        yield _one("process_start_time_seconds", "When the service began.", box.began)
        yield _one("edge_uptime_seconds", "How long the service has run.", max(0.0, box.spool.now() - box.began))
