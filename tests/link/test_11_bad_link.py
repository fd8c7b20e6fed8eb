"""A bad link: the queue drains whatever happens, tries are spread, nothing innocent is held, and nobody else waits."""

import hashlib
import os
import re
import time

import pytest

from edge.demo import phantom
from tests.crash.oracle import dice
from tests.forward import stock
from tests.support import process
from tests.support.archive import Archive
from tests.support.network import Network
from tests.support.service import Service, destination, route

MINUTES = float(os.environ.get("EDGE_BAD_LINK_MINUTES", "0"))  # the long form, which `make torture` runs
TERMS = {"rate_bit_per_s": 512_000, "round_trip_ms": 300, "jitter_ms": 60, "loss_percent": 10}
CAP_S = 4
PATIENCE = {"connect_timeout_s": 3, "dimse_timeout_s": 3, "retry_first_s": 1, "retry_cap_s": CAP_S}
PORT = 11112


@pytest.fixture
def network():
    with Network() as made:
        yield made


def fill(state, count, *names, size=48):
    """A state with `count` objects that wait for the destinations `names`; {UID: SHA-256}, octets of them all."""
    head, sent, octets = phantom.study("CT", 5), {}, 0
    with stock.opened(state) as spool:
        for number in range(count):
            made = phantom.ct(head, number + 1, count, size=size)
            stock.put(spool, made, *names)
            sent[made.sop_instance] = hashlib.sha256(made.data_set).hexdigest()
            octets += len(made.data_set)
    return sent, octets


def digests(archive):
    return {each.sop_instance: hashlib.sha256(each.data_set).hexdigest() for each in archive.received}


def jobs(box, name):
    (found,) = [each for each in box.status()["destinations"] if each["name"] == name]
    return found["jobs"]


def tries(box):
    return {job["tries"] for job in box.queue()}
