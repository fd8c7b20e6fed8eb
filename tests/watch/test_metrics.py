"""What the box measures, as foreign readers understand it, and that it agrees with what the other verbs say."""

import subprocess

import prometheus_client.openmetrics.parser as openmetrics
import prometheus_client.parser as prometheus
import pydicom
import pytest

from edge.console import control
from edge.watch import exposition
from edge.watch.meters import Histogram
from tests.support import dcmtk, process
from tests.support.service import Service, destination, route
from tests.watch.asking import ask

CT = pydicom.data.get_testdata_file("CT_small.dcm")
PROMTOOL = "/usr/bin/promtool"
ODD = 'O"D\\D'


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """A box that has delivered two objects to an archive, and has two waiting for one that is away."""
    folder = tmp_path_factory.mktemp("metrics")
    with dcmtk.Storescp() as archive:
        known = [destination("archive", archive.port), destination("away", process.free_port())]
        with Service(folder, known, [route("archive", "away")]) as running:
            mr = pydicom.data.get_testdata_file("MR_small.dcm")
            for calling, path in (("CT1", CT), (ODD, mr)):
                asked = [dcmtk.STORESCU, "-aet", calling, "-aec", "EDGE", "127.0.0.1", str(running.port), path]
                subprocess.run(asked, check=True)
            subprocess.run([dcmtk.ECHOSCU, "-aec", "OTHER", "127.0.0.1", str(running.port)], capture_output=True)
            process.wait_until(lambda: jobs(running)["archive"]["delivered"] == 2, 20, "both to be delivered")
            process.wait_until(lambda: value(running, "edge_associations_total", end="released") == 2, 10, "the count")
            yield running


def jobs(box):
    return {each["name"]: each["jobs"] for each in ask(box, "status")[1]["destinations"]}


def text(box, form=exposition.OPENMETRICS):
    """What the verb `metrics` writes to a file that it is handed."""
    path = box.folder / "metrics.txt"
    channel = control.connect(str(box.state_dir))
    with open(path, "wb") as file:
        assert list(control.ask(channel, "metrics", file, format=form)) == []
    channel.close()
    return path.read_text(encoding="utf-8")


def samples(box):
    return [each for family in openmetrics.text_string_to_metric_families(text(box)) for each in family.samples]


def value(box, name, **labels):
    """The sum of the samples of that name that have these labels."""
    return sum(
        each.value
        for each in samples(box)
        if each.name == name and all(each.labels.get(label) == wanted for label, wanted in labels.items())
    )


def test_openmetrics_is_what_its_parser_reads(box):
    families = list(openmetrics.text_string_to_metric_families(text(box)))
    kinds = {family.name: family.type for family in families}
    assert kinds["edge_build"] == "info" and kinds["edge_received_objects"] == "counter"
    assert kinds["edge_commit_duration_seconds"] == "histogram" and kinds["edge_jobs"] == "gauge"
    assert all(family.documentation for family in families)


def test_the_text_format_is_what_promtool_passes_and_says_the_same(box):
    found = text(box, exposition.PROMETHEUS)
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=found.encode(), capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    old = [each for family in prometheus.text_string_to_metric_families(found) for each in family.samples]
    still = ("edge_jobs", "edge_received_objects_total", "edge_deliveries_total", "edge_associations_total")
    for name in still:
        before, now = [
            sorted((tuple(each.labels.items()), each.value) for each in read if each.name == name)
            for read in (old, samples(box))
        ]
        assert before == now != []


def test_what_was_received_is_counted(box):
    assert value(box, "edge_received_objects_total") == 2
    assert value(box, "edge_received_bytes_total") == sum(each["bytes"] for each in box.objects())
    for name in ("edge_receive_duration_seconds", "edge_commit_duration_seconds"):
        assert value(box, name + "_count") == 2 and value(box, name + "_sum") > 0
        assert value(box, name + "_bucket", le="+Inf") == 2


def test_associations_are_counted_by_how_they_ended(box):
    inbound = {"direction": "inbound"}
    assert value(box, "edge_associations_total", end="released", reason="", **inbound) == 2
    assert value(box, "edge_associations_total", end="refused", reason="called", **inbound) == 1
    assert value(box, "edge_associations_total", direction="outbound", end="opened") >= 1
    assert value(box, "edge_associations_total", direction="outbound", end="failed", reason="tcp") >= 1


def test_deliveries_are_counted_and_failures_of_the_way_by_their_layer(box):
    assert value(box, "edge_deliveries_total", destination="archive", outcome="delivered") == 2
    assert value(box, "edge_deliver_duration_seconds_count", destination="archive") == 2
    assert value(box, "edge_delivered_bytes_total", destination="archive") == value(box, "edge_received_bytes_total")
    assert value(box, "edge_link_failures_total", destination="away", layer="tcp") >= 1
    assert value(box, "edge_destination_up", destination="archive") == 1
    assert value(box, "edge_destination_up", destination="away") == 0


def test_queue_status_and_metrics_agree_and_a_kill_changes_none_of_them(box):
    def counts():
        queue = {}
        for row in box.queue():
            queue.setdefault(row["destination"], {}).setdefault(row["state"], []).append(row["object"])
        still = ("waiting", "sending")
        waiting = {name: sum(len(states.get(state, ())) for state in still) for name, states in queue.items()}
        said = {name: each["waiting"] + each["sending"] for name, each in jobs(box).items()}
        measured = {
            name: value(box, "edge_jobs", destination=name, state="waiting")
            + value(box, "edge_jobs", destination=name, state="sending")
            for name in said
        }
        assert waiting == said == measured
        assert value(box, "edge_kept_objects") == ask(box, "status")[1]["kept"]["objects"] == len(box.objects())
        return waiting

    before = counts()
    assert before == {"archive": 0, "away": 2}
    box.kill()
    box.restart()
    assert counts() == before


def test_modalities_are_told_with_their_names_as_they_are_also_after_a_restart(box):
    rows = {each["calling"]: each for each in ask(box, "status")[1]["modalities"]}
    assert set(rows) >= {"CT1", ODD}
    (stored,) = [each for each in box.objects() if each["calling"] == "CT1"]
    assert rows["CT1"]["objects"] == 1 and rows["CT1"]["bytes"] == stored["bytes"]
    assert rows["CT1"]["last"] >= stored["received"] and rows["CT1"]["open"] == 0
    assert value(box, "edge_modality_objects", calling=ODD) == 1


def test_nothing_of_a_patient_is_in_the_metrics(box):
    found = text(box)
    for path in (CT, pydicom.data.get_testdata_file("MR_small.dcm")):
        data = pydicom.dcmread(path)
        for said in (data.PatientName, data.PatientID, data.StudyInstanceUID, data.SOPInstanceUID):
            assert str(said) not in found


def test_status_for_a_person_is_short_and_says_what_the_box_knows_of_itself(box):
    lines = box.edge("status", check=False).stdout.splitlines()
    assert any(line.startswith("modality      CT1 at 127.0.0.1: 1 object") for line in lines)
    assert any(line.startswith("clock         ") for line in lines)
    assert len(lines) < 24


def test_the_command_line_prints_metrics_associations_and_health(box):
    printed = box.edge("metrics").stdout
    assert [each.name for each in openmetrics.text_string_to_metric_families(printed)][0] == "edge_build"
    lines = box.edge("associations").stdout.splitlines()
    assert lines[0].split()[:2] == ["ended", "calling"]
    assert any("released after" in line and " CT1 " in line for line in lines)
    assert any("refused: it called the box OTHER" in line for line in lines)
    health = box.edge("health", check=False)
    assert (health.returncode, health.stdout) == (0, "ready\n")


def test_a_name_that_a_peer_chose_is_escaped():
    family = exposition.Family("edge_x", exposition.COUNTER, "Odd.", (({"calling": 'a"b\\c\nd'}, 1),))
    written = "".join(exposition.lines([family], exposition.OPENMETRICS))
    (read,) = openmetrics.text_string_to_metric_families(written)
    assert read.samples[0].labels == {"calling": 'a"b\\c\nd'}


def test_a_duration_falls_into_the_class_whose_bound_it_does_not_exceed():
    counted = Histogram((0.1, 1.0))
    for seconds in (0.1, 0.5, 1.0, 7.0):
        counted.add(seconds)
    assert counted.counts == [1, 2, 1] and counted.total == pytest.approx(8.6)
