"""The running box takes another configuration: what concerns nobody disturbs nobody, and nothing is lost or doubled."""

import contextlib
import os
import pty
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pydicom
import pytest

from edge.box import load
from edge.dicom import part10
from edge.forward import worker
from edge.service import parts, wiring
from edge.service.running import CannotApply, Running
from edge.settings import keeper
from edge.verbs.box import open_spool
from tests.forward import stock
from tests.support import certificates, dcmtk
from tests.support.archive import Archive
from tests.support.process import free_port, is_listening, wait_until
from tests.support.rawpeer import COMMAND, CT, EXPLICIT, LAST, RawPeer, p_data, pdv, store_rq
from tests.support.service import EDGE, Service, destination, route, toml


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


def test_fifty_changes_under_load_lose_nothing_double_nothing_and_cut_nobody_whom_they_do_not_concern(tmp_path):
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
        batches = (files(tmp_path / str(number), 4, number) for number in range(400))
        with box:
            dcmtk.send(dcmtk.STORESCU, box.port, files(tmp_path / "early", 1, 1000))
            steady.await_received(1)
            seen = peers_of(steady.port)
            with RawPeer(box.port) as waiting, Modality(box, batches) as modality:
                waiting.associate([(1, CT, [EXPLICIT])])
                for number in range(50):
                    names = ["steady"] + chance.sample(["first", "second"], chance.randrange(3))
                    port = chance.choice([first.port, second.port])
                    tables["first"] = destination("first", port, attempts=number + 1)
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


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """A running box, which every test leaves at its port and without a destination."""
    with Service(tmp_path_factory.mktemp("apply") / "box") as running:
        yield running


def test_an_object_under_way_while_the_port_changes_is_taken_to_its_end(box):
    made, before, after = stock.slices(1, 31, size=256)[0], box.port, free_port()
    with RawPeer(before) as peer:
        peer.associate([(1, CT, [EXPLICIT])])
        peer.write(p_data([pdv(1, COMMAND | LAST, store_rq(1, CT, made.sop_instance.encode()))]))
        peer.write(p_data([pdv(1, 0, made.data_set[:10000])]))
        box.document["dicom"]["port"] = after
        assert box.reload()
        assert is_listening(after) and not is_listening(before)
        peer.write(p_data([pdv(1, 0, made.data_set[10000:20000])]))
        box.document["dicom"]["port"] = before
        assert box.reload()
        peer.write(p_data([pdv(1, LAST, made.data_set[20000:])]))
        assert peer.read_answer().status == 0
        peer.release()
    assert made.sop_instance in [row["sop_instance"] for row in box.objects()]


def test_a_port_that_is_taken_refuses_the_whole_change_in_words(box):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        box.document["dicom"]["port"] = taken.getsockname()[1]
        box.document["destination"] = [destination("archive", free_port())]
        assert not box.reload()
        assert "port %d on 127.0.0.1 is taken" % taken.getsockname()[1] in box.log().splitlines()[-1]
        assert box.status()["destinations"] == [] and is_listening(box.port)
    box.document["dicom"]["port"], box.document["destination"] = box.port, []
    assert box.reload()


def test_a_file_with_mistakes_is_said_line_by_line_and_the_box_goes_on(box):
    box.document["dicom"]["idle_timeout_s"] = 0
    assert not box.reload()
    assert "[dicom] idle_timeout_s: expected" in box.log().splitlines()[-2]
    del box.document["dicom"]["idle_timeout_s"]
    assert box.reload()


def test_a_change_of_the_port_is_confirmed_where_it_was_asked_for_and_goes_back_otherwise(box):
    after = free_port()
    box.edge("settings", "--set", "dicom.port=%d" % after)
    assert is_listening(after) and not is_listening(box.port)
    box.edge("settings", "--revert")
    assert is_listening(box.port) and not is_listening(after)
    box.edge("settings", "--set", "dicom.port=%d" % after)
    box.edge("settings", "--confirm")
    assert is_listening(after)
    assert box.reload()  # somebody has written the file as it was
    assert is_listening(box.port) and not is_listening(after)


def test_a_box_killed_while_a_change_is_on_trial_starts_with_what_was_before(box, monkeypatch):
    after, text = free_port(), box.config_path.read_text()
    box.edge("settings", "--set", "dicom.port=%d" % after)
    assert str(after) in box.config_path.read_text() and is_listening(after)
    box.kill()
    monkeypatch.setattr(box, "write_config", lambda: None)
    box.restart()
    assert is_listening(box.port) and not is_listening(after)
    assert box.config_path.read_text() == text
    assert "the box ended before the change was confirmed" in box.log()


def test_a_plain_port_becomes_one_with_tls_and_new_files_in_place_are_used_at_once(tmp_path, authority):
    first, second = authority.issue("first.example.org"), authority.issue("second.example.org")
    with Service(tmp_path) as box, RawPeer(box.port) as early:
        early.associate([(1, CT, [EXPLICIT])])
        tables = certificates.tables(authority, first, box.port)
        box.document["tls"] = tables["tls"]
        box.document["dicom"].update(plain=False, tls_port=box.port)
        del box.document["dicom"]["port"]
        assert box.reload()
        sent = files(tmp_path / "files", 2)
        options = certificates.dcmtk_options(authority, second)
        dcmtk.send(dcmtk.STORESCU, box.port, sent[:1], options=options)
        for what in ("certificate", "key"):
            os.replace(getattr(second, what), getattr(first, what))
        box.document["dicom"]["accept_calling"] = ["127.0.0.1"]
        assert box.reload()
        renewed = authority.issue("third.example.org")
        dcmtk.send(dcmtk.STORESCU, box.port, sent[1:], options=certificates.dcmtk_options(authority, renewed))
        made = stock.slices(1, 77)[0]
        assert early.store(1, CT, made.sop_instance.encode(), made.data_set).status == 0
        assert len(box.objects()) == 3
        assert "TLS: new connections use the new" in box.log()


def test_a_box_whose_terminal_has_gone_stops_and_one_without_a_terminal_goes_on(tmp_path):
    box = Service(tmp_path)
    box.write_config()
    master, slave = pty.openpty()
    started = subprocess.Popen(
        [EDGE, "serve", "--config", str(box.config_path)],
        stdin=slave, stdout=slave, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        wait_until(lambda: is_listening(box.port), 20, "the box to listen")
        os.kill(started.pid, signal.SIGHUP)
        wait_until(lambda: b"ready" in os.read(master, 4096), 20, "the box to be ready")
        assert started.poll() is None
        os.close(master)
        os.kill(started.pid, signal.SIGHUP)
        assert started.wait(20) == 0
    finally:
        started.kill()
        started.wait()


# In this process


def document(folder, port, destinations=(), routes=(), **dicom):
    tables = {"box": {"state_dir": str(folder / "state")}, "dicom": {"bind": "127.0.0.1", "port": port, **dicom}}
    return toml({**tables, "destination": list(destinations), "route": list(routes)})


@contextlib.contextmanager
def running(folder, text):
    """A Running of a configuration, working while the block lasts."""
    path = folder / "edge.toml"
    path.write_text(text)
    loaded = load.load(str(path))
    spool = open_spool(loaded.config)
    made = Running(loaded, spool)
    thread = threading.Thread(target=made.listener.run)
    made.start()
    thread.start()
    try:
        yield made
    finally:
        made.listener.stop()
        thread.join()
        made.stop()
        spool.close()


def apply(made, text):
    made.apply(load.parse(text, made.box.loaded.path))


def test_a_change_that_nobody_confirms_goes_back_when_its_time_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr(keeper, "_LEAST_S", 1)
    before, after = free_port(), free_port()
    with running(tmp_path, document(tmp_path, before)) as made:
        made.box.settings.begin(document(tmp_path, after), "anna", "another port", 1)
        assert made.listener.port == after and made.box.config.dicom.port == after
        wait_until(lambda: made.box.settings.trial is None, 10, "the change to go back")
        assert made.listener.port == before and made.box.config.dicom.port == before
        assert (tmp_path / "edge.toml").read_text() == document(tmp_path, before)


def test_the_state_folder_stays_where_it_is(tmp_path):
    with running(tmp_path, document(tmp_path, 0)) as made, pytest.raises(CannotApply, match="cannot be changed while"):
        apply(made, document(tmp_path / "other", 0))


def test_only_the_workers_of_destinations_that_changed_are_replaced(tmp_path):
    tables = [destination("a", free_port()), destination("b", free_port())]
    with running(tmp_path, document(tmp_path, 0, tables)) as made:
        before = {each.name: each for each in made.box.workers()}
        changed = [{**tables[0], "max_age_h": 5}, {**tables[1], "compress": "rle"}, destination("c", free_port())]
        apply(made, document(tmp_path, 0, changed))
        after = {each.name: each for each in made.box.workers()}
        assert after["a"] is before["a"] and after["b"] is not before["b"] and set(after) == {"a", "b", "c"}
        assert not before["a"].stopping and before["b"].stopping
        apply(made, document(tmp_path, 0))
        assert made.box.workers() == []


def test_a_change_or_a_key_concerns_the_destinations_that_it_is_for(tmp_path):
    key = tmp_path / "key"
    key.write_text("a key of more than sixteen octets")
    common = document(tmp_path, 0, [destination("a", 104), destination("b", 104)])
    change = '[[change]]\ntag = "PatientName"\ndo = "delete"\nfor = ["a"]\n'
    hidden = '[[deidentify]]\nfor = ["b"]\nkey_file = "%s"\n' % key

    def terms(text):
        found = load.parse(text, str(tmp_path / "edge.toml")).config
        return [wiring.worker_terms(found, each) for each in found.destinations]

    before, with_change, with_key = terms(common), terms(common + change), terms(common + hidden)
    assert before[0] != with_change[0] and before[1] == with_change[1]
    assert before[0] == with_key[0] and before[1] != with_key[1]
    key.write_text("another key of more than sixteen octets")
    assert terms(common + hidden)[1] != with_key[1]


def test_jobs_of_a_destination_that_is_taken_out_stay_and_go_on_when_it_is_back(tmp_path):
    with Archive() as archive:
        tables = [destination("archive", free_port(), retry_first_s=30)], [route("archive")]
        with running(tmp_path, document(tmp_path, 0, *tables)) as made:
            for each in stock.slices(3):
                stock.put(made.spool, each, "archive")
            wait_until(lambda: made.spool.jobs.link("archive").failures, 10, "the way there to fail")
            apply(made, document(tmp_path, 0))
            assert stock.count(made.spool, "archive", "waiting") == 3
            back = [destination("archive", archive.port)], [route("archive")]
            apply(made, document(tmp_path, 0, *back))
            stock.await_count(made.spool, "archive", "delivered", 3)
            assert len(archive.received) == 3


def test_a_destination_that_does_not_answer_keeps_a_change_of_its_address_waiting_for_a_second_at_most(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent, Archive() as archive:
        tables = [destination("archive", silent.getsockname()[1], connect_timeout_s=60)], [route("archive")]
        with running(tmp_path, document(tmp_path, 0, *tables)) as made:
            stock.put(made.spool, stock.slices(1)[0], "archive")
            connected, _ = silent.accept()
            connected.recv(10)
            began = time.monotonic()
            apply(made, document(tmp_path, 0, [destination("archive", archive.port)], [route("archive")]))
            assert time.monotonic() - began < 5
            connected.close()
            stock.await_count(made.spool, "archive", "delivered", 1)
            assert len(archive.received) == 1


def test_when_a_part_fails_to_go_over_the_others_are_brought_back(tmp_path, monkeypatch):
    with Archive() as archive:
        before, after = free_port(), free_port()
        table = destination("archive", archive.port)
        with running(tmp_path, document(tmp_path, before, [table], [route("archive")])) as made:
            start = worker.Worker.start

            def fail(self):
                monkeypatch.setattr(worker.Worker, "start", start)
                raise RuntimeError("can't start new thread")

            monkeypatch.setattr(worker.Worker, "start", fail)
            with pytest.raises(CannotApply, match="the configuration before is back"):
                apply(made, document(tmp_path, after, [{**table, "attempts": 3}]))
            assert made.listener.port == before and made.box.config.destinations[0].attempts == 12
            stock.put(made.spool, stock.slices(1)[0], "archive")
            stock.await_count(made.spool, "archive", "delivered", 1)


def test_an_object_goes_where_the_routes_say_that_there_were_when_it_began(tmp_path):
    tables = [destination("a", free_port()), destination("b", free_port())]
    first, second = stock.slices(2)
    with running(tmp_path, document(tmp_path, 0, tables, [route("a", station=["*"])])) as made:
        with RawPeer(made.listener.port) as peer:
            peer.associate([(1, CT, [EXPLICIT])])
            peer.write(p_data([pdv(1, COMMAND | LAST, store_rq(1, CT, first.sop_instance.encode()))]))
            peer.write(p_data([pdv(1, 0, first.data_set[:100])]))
            wait_until(lambda: os.listdir(tmp_path / "state" / "partial"), 10, "the object to begin")
            apply(made, document(tmp_path, made.box.config.dicom.port, tables, [route("b")]))
            peer.write(p_data([pdv(1, LAST, first.data_set[100:])]))
            assert peer.read_answer().status == 0
            assert peer.store(1, CT, second.sop_instance.encode(), second.data_set).status == 0
        went = [row.destination for number in (1, 2) for row in made.spool.jobs.of_object(number)]
        assert went == ["a", "b"]


def test_commitment_that_is_not_asked_for_any_more_lets_what_was_sent_count_as_delivered(tmp_path):
    with Archive() as archive:
        table = destination("archive", archive.port, commitment=True)
        with running(tmp_path, document(tmp_path, 0, [table], [route("archive")])) as made:
            stock.put(made.spool, stock.slices(1)[0], "archive")
            stock.await_count(made.spool, "archive", "sent", 1)
            assert made[parts.Reporting].reports.expects("ARCHIVE")
            apply(made, document(tmp_path, 0, [destination("archive", archive.port)], [route("archive")]))
            assert stock.count(made.spool, "archive", "delivered") == 1
            assert not made[parts.Reporting].reports.expects("ARCHIVE")


_KILLED = """
import os, signal, sys, threading
from edge.box import load
from edge.service import parts
from edge.service.running import Running
from edge.verbs.box import open_spool

path, text, where = sys.argv[1:]

def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

loaded = load.load(path)
made = Running(loaded, open_spool(loaded.config))
made.start()
threading.Thread(target=made.listener.run, daemon=True).start()
if where == "prepared":
    made[parts.Listening].renew = die
elif where == "renewed":
    made[parts.Forwarding].renew = die
made.box.settings.begin(text, "anna", "another port", 60)
if where == "confirmed":
    made.box.settings.confirm(made.box.settings.trial.id, "anna")
die()
"""


@pytest.mark.parametrize("where", ["prepared", "renewed", "on trial", "confirmed"])
def test_wherever_a_change_is_cut_off_the_box_starts_with_what_the_record_of_the_trial_says(tmp_path, where):
    before, after = document(tmp_path, free_port()), document(tmp_path, free_port(), [destination("a", free_port())])
    path = tmp_path / "edge.toml"
    path.write_text(before)
    done = subprocess.run([sys.executable, "-c", _KILLED, str(path), after, where], capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert path.read_text() == after
    loaded = load.load(str(path))
    spool = open_spool(loaded.config)
    try:
        settled = keeper.settle(loaded)
    finally:
        spool.close()
    expected = after if where == "confirmed" else before
    assert path.read_text() == expected
    assert settled.config == load.parse(expected, str(path)).config
