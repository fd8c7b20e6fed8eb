"""Sharing studies out among volumes: whole where they fit, every instance once, nothing over the room there is."""

import collections

import pytest
from hypothesis import given, settings, strategies

from edge.media import layout, span
from edge.media.errors import MediaError

KB = 1 << 10
ROOM = 1000 * KB


def study(key, *series):
    """The parts of a study; series: (instances, octets of each)."""
    return [span.Part(key, f"{key}.{n}", octets) for n, (count, octets) in enumerate(series) for _ in range(count)]


def shared(parts, room=ROOM):
    """The plan, and by study and series the numbers of the volumes that their instances go to."""
    plan = span.Plan(parts, room)
    where = collections.defaultdict(list)
    for number, part in plan.assign(parts):
        where[part.series].append(number)
    return plan, where


def test_studies_that_fit_stay_whole_and_the_first_volume_with_room_takes_them():
    parts = study("a", (6, 100 * KB)) + study("b", (6, 100 * KB)) + study("c", (2, 100 * KB))
    plan, where = shared(parts)
    assert {key: set(numbers) for key, numbers in where.items()} == {"a.0": {1}, "b.0": {2}, "c.0": {1}}
    assert [(each.number, each.files, each.studies) for each in plan.volumes] == [(1, 8, ("a", "c")), (2, 6, ("b",))]


def test_a_study_larger_than_a_volume_is_divided_by_series():
    _, where = shared(study("a", (6, 100 * KB), (3, 100 * KB), (5, 100 * KB)))
    assert {key: set(numbers) for key, numbers in where.items()} == {"a.0": {1}, "a.1": {1}, "a.2": {2}}


def test_a_series_larger_than_a_volume_is_cut_between_instances_in_their_order():
    plan, where = shared(study("a", (25, 100 * KB)))
    assert where["a.0"] == sorted(where["a.0"]) and set(where["a.0"]) == {1, 2, 3}
    assert [each.files for each in plan.volumes] == [9, 9, 7]


def test_an_instance_larger_than_a_volume_is_refused():
    with pytest.raises(MediaError, match=r"an instance of 2,048,000 octets is larger than a volume has room for"):
        span.Plan(study("a", (1, 2000 * KB)), ROOM)


def test_nothing_to_write_is_said():
    with pytest.raises(MediaError, match="there is nothing to write"):
        span.Plan([], ROOM)


@settings(deadline=None, max_examples=60)
@given(
    strategies.lists(
        strategies.tuples(
            strategies.integers(0, 3), strategies.integers(0, 3), strategies.integers(0, 400 * KB)
        ),
        min_size=1, max_size=60,
    )
)  # fmt: skip
def test_every_instance_is_on_one_volume_that_has_room_and_images_stay_within_it(rows):
    parts = [span.Part(str(a), f"{a}.{b}", octets) for a, b, octets in rows]
    plan = span.Plan(parts, ROOM)
    sizes = collections.defaultdict(layout.Sizes)
    seen = collections.Counter()
    for number, part in plan.assign(parts):
        seen[number] += 1
        place = f"DICOM/{part.study:0>8}/{part.series.replace('.', '_'):0>8}/{seen[number]:08d}"
        sizes[number].add(place, part.octets)
    assert {each.number: each.files for each in plan.volumes} == seen
    empty = layout.Sizes()
    empty.add("DICOMDIR", 0)
    for each in plan.volumes:
        assert each.octets <= ROOM
        assert sizes[each.number].image(True) <= each.octets + empty.image(True) + layout.SECTOR * 4
    assert sum(seen.values()) == len(parts)
    by_study = collections.defaultdict(set)
    for number, part in plan.assign(parts):
        by_study[part.study].add(number)
    for key, numbers in by_study.items():
        series = {part.series for part in parts if part.study == key}
        whole = sum(span.cost(part.octets) for part in parts if part.study == key) + len(series) * span.SERIES
        assert len(numbers) == 1 or whole > ROOM, f"study {key} was divided for nothing"


def test_volumes_are_labelled_and_named_within_16_characters():
    assert [span.identifier("HOSPITAL_2026_11", 2, 3), span.identifier("EDGE", 1, 1)] == ["HOSPITAL_202_2_3", "EDGE"]
    layout.check_volume(span.identifier("HOSPITAL_2026_11", 12, 13))
    assert span.label(2, 3) == "2 of 3"
