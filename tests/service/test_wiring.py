"""What the configuration says reaches the rooms it is meant for."""

import errno
import logging

import pytest

from edge.box import config, load, reference
from edge.dicom import syntax
from edge.forward.target import Target
from edge.net.doors import CannotListen
from edge.protocol import contexts
from edge.service import greeting, wiring, words
from edge.ways import targets
from edge.service.housekeeping import Housekeeping
from edge.spool.health import Health

CT = "1.2.840.10008.5.1.4.1.1.2"
WORKLIST = "1.2.840.10008.5.1.4.31"
PRIVATE = "1.2.276.0.7230010.99.1"
VERIFICATION = "1.2.840.10008.1.1"


def settings(text):
    return load.parse(text, "/etc/edge.toml").config


def listening(text):
    return wiring.listener_settings(settings(text))


def test_the_box_answers_to_its_title_and_its_aliases_or_to_any():
    assert listening('[box]\nae_title = "BOX"\n[dicom]\ncalled_aliases = ["OLD"]\n').called == ("BOX", "OLD")
    assert listening('[dicom]\ncalled_aliases = ["*"]\n').called == ()


def test_times_and_sizes_arrive_in_the_units_of_the_net():
    found = listening("[dicom]\nartim_s = 1.5\nidle_timeout_s = 7\npdu_s = 8\ndrain_s = 0\nmax_pdu_bytes = '16 KiB'\n")
    assert found.limits.artim_ms == 1500
    assert found.limits.idle_ms == 7000
    assert found.limits.pdu_ms == 8000
    assert found.limits.max_pdu_bytes == 16384
    assert found.drain_ms == 0


def test_callers_are_admitted_and_known_as_they_are_listed():
    found = listening('[dicom]\naccept_calling = ["CT1@10.0.0.5"]\n')
    assert found.admits("CT1", "10.0.0.5") and not found.admits("CT1", "10.0.0.6")
    assert found.knows("10.0.0.5") and not found.knows("10.0.0.6")


def test_every_storage_class_is_taken_private_and_unknown_ones_too_and_nothing_else():
    takes = listening("").policy.takes
    assert takes(CT) and takes(PRIVATE) and takes(VERIFICATION) and not takes(WORKLIST)


def test_a_list_of_storage_classes_narrows_them_but_never_verification():
    takes = listening('[dicom]\nstorage_sop_classes = ["%s"]\n' % CT).policy.takes
    assert takes(CT) and takes(VERIFICATION) and not takes(PRIVATE)


def test_preferred_transfer_syntaxes_come_first_and_the_others_after_them():
    policy = listening('[dicom]\ntransfer_syntaxes = ["Implicit VR Little Endian"]\n').policy
    assert policy.preference[:2] == (syntax.IMPLICIT_LITTLE, syntax.EXPLICIT_LITTLE)
    assert sorted(policy.preference) == sorted(contexts.PREFERENCE)
    assert policy.others_too


def test_transfer_syntaxes_can_be_narrowed_to_those_listed():
    policy = listening('[dicom]\ntransfer_syntaxes = ["1.2.840.10008.1.2"]\nother_transfer_syntaxes = false\n').policy
    assert policy.preference == (syntax.IMPLICIT_LITTLE,) and not policy.others_too


def test_addresses_of_this_machine_are_found_with_loopback_last():
    found = greeting.addresses("0.0.0.0")
    assert "127.0.0.1" in found
    assert [address.startswith("127.") for address in found] == sorted(address.startswith("127.") for address in found)
    assert greeting.addresses("10.1.2.3") == ["10.1.2.3"]


@pytest.mark.parametrize("kind", [each.name for each in config.KINDS])
def test_every_kind_of_destination_has_words_and_a_target(kind):
    text = "".join(
        line.removeprefix("# ") + "\n"
        for line in reference.file().splitlines()
        if " = " in line.removeprefix("# ")[:30] or line.removeprefix("# ").startswith("[")
    )
    found = settings(text)
    (one,) = [each for each in found.destinations if each.kind == kind]
    assert [isinstance(each, Target) for each in targets.make(found, one)] == [True]
    loaded = load.parse(text, "/etc/edge.toml")
    assert config.where(one) in [line for line in greeting.lines(loaded, 104, {}, {}) if "forwards" in line][0]


def test_a_path_with_spaces_is_shown_as_it_is_typed(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/opt/my edge/bin/edge"])
    loaded = load.parse("", "/etc/it's edge.toml")
    (line,) = [line for line in greeting.lines(loaded, 104, {}, {}) if "look" in line]
    assert "'/opt/my edge/bin/edge' queue --config '/etc/it'\\''s edge.toml'" in line


def test_the_greeting_leads_to_the_file_in_use_and_tries_it_as_a_caller_that_is_accepted():
    loaded = load.parse('[dicom]\naccept_calling = ["10.0.0.1", "CT 1"]\n', "/etc/edge.toml")
    said = "\n".join(greeting.lines(loaded, 104, {}, {}))
    assert "a [[destination]] and a [[route]] in /etc/edge.toml" in said and "> edge.toml" not in said
    assert "storescu -aet 'CT 1' -aec EDGE" in said
    fresh = "\n".join(greeting.lines(load.load(None), 104, {}, {}))
    assert "check-config --reference > edge.toml" in fresh and "storescu -aec EDGE" in fresh


class _Spool:
    """What housekeeping asks of a spool, counting how often."""

    def __init__(self):
        self.health = Health(lambda: 0)
        self.scrub = self
        self.tidied = self.steps = self.rounds = 0

    def tidy(self):
        self.tidied += 1

    def step(self, octets_limit):
        self.steps += 1
        if self.steps % 3 == 0:
            self.rounds += 1


def test_files_are_looked_through_once_a_day_while_nothing_else_goes_on():
    spool = _Spool()
    busy = [True]
    house = Housekeeping(spool, lambda: busy[0], spool.health.troubles)
    house.once(0)
    assert (spool.tidied, spool.steps) == (1, 0)
    busy[0] = False
    for second in range(1, 10):
        house.once(second)
    assert (spool.tidied, spool.steps) == (10, 3)
    house.once(86402)
    assert spool.steps == 4


def test_a_trouble_is_logged_when_it_comes_and_when_it_goes(caplog):
    spool = _Spool()
    house = Housekeeping(spool, lambda: True, spool.health.troubles)
    spool.health.report("sync", "the disk refuses")
    with caplog.at_level(logging.INFO):
        house.once(0)
        house.once(10)
        spool.health.clear("sync")
        house.once(20)
    assert [record.getMessage() for record in caplog.records] == [
        "trouble: the disk refuses",
        "no trouble any more: sync",
    ]


def test_a_port_that_the_box_itself_leaves_in_the_same_change_is_told_from_one_that_another_program_has():
    before, after = settings("[dicom]\nport = 104\n"), settings("[dicom]\nport = 105\n")
    taken = [CannotListen(OSError(errno.EADDRINUSE, ""), number) for number in (104, 105)]
    assert "in use by the box itself" in words.of(taken[0], after, before)
    assert "another program listens there" in words.of(taken[1], after, before)
