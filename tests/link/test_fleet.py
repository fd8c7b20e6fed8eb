"""A thousand boxes whose archive comes back do not come back in the same second; without jitter they would."""

from tests.crash.oracle import rounds
from tests.link.fleet import CAP_S, Archive, Fleet

BOXES = 1000


def test_a_thousand_boxes_come_back_to_an_archive_one_by_one(tmp_path):
    for seed in rounds(quick=1):
        archive = Archive(outage_s=600)
        came = Fleet(tmp_path / str(seed), BOXES, seed=seed).run(archive)
        print(came)
        assert came.peak <= archive.associations
        assert came.open <= archive.associations
        assert came.refusals <= BOXES / 10
        assert came.seconds <= CAP_S + 60


def test_boxes_that_drew_no_lot_would_all_come_in_one_second(tmp_path):
    archive = Archive(outage_s=600)
    came = Fleet(tmp_path, 200, jitter=0.0).run(archive)
    print(came)
    assert came.peak == 200 > archive.associations
    assert came.refusals > 2 * 200
