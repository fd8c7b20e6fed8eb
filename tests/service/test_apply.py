"""The running box takes another configuration: what concerns nobody disturbs nobody, and nothing is lost or doubled."""

import os
import random
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pydicom
import pytest

from edge.dicom import part10
from tests.forward import stock
from tests.support import certificates, dcmtk
from tests.support.archive import Archive
from tests.support.process import free_port, is_listening, wait_until
from tests.support.rawpeer import COMMAND, CT, EXPLICIT, LAST, RawPeer, p_data, pdv, store_rq
from tests.support.service import Service, destination, route


def files(folder, count, seed=1):
    """So many small Part 10 files of a study of its own; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, made in enumerate(stock.slices(count, seed)):
        paths.append(folder / f"{number}.dcm")
        head = part10.head(made.sop_class, made.sop_instance, made.transfer_syntax)
        paths[-1].write_bytes(head + made.data_set)
    return paths


def uid(path):
    return str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)


def peers_of(port):
    """The other ends of established connections to a local port, as its owner sees them."""
    found = set()
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        if state == "01" and int(local.rpartition(":")[2], 16) == port:
            found.add(remote)
    return found


def states(box):
    return {(row["object"], row["destination"]): row["state"] for row in box.queue()}


def delivered(box, name):
    row = next(each for each in box.status()["destinations"] if each["name"] == name)
    return row["jobs"]["delivered"]


class Modality:
    """Sends files, a few at a time, until it is told to stop: what was not acknowledged it sends again."""

    def __init__(self, box, batches):
        self._box = box
        self._batches = batches
        self._stopping = threading.Event()
        self.acknowledged = []
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        for paths in self._batches:
            while True:
                sender = dcmtk.start_sender(dcmtk.DCMSEND, self._box.document["dicom"]["port"], paths)
                sender.communicate(timeout=60)
                if sender.returncode == 0:
                    break
            self.acknowledged += paths
            if self._stopping.is_set():
                return

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._stopping.set()
        self._thread.join()


def test_fifty_changes_while_objects_come_and_go_lose_nothing_double_nothing_and_cut_nobody_they_do_not_concern(tmp_path):
    steady = Archive(ae_title="STEADY")
    with steady, dcmtk.Storescp(tmp_path / "a") as first, dcmtk.Storescp(tmp_path / "b") as second:
        tables = {
            "steady": destination("steady", steady.port, "STEADY", linger_s=60),
            "first": destination("first", first.port),
            "second": destination("second", second.port),
        }
        box = Service(tmp_path / "box", [tables["steady"]], [route("steady")], limits={"warn_full_h": 0})
        ports = [box.port, free_port()]
        chance = random.Random(5)
        batches = [files(tmp_path / str(number), 4, number) for number in range(400)]
        with box:
            dcmtk.send(dcmtk.STORESCU, box.port, files(tmp_path / "early", 1, 1000))
            steady.await_received(1)
            seen = peers_of(steady.port)
            with RawPeer(box.port) as waiting, Modality(box, batches) as modality:
                waiting.associate([(1, CT, [EXPLICIT])])
                for number in range(50):
                    names = ["steady"] + chance.sample(["first", "second"], chance.randrange(3))
                    tables["first"] = destination("first", chance.choice([first.port, second.port]), attempts=number + 1)
                    box.document["destination"] = [tables[name] for name in names]
                    box.document["route"] = [route(*names)]
                    box.document["dicom"]["accept_calling"] = chance.choice([[], ["127.0.0.1"], ["RAW", "DCMSEND"]])
                    box.document["dicom"]["port"] = ports[number // 5 % 2]
                    assert box.reload()
                    assert peers_of(steady.port) == seen
                made = stock.slices(1, 2000)[0]
                assert waiting.store(1, CT, made.sop_instance.encode(), made.data_set).status == 0
            box.document["destination"] = list(tables.values())
            assert box.reload()
            wanted = {uid(path) for path in modality.acknowledged} | {made.sop_instance}
            assert len(wanted) > 40
            here = {row["sop_instance"] for row in box.objects()}
            assert wanted <= here
            count = len(here)
            wait_until(lambda: delivered(box, "steady") == count, 30, "everything to be delivered to steady")
            wait_until(lambda: set(states(box).values()) <= {"delivered"}, 30, "everything to be delivered")
            came = [each.sop_instance for each in steady.received]
            assert sorted(came) == sorted(here)  # all of them, each once
            assert peers_of(steady.port) == seen and steady.associations == 1
            assert len(box.queue()) == len(states(box))
