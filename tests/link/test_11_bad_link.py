"""A bad link: the queue drains whatever happens, tries are spread, nothing innocent is held, and nobody else waits."""

import os

import pytest

from tests.crash.oracle import dice
from tests.link import weather
from tests.link.weather import BAD, CAP_S, GOOD

MINUTES = float(os.environ.get("EDGE_BAD_LINK_MINUTES", "0"))  # of storm, in the long form: see tests.torture


@pytest.fixture
def place(tmp_path):
    with weather.Place(tmp_path) as made:
        yield made


def test_a_queue_drains_over_a_bad_link_that_breaks_in_every_way(place):
    place.fill([48] * 8)
    place.start()
    place.await_drained(GOOD, 5)
    assert place.arrived(BAD) < 8  # which did not keep the other one waiting
    for count, fault in (
        (1, place.line.reset),
        (3, place.line.black_hole),
        (5, lambda: place.line.cut_after(2_000, by_reset=True)),
    ):
        place.await_arrived(BAD, count, 30)
        fault()
        place.await_failure()
        place.line.mend()
    weather.storm(place, dice(), MINUTES * 60)
    place.await_drained(GOOD, 10)
    place.await_drained(BAD, 40 + 10 * MINUTES)
    place.judge()
    cost = place.cost()
    print(weather.words(cost))
    assert cost.waits and max(cost.waits) <= CAP_S
    assert cost.tries <= len(cost.waits) / 3  # of objects that got there, and whose answer the line lost
    if MINUTES >= 1:
        assert len(set(cost.waits)) > 1  # they are drawn by lot
    place.box.kill()
