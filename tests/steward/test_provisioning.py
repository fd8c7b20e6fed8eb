"""Settings that come on a card or a stick: the network is set up by them, once, by a box that may believe them."""

import pytest

from edge.access import seal
from edge.box import load
from edge.settings import setup
from edge.steward import provisioning
from tests.settings.test_setup import CODE, Box, parcel
from tests.steward.test_network import SIDES, opened, written
from tests.steward.test_skins import Stewards

CARD = """\
[box]
ae_title = "CT1BOX"

[network]
name = "edge-ct1"

[[network.interface]]
device = "eth0"
side = "modality"
addresses = ["192.168.7.1/24"]
"""


@pytest.fixture
def card(tmp_path, monkeypatch):
    """The file on the card, for a box whose state folder is empty."""
    path = tmp_path / "edge-setup.toml"
    path.write_text(CARD.replace("\n", "\r\n"), encoding="ascii", newline="")
    (tmp_path / "box").mkdir()
    monkeypatch.setenv("EDGE_FIRMWARE_SETUP", str(path))
    monkeypatch.setenv("EDGE_STATE_DIR", str(tmp_path / "box"))
    return path


def test_a_new_box_is_what_its_card_says(card, tmp_path):
    opened(tmp_path).start()
    assert "Address=192.168.7.1/24" in written(tmp_path)["50-edge-eth0.network"]
    assert (tmp_path / "box/edge.toml").read_text(encoding="ascii") == '[box]\nae_title = "CT1BOX"\n\n'
    assert (tmp_path / "box/edge.toml").stat().st_mode & 0o777 == 0o600


def test_what_a_card_does_not_say_stays_as_every_new_box_has_it(card, tmp_path, monkeypatch):
    standard = tmp_path / "standard.toml"
    monkeypatch.setattr(provisioning, "BEGINS_WITH", str(standard))
    standard.write_text('[box]\nstate_dir = "/var/lib/edge"\n\n[serial]\nport = "/dev/ttyS1"\n', encoding="ascii")
    (tmp_path / "box/edge.toml").write_bytes(standard.read_bytes())  # as an appliance lays it out at its first start
    opened(tmp_path).start()
    box = load.load(str(tmp_path / "box/edge.toml")).config
    assert (box.box.ae_title, box.box.state_dir, box.serial.port) == ("CT1BOX", "/var/lib/edge", "/dev/ttyS1")


def test_a_card_is_read_by_a_new_box_only(card, tmp_path):
    state = opened(tmp_path)
    list(state.apply(SIDES, 0))
    (tmp_path / "box/console").mkdir()
    (tmp_path / "box/console/users.json").write_text("{}", encoding="ascii")
    opened(tmp_path).start()
    assert opened(tmp_path).confirmed == SIDES and not (tmp_path / "box/edge.toml").exists()


def test_a_network_that_was_confirmed_stays_though_nobody_has_claimed_the_box(card, tmp_path):
    list(opened(tmp_path).apply(SIDES, 0))
    opened(tmp_path).start()
    assert opened(tmp_path).confirmed == SIDES
    assert "CT1BOX" in (tmp_path / "box/edge.toml").read_text(encoding="ascii")


@pytest.mark.parametrize(
    "text, words",
    [
        (CARD.replace("/24", "/33"), "interface 1.addresses: expected addresses like"),
        (CARD.replace("ae_title", "ea_title"), "ea_title"),
        ("[box", "it is no TOML"),
        ("\xff", "it is no TOML"),
        ("x" * (300 << 10), "it is longer than"),
    ],
)
def test_a_card_that_cannot_be_used_is_said_and_the_box_starts_all_the_same(card, tmp_path, text, words):
    card.write_text(text, encoding="latin-1")
    state = opened(tmp_path)
    state.start()
    assert words in state.show()["went_back"]["why"]
    assert written(tmp_path)


# On a stick


@pytest.fixture
def stewards(tmp_path, monkeypatch):
    """The stewards that a box with a stick asks."""
    monkeypatch.setattr(seal, "_LOG_N", 10)
    made = Stewards(tmp_path)
    monkeypatch.setenv("EDGE_STEWARD", str(tmp_path))
    yield made
    made.close()


def claimed(tmp_path, **more):
    """A setup file with a network, sealed by the claim code."""
    return setup.sealed(parcel(tmp_path, **more), setup.CLAIM_CODE, CODE)


def test_a_setup_file_brings_the_network_and_keeps_it_with_the_rest(stewards, tmp_path):
    box = Box(tmp_path)
    assert box.put(claimed(tmp_path, settings=SIDES)).state == "taken"
    assert box.config.box.ae_title == "NEW"
    assert stewards.state.confirmed == SIDES and stewards.state.trial is None


def test_where_the_box_does_not_work_by_it_the_network_goes_back_too(stewards, tmp_path):
    box = Box(tmp_path)
    box.fault = "nothing answers at port 104"
    assert box.put(claimed(tmp_path, settings=SIDES)).state == "refused"
    assert box.config.box.ae_title == "EDGE"
    assert stewards.state.confirmed is None and stewards.state.trial is None


def test_where_the_network_cannot_be_applied_nothing_of_it_is_taken(stewards, tmp_path):
    stewards.runner.failing = "reload"
    box = Box(tmp_path)
    found = box.put(claimed(tmp_path, settings=SIDES))
    assert found.state == "refused" and "the network in it" in found.words
    assert box.config.box.ae_title == "EDGE"


def test_a_box_without_a_steward_refuses_a_network_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(seal, "_LOG_N", 10)
    monkeypatch.setenv("EDGE_STEWARD", str(tmp_path / "nowhere"))
    box = Box(tmp_path)
    found = box.put(claimed(tmp_path, settings=SIDES))
    assert found.state == "refused" and "which the box does not do here" in found.words
    assert box.put(claimed(tmp_path)).state == "taken"


def test_a_passphrase_is_not_signed_in_the_clear(tmp_path):
    settings = {"interface": [{"device": "wlan0", "side": "uplink", "ssid": "Ward 3", "passphrase": "not to be told"}]}
    with pytest.raises(setup.Refused, match="is a secret, which a signature does not hide"):
        setup.signed(parcel(tmp_path, settings=settings), b"")
    with pytest.raises(setup.Refused, match="is the name of the subnet itself"):
        parcel(tmp_path, settings={"interface": [{"device": "eth0", "addresses": ["10.0.0.0/24"]}]})
