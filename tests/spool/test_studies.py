"""Studies as the index counts and finds them."""

import random

import pytest

from edge.dicom import text
from edge.spool import errors, jobs, studies
from edge.spool.studies import Wanted
from tests.spool import data
from tests.spool.data import Clock, data_set, deliver, one, open_spool, receive

PATIENT_NAME, CHARSETS = 0x00100010, 0x00080005


@pytest.fixture
def spool(tmp_path):
    opened = open_spool(tmp_path / "state", Clock())
    yield opened
    opened.close()


def named(spool, uid, name, charsets=None, **more):
    """Receive an object of a study of its own; name: text, in the character sets of `charsets`."""
    octets = data_set(uid, name="", study=uid + ".1", **more)
    terms = charsets.encode("ascii") if charsets else b""
    value = text.encode(name, text.terms(terms), True)
    start = octets.index(one(PATIENT_NAME, "PN", ""))
    octets = octets[:start] + one(PATIENT_NAME, "PN", value) + octets[start + 8 :]
    if charsets:
        octets = one(CHARSETS, "CS", charsets) + octets
    return receive(spool, uid, octets)


def names(spool, **wanted):
    return [each.patient_name for each in studies.listing(spool.index, Wanted(**wanted))[0]]


def counted(spool):
    """All that is known of all studies, counted anew from objects and jobs."""
    found = {}
    for stored in spool.objects(0, 10000):
        study = found.setdefault(stored.study_id, {"objects": 0, "series": {}, "ways": {}, "received": []})
        study["objects"] += 1
        study["received"].append(stored.received)
        tally = study["series"].setdefault((stored.series, stored.modality), [0, 0])
        tally[0] += 1
        tally[1] += stored.size
        for job in spool.jobs.of_object(stored.id):
            ways = study["ways"].setdefault(job.destination, {"waiting": 0, "sent": 0, "held": 0, "delivered": 0})
            ways[job.state] += 1
    return found


def told(spool):
    """The same, as the index tells it."""
    found = {}
    for study in studies.listing(spool.index, limit=10000)[0]:
        found[study.number] = {
            "objects": study.objects,
            "series": {(each.uid, each.modality): [each.objects, each.octets] for each in study.series},
            "ways": study.ways,
        }
    return found


def test_studies_come_the_newest_first_and_in_pages(spool):
    for number in range(5):
        receive(spool, "1.2.%d" % number, data_set("1.2.%d" % number, study="1.9.%d" % number))
    first, after = studies.listing(spool.index, limit=2)
    second, beyond = studies.listing(spool.index, after=after, limit=2)
    third, end = studies.listing(spool.index, after=beyond, limit=2)
    assert [study.uid for study in first + second + third] == ["1.9.%d" % number for number in (4, 3, 2, 1, 0)]
    assert end is None


def test_a_page_that_ends_with_the_last_study_says_that_there_is_no_other(spool):
    for number in range(2):
        receive(spool, "1.2.%d" % number, data_set("1.2.%d" % number, study="1.9.%d" % number))
    assert studies.listing(spool.index, limit=2)[1] is None


def test_pages_are_whole_however_few_studies_are_looked_at_at_once(spool, monkeypatch):
    monkeypatch.setattr(studies, "_AT_ONCE", 2)
    for number in range(9):
        patient = "Roe^Jane" if number % 4 == 0 else "Doe^John"
        receive(spool, "1.2.%d" % number, data_set("1.2.%d" % number, study="1.9.%d" % number, name=patient))
    found, after = studies.listing(spool.index, Wanted(patient="roe"), limit=2)
    assert [study.uid for study in found] == ["1.9.8", "1.9.4"]
    found, after = studies.listing(spool.index, Wanted(patient="roe"), after, 2)
    assert ([study.uid for study in found], after) == (["1.9.0"], None)


@pytest.mark.parametrize(
    "wanted",
    [
        {"text": "müller"}, {"text": "MULLER"}, {"text": "mül"}, {"patient": "Müller, Jürgen"}, {"patient": "müller*"},
        {"patient": "M?LLER^J*"}, {"text": "jurgen muller"}, {"text": "1.5.1.1"},
    ],
)  # fmt: skip
def test_a_name_is_found_whatever_its_case_and_accents(spool, wanted):
    named(spool, "1.5.1", "Müller^Jürgen", "ISO_IR 100")
    named(spool, "1.5.2", "Möller^Ann", "ISO_IR 192")
    assert names(spool, **wanted) == ["Müller^Jürgen"]


@pytest.mark.parametrize("wanted", ["山田", "yamada^tarou", "yamada", "やま*", "Yamada^*"])
def test_each_group_of_a_name_in_several_character_sets_is_found(spool, wanted):
    named(spool, "1.5.1", "Yamada^Tarou=山田^太郎=やまだ^たろう", "\\ISO 2022 IR 87")
    named(spool, "1.5.2", "Suzuki^Ichiro")
    assert names(spool, patient=wanted) == ["Yamada^Tarou=山田^太郎=やまだ^たろう"]


def test_a_pattern_is_for_the_whole_of_a_name_or_an_id_and_words_are_for_a_part(spool):
    named(spool, "1.5.1", "Doe^Jane", patient="4711")
    named(spool, "1.5.2", "Doering^Ann", patient="14711")
    assert names(spool, patient="doe^*") == ["Doe^Jane"]
    assert names(spool, patient="4?11") == ["Doe^Jane"]
    assert names(spool, patient="471") == ["Doering^Ann", "Doe^Jane"]


@pytest.mark.parametrize("sign", ["%", "_", "\\", "'", "[a-z]"])
def test_signs_that_mean_something_to_a_database_stand_for_themselves(spool, sign):
    named(spool, "1.5.1", "Doe^Jane")
    named(spool, "1.5.2", "A%s'[a-z]^B_\\C" if sign != "\\" else "Roe")
    assert "Doe^Jane" not in names(spool, text=sign) and "Doe^Jane" not in names(spool, patient="*%s*" % sign)


def test_accession_modality_and_dates_narrow_a_search(spool):
    receive(spool, "1.2.3")
    (study,) = studies.listing(spool.index)[0]
    for field, fits, not_so in (
        ("accession", study.accession.lower(), study.accession + "1"),
        ("accession", study.accession[:1].lower() + "*", "x*"),
        ("modality", study.series[0].modality, "XX"),
        ("date_from", study.date, "29990101"),
        ("date_to", study.date, "19000101"),
    ):
        assert len(studies.listing(spool.index, Wanted(**{field: fits}))[0]) == 1, (field, fits)
        assert not studies.listing(spool.index, Wanted(**{field: not_so}))[0], (field, not_so)


def test_where_a_study_went_is_told_for_each_destination(spool):
    for number in range(3):
        receive(spool, "1.2.%d" % number, data_set("1.2.%d" % number, study="1.9"), to=("PACS", "VNA"))
    deliver(spool, "VNA", 2)
    (study,) = studies.listing(spool.index)[0]
    assert study.ways == {
        "PACS": {"waiting": 3, "held": 0, "delivered": 0, "sent": 0},
        "VNA": {"waiting": 1, "held": 0, "delivered": 2, "sent": 0},
    }


def test_counts_of_studies_are_those_of_their_objects_and_jobs_whatever_happens(tmp_path):
    dice = random.Random(1)
    spool = open_spool(tmp_path / "state", Clock())
    for turn in range(150):
        uid = "1.2.%d" % dice.randrange(40)
        what = dice.random()
        if what < 0.5:
            octets = data_set(uid, study="1.9.%d" % dice.randrange(4), patient=dice.choice(["1", "2"]))
            receive(spool, uid, octets, to=dice.choice([("PACS",), ("PACS", "VNA"), ()]))
        elif what < 0.8:
            for job in spool.jobs.claim(dice.choice(["PACS", "VNA"]), spool.now(), 3):
                outcome = dice.choice([jobs.SENT, jobs.RETRY, jobs.REFUSED, jobs.UNCOMMITTED])
                spool.jobs.settle(job, outcome, spool.now(), 0, "x", "x")
        else:
            page = spool.objects(0, 1000)
            if page:
                spool.remove(dice.choice(page).id, "test")
        if turn % 10 == 0:
            expected = counted(spool)
            for study in expected.values():
                study.pop("received")
            assert told(spool) == expected
    before = data.picture(spool), told(spool)
    spool.index.rebuild()
    assert (data.picture(spool), told(spool)) == before
    spool.close()


def test_images_come_in_the_order_of_their_numbers_in_pages_and_those_without_one_last(spool):
    for at, number in enumerate(("30", "", "4", "100", "10", "x", "1", "4", "-2")):
        uid = "1.2.%d" % at
        receive(spool, uid, data_set(uid).replace(one(0x00200013, "IS", "1"), one(0x00200013, "IS", number)))
    found = []
    while page := studies.images(spool.index, 1, "1.2.3.1", found[-1].id if found else None, 2):
        found += page
    assert [each.uid for each in found] == ["1.2.%d" % at for at in (8, 6, 2, 7, 4, 0, 3, 1, 5)]
    assert studies.images(spool.index, 1, limit=20) == found


def test_a_page_behind_an_image_that_is_gone_is_refused_and_not_begun_elsewhere(spool):
    for at in range(3):
        receive(spool, "1.2.%d" % at, data_set("1.2.%d" % at))
    spool.remove(2, "anna")
    with pytest.raises(errors.Unknown, match="object 2, behind which the page begins, is gone"):
        studies.images(spool.index, 1, None, 2)
