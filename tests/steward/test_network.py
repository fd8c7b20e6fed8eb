"""The network is set up on trial by the real systemd-networkd and the kernel's own rules, and goes back by itself."""

import os

import pytest

from edge.board import network, networkd
from edge.steward import network as role
from edge.steward.errors import Refused
from tests.steward.machine import Machine
from tests.support.process import wait_until

SIDES = {
    "name": "edge-test",
    "interface": [
        {"device": "eth0", "side": "modality", "addresses": ["192.168.7.1/24"], "ipv6": False},
        {"device": "eth1", "side": "uplink", "addresses": ["10.1.0.2/24"], "gateway": ["10.1.0.1"], "ipv6": False},
    ],
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A machine whose network was set up with SIDES and confirmed, with listeners on 11112, 8443 and 9999."""
    with Machine(tmp_path_factory.mktemp("machine")) as made:
        made.at("modality", "ip", "address", "add", "192.168.7.2/24", "dev", "eth0")
        made.at("uplink", "ip", "address", "add", "10.1.0.1/24", "dev", "eth0")
        made.at("modality", "ip", "route", "add", "default", "via", "192.168.7.1")
        made.start_steward()
        made.ask("listen", listens=[["dicom", 11112, "tcp"], ["console", 8443, "tcp"]])
        made.listen(11112, 8443, 9999)
        yield made


@pytest.fixture
def settled(machine):
    """The machine, with SIDES confirmed and nothing on trial."""
    if machine.ask("state")["trial"]:
        machine.ask("revert")
    if machine.ask("state")["settings"] != SIDES:
        machine.ask("apply", settings=SIDES, within_s=0)
    machine.has("eth0", "192.168.7.1/24")
    machine.has("eth1", "10.1.0.2/24")
    return machine


def changed(number, **more):
    """SIDES with an interface that has more, or other, settings."""
    interfaces = [dict(each) for each in SIDES["interface"]]
    interfaces[number].update(more)
    return {**SIDES, "interface": interfaces}


def test_a_change_is_tried_and_stays_when_it_is_confirmed(settled):
    wanted = changed(0, addresses=["192.168.8.1/24"], service="192.168.100.1/24")
    trial = settled.ask("apply", settings=wanted)["trial"]
    settled.has("eth0", "192.168.8.1/24", "192.168.100.1/24")
    assert settled.ask("state")["trial"]["id"] == trial
    settled.ask("confirm", trial=trial)
    settled.kill_steward()
    settled.start_steward()
    assert settled.ask("state")["settings"] == wanted and settled.ask("state")["trial"] is None
    settled.has("eth0", "192.168.8.1/24", "192.168.100.1/24")


def test_a_trial_goes_back_when_the_steward_dies_in_it(settled):
    settled.ask("apply", settings=changed(0, addresses=["192.168.9.1/24"]))
    settled.has("eth0", "192.168.9.1/24")
    settled.kill_steward()
    settled.start_steward()
    settled.has("eth0", "192.168.7.1/24")
    assert settled.ask("state")["went_back"]["why"]


def test_a_trial_goes_back_when_the_power_goes_in_it(settled):
    settled.ask("apply", settings=changed(0, addresses=["192.168.9.1/24"]))
    settled.has("eth0", "192.168.9.1/24")
    settled.kill_steward()
    settled.boot()
    settled.start_steward()
    settled.has("eth0", "192.168.7.1/24")
    assert "started anew" in settled.ask("state")["went_back"]["why"]
    assert settled.reach("modality", "192.168.7.1", 11112) == "open"
    assert settled.reach("modality", "192.168.7.1", 9999, 0.3) == "dropped"


def test_a_trial_goes_back_when_somebody_asks_for_it(settled):
    trial = settled.ask("apply", settings=changed(1, addresses=["10.1.0.77/24"]))["trial"]
    settled.has("eth1", "10.1.0.77/24")
    with pytest.raises(Refused, match="another change"):
        settled.ask("revert", trial="00000000")
    with pytest.raises(Refused, match="is on trial: confirm it or let it go back first"):
        settled.ask("apply", settings=SIDES)
    settled.ask("revert", trial=trial)
    settled.has("eth1", "10.1.0.2/24")
    with pytest.raises(Refused, match="no change of the network is on trial"):
        settled.ask("confirm", trial=trial)


def test_systemd_networkd_reads_every_line_of_what_is_written(settled):
    settled.complaints()
    bad = "[Match]\\nName=none\\n[Network]\\nNonsense=1\\n"
    settled.box("sh", "-c", f"printf '{bad}' > /run/systemd/network/90-bad.network")
    settled.box("networkctl", "reload")
    assert "Nonsense" in settled.complaints()[0]  # it would say so
    settled.box("rm", "/run/systemd/network/90-bad.network")
    more = [
        {"device": "eth1", "side": "uplink", "vlan": 7, "addresses": ["10.7.0.2/24", "fd00:7::2/64"], "mtu": 1400},
        {"device": "eth2", "side": "uplink", "vlan": 4094, "service": "192.168.100.1/24"},
        {"device": "wlan0", "side": "uplink", "ssid": "Ward 3", "passphrase": "not to be told", "country": "DE"},
    ]
    wanted = {**SIDES, "dns": ["10.1.0.1"], "ntp": ["10.1.0.1"], "interface": [*SIDES["interface"], *more]}
    try:
        settled.ask("apply", settings=wanted)
    except Refused as refused:  # there is no Wi-Fi service to restart here, so all of it goes back
        assert "systemctl" in str(refused)
    assert "Id=7" in str(networkd.files(network.read(wanted)[0]).values())
    found = settled.complaints()
    assert found == []


def test_without_an_answer_of_dhcp_an_address_is_taken_by_itself(settled):
    settled.ask("apply", settings=changed(0, addresses=[]))
    found = wait_until(lambda: settled.addresses("eth0"), 30, "a link-local address")
    assert found[0].startswith("169.254.") and found[0].endswith("/16")


def test_only_what_the_box_listens_on_can_be_reached(settled):
    assert settled.reach("modality", "192.168.7.1", 11112) == "open"
    assert settled.reach("uplink", "10.1.0.2", 8443) == "open"
    assert settled.reach("modality", "192.168.7.1", 9999, 0.3) == "dropped"
    assert settled.reach("uplink", "10.1.0.2", 9999, 0.3) == "dropped"


def test_an_interface_opens_no_more_than_it_is_told_to(settled):
    settled.ask("apply", settings=changed(0, opens=["dicom"]))
    assert settled.reach("modality", "192.168.7.1", 11112) == "open"
    assert settled.reach("modality", "192.168.7.1", 8443, 0.3) == "dropped"
    assert settled.reach("uplink", "10.1.0.2", 8443) == "open"


def test_what_the_box_no_longer_listens_on_is_closed(settled):
    settled.ask("listen", listens=[["dicom", 11112, "tcp"]])
    assert settled.reach("modality", "192.168.7.1", 8443, 0.3) == "dropped"
    settled.ask("listen", listens=[["dicom", 11112, "tcp"], ["console", 8443, "tcp"]])
    assert settled.reach("modality", "192.168.7.1", 8443) == "open"


def test_no_way_leads_from_one_side_to_the_other(settled):
    settled.listen_at("uplink", 104)
    settled.box("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")  # as if somebody had switched it on
    settled.at("uplink", "ip", "route", "replace", "192.168.7.0/24", "via", "10.1.0.2")
    assert settled.reach("modality", "10.1.0.1", 104, 0.3) == "dropped"
    assert settled.reach("modality", "10.1.0.2", 11112, 0.3) == "dropped"  # the box's address on the other side
    settled.box("nft", "delete", "table", "inet", "edge")  # the control: it was the rules that kept them apart
    assert settled.reach("modality", "10.1.0.1", 104) == "open"
    assert settled.reach("modality", "10.1.0.2", 11112) == "open"
    settled.ask("apply", settings=changed(0, mtu=1400), within_s=0)
    assert settled.reach("modality", "10.1.0.1", 104, 0.3) == "dropped"


def test_what_cannot_be_is_refused_in_words_and_changes_nothing(settled):
    with pytest.raises(Refused) as refused:
        settled.ask("apply", settings=changed(1, gateway=["10.2.0.1"]))
    assert str(refused.value) == "interface 2.gateway: 10.2.0.1 is not in the subnet of this interface (10.1.0.0/24)"
    assert settled.ask("state")["settings"] == SIDES


def test_who_would_be_cut_off_is_told_before(settled):
    found = settled.ask("check", settings=changed(1, addresses=["10.1.0.3/24"]), address="10.1.0.2")
    assert found["mistakes"] == []
    assert found["warnings"][0].startswith("you are connected by 10.1.0.2, which eth1 will not have any more: go on at")
    assert settled.ask("check", settings=changed(0, mtu=1400), address="10.1.0.2")["warnings"] == []


# What takes time, or a power cut at a certain step, with a clock and a runner of the test's own


class Recorded:
    """Runs nothing and keeps what was to be run; fails at the program that a test names."""

    def __init__(self):
        self.words = []
        self.names = []
        self.failing = None

    def __call__(self, words, within_s, given=b""):
        self.words.append(words)
        if self.failing and self.failing in words:
            raise Refused("it failed")
        return "[]"


class Clock:
    """Seconds that pass when a test says so."""

    now = 100.0

    def __call__(self):
        return self.now


def opened(tmp_path, runner=None, clock=None):
    """The role's state in folders of the test."""
    runner = runner or Recorded()
    folders = str(tmp_path / "state"), str(tmp_path / "run")
    return role.Network(*folders, runner, runner.names.append, clock or Clock())


def drained(steps):
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def written(tmp_path):
    """{name: text} of the files for networkd."""
    return {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "run/systemd/network").iterdir()}


def test_a_trial_that_nobody_confirms_goes_back_when_its_time_is_over(tmp_path):
    clock = Clock()
    state = opened(tmp_path, clock=clock)
    drained(state.apply(SIDES, 0))
    before = written(tmp_path)
    assert state.due_s() is None
    drained(state.apply(changed(0, addresses=["192.168.9.1/24"]), 60))
    assert written(tmp_path) != before and state.due_s() == 60
    clock.now += 60
    assert state.due_s() <= 0
    state.tick()
    assert written(tmp_path) == before and state.trial is None and state.due_s() is None
    assert state.show()["went_back"]["why"] == "it was not confirmed in time"


def test_what_cannot_be_applied_is_taken_back_at_once(tmp_path):
    runner = Recorded()
    state = opened(tmp_path, runner)
    drained(state.apply(SIDES, 0))
    before = written(tmp_path)
    tagged = {"device": "eth1", "vlan": 9, "side": "uplink", "addresses": ["10.9.0.1/24"]}
    wifi = {"device": "wlan0", "side": "uplink", "ssid": "Ward 3"}
    runner.failing = "edge-wifi@wlan0.service"
    with pytest.raises(Refused, match="the network is as it was: it failed"):
        drained(state.apply({**SIDES, "interface": [*SIDES["interface"], tagged, wifi]}))
    assert written(tmp_path) == before and state.trial is None and not (tmp_path / "state/network/trial.json").exists()


def test_what_is_applied_in_part_and_cannot_be_taken_back_cannot_be_confirmed(tmp_path):
    runner, clock = Recorded(), Clock()
    state = opened(tmp_path, runner, clock)
    drained(state.apply(SIDES, 0))
    runner.failing = "reload"
    with pytest.raises(Refused, match=r"as a whole \(it failed\), nor taken back \(it failed\): parts of it"):
        drained(state.apply(changed(0, addresses=["192.168.9.1/24"]), 600))
    assert 0 < state.due_s() < 60
    with pytest.raises(Refused, match="never applied as a whole"):
        state.confirm(state.trial["id"])
    runner.failing = None
    clock.now += 60
    state.tick()
    assert state.trial is None and state.show()["went_back"]["why"] == "it could not be applied: it failed"


def test_going_back_that_fails_is_tried_again(tmp_path):
    runner, clock = Recorded(), Clock()
    state = opened(tmp_path, runner, clock)
    drained(state.apply(SIDES, 10))
    clock.now += 10
    runner.failing = "reload"
    with pytest.raises(Refused):
        state.tick()
    assert state.trial is not None and 0 < state.due_s() < 10
    runner.failing = None
    clock.now += 10
    state.tick()
    assert state.trial is None


@pytest.mark.parametrize("cut_at", range(12))
def test_after_a_power_cut_at_any_step_what_was_confirmed_is_there_or_what_is_being_confirmed(tmp_path, cut_at):
    state = opened(tmp_path)
    drained(state.apply(SIDES, 0))
    wanted = changed(0, addresses=["192.168.9.1/24"])
    drained(state.apply(wanted))
    disk, steps = state._disk, [0]

    def step(call):
        def counted(*arguments, **more):
            steps[0] += 1
            if steps[0] > cut_at:
                raise KeyboardInterrupt
            return call(*arguments, **more)

        return counted

    for name in ("open", "write_all", "fsync", "rename", "unlink", "sync_folder"):
        setattr(disk, name, step(getattr(disk, name)))
    is_confirmed = True
    try:
        state.confirm(state.trial["id"])
    except KeyboardInterrupt:
        is_confirmed = False
    again = opened(tmp_path)
    again.start()
    assert again.trial is None and not (tmp_path / "state/network/trial.json").exists()
    assert again.confirmed in ([wanted] if is_confirmed else [SIDES, wanted])
    address = again.confirmed["interface"][0]["addresses"][0]
    assert f"Address={address}" in written(tmp_path)["50-edge-eth0.network"]


def test_nobody_elses_machine_is_touched_before_anybody_asks(tmp_path):
    runner = Recorded()
    state = opened(tmp_path, runner)
    state.listen([("dicom", 11112, "tcp")])
    state.show()
    assert [words for words in runner.words if words[0] != "/usr/bin/ip"] == []
    assert not (tmp_path / "run").exists()


def test_a_passphrase_is_in_no_answer_and_in_no_file_that_others_read(tmp_path):
    state = opened(tmp_path)
    wifi = {"device": "wlan0", "side": "uplink", "ssid": "Ward 3", "passphrase": "not to be told"}
    answer = drained(state.apply({"interface": [wifi]}))
    assert "not to be told" not in str([answer, state.show(), state.check({"interface": [wifi]})])
    hidden = "not to be told".encode().hex()
    for path in (each for each in tmp_path.rglob("*") if each.is_file()):
        text = path.read_text(encoding="utf-8")
        assert path.stat().st_mode & 0o077 == 0 or ("not to be told" not in text and hidden not in text), path
    state.confirm(answer["trial"])
    drained(state.apply({"interface": [network.masked(state.confirmed)["interface"][0], {"device": "eth0"}]}))
    assert state.trial["settings"]["interface"][0]["passphrase"] == "not to be told"


def test_every_program_is_named_by_its_full_path_and_given_fixed_words(tmp_path):
    runner = Recorded()
    state = opened(tmp_path, runner)
    drained(state.apply({**SIDES, "ntp": ["10.1.0.1"]}, 0))
    assert {" ".join(words) for words in runner.words} == {
        "/usr/bin/ip -json address",
        "/usr/sbin/nft -c -f -",
        "/usr/sbin/nft -f -",
        "/usr/bin/networkctl reload",
        "/usr/bin/systemctl try-restart systemd-resolved.service",
        "/usr/bin/systemctl try-restart systemd-timesyncd.service",
    }
    assert runner.names == ["edge-test"]


def test_systemd_networkd_may_read_its_files_whatever_mask_the_steward_was_started_with(tmp_path):
    before = os.umask(0o077)
    try:
        opened(tmp_path).start()
    finally:
        os.umask(before)
    folder = tmp_path / "run/systemd/network"
    assert folder.stat().st_mode & 0o777 == 0o755
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o644}
