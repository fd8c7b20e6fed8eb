"""Who is let in: claimed once, by the code; then by name and password, not too often; tokens and sessions end."""

import json
import os
import stat

import pytest

from edge.access import claim, users
from edge.access.access import Access, Denied
from edge.access.users import Unfit

PASSWORD = "seven bridges"
COST = users._N

pytestmark = pytest.mark.usefixtures("quick_passwords")


class Clock:
    """Seconds that the test lets pass."""

    def __init__(self):
        self.now = 1.8e9

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    """The box's clock."""
    return Clock()


@pytest.fixture
def box(tmp_path, clock):
    """A box that nobody has claimed."""
    return Access(str(tmp_path), now=clock, clock=clock)


@pytest.fixture
def claimed(box):
    """A box with one engineer, anna."""
    box.claim(box.claim_code(), "anna", PASSWORD, "")
    return box


def test_whoever_has_the_code_claims_the_box_however_he_types_it(box):
    typed = " ".join(box.claim_code().lower().split("-"))
    assert box.claim(typed, "anna", PASSWORD, "").role == "engineer"
    assert box.is_claimed() and box.claim_code() is None
    assert not os.path.exists(os.path.join(box.folder, "claim"))


def test_the_code_stays_the_same_until_the_box_is_claimed(box, tmp_path):
    assert Access(str(tmp_path)).claim_code() == box.claim_code()


def test_a_box_is_claimed_once(claimed):
    with pytest.raises(Denied, match="claimed already"):
        claimed.claim("ANYTH-INGAT", "eve", PASSWORD, "")


def test_codes_cannot_be_guessed_one_after_another(box):
    for _ in range(4):
        with pytest.raises(Denied, match="not the code"):
            box.claim("AAAAA-AAAAA", "eve", PASSWORD, "10.0.0.66")
    with pytest.raises(Denied, match="too many wrong attempts; try again in"):
        box.claim(box.claim_code(), "eve", PASSWORD, "10.0.0.67")


def test_a_code_has_no_letters_that_look_alike(tmp_path):
    made = "".join(claim.code(str(tmp_path / str(number))) for number in range(50))
    assert not set(made) & set("01ILOUilou")


def test_a_password_is_kept_at_the_whole_cost(box, monkeypatch):
    monkeypatch.setattr(users, "_N", COST)
    box.claim(box.claim_code(), "anna", PASSWORD, "")
    with open(os.path.join(box.folder, "users.json"), encoding="utf-8") as file:
        (kept,) = json.load(file)["users"]
    assert (kept["n"], kept["r"], kept["p"]) == (16384, 8, 5)
    assert box.login("anna", PASSWORD, "")


def test_what_the_box_keeps_can_be_read_by_nobody_else(claimed):
    claimed.tokens.make("watcher", "viewer", 1, "anna")
    claimed.certificate()
    for name in os.listdir(claimed.folder):
        assert stat.S_IMODE(os.stat(os.path.join(claimed.folder, name)).st_mode) == 0o600, name
        with open(os.path.join(claimed.folder, name), "rb") as file:
            assert PASSWORD.encode() not in file.read()


def test_a_login_needs_the_password_of_its_name(claimed):
    assert claimed.login("anna", PASSWORD, "10.0.0.5").name == "anna"
    for name, password in (("anna", "eight bridges"), ("bert", PASSWORD), ("Anna", PASSWORD)):
        with pytest.raises(Denied, match="name or password is wrong"):
            claimed.login(name, password, "10.0.0.5")


def test_users_are_there_after_a_restart(claimed, tmp_path):
    assert Access(str(tmp_path)).login("anna", PASSWORD, "").role == "engineer"


def test_a_name_that_was_tried_too_often_waits_even_with_the_right_password(claimed, clock):
    for number in range(4):
        with pytest.raises(Denied):
            claimed.login("anna", "wrong again", "10.0.0.%d" % number)
    with pytest.raises(Denied, match="try again in 2 s") as denied:
        claimed.login("anna", PASSWORD, "10.0.0.9")
    assert 0 < denied.value.wait_s <= 1
    clock.now += 2
    assert claimed.login("anna", PASSWORD, "10.0.0.9")


def test_an_address_that_tries_one_name_after_another_waits(claimed):
    for number in range(10):
        with pytest.raises(Denied, match="name or password"):
            claimed.login("user%d" % number, "wrong again", "10.0.0.66")
    with pytest.raises(Denied, match="too many wrong attempts"):
        claimed.login("anna", PASSWORD, "10.0.0.66")
    assert claimed.login("anna", PASSWORD, "10.0.0.5")


def test_a_damaged_file_of_users_lets_nobody_in_and_is_not_claimed_anew(claimed, tmp_path):
    with open(os.path.join(claimed.folder, "users.json"), "w", encoding="ascii") as file:
        file.write('{"users": [{"name": "eve", "role": "god"')
    again = Access(str(tmp_path))
    assert again.is_claimed() and "damaged" in again.users.fault
    with pytest.raises(Denied):
        again.login("anna", PASSWORD, "")


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "annamaria12", "x" * 300])
def test_a_password_that_anybody_would_guess_is_not_taken(box, password):
    with pytest.raises(Denied, match="password"):
        box.claim(box.claim_code(), "annamaria12", password, "")


@pytest.mark.parametrize("name", ["", "a b", "a" * 33, "x\n", "<b>"])
def test_a_name_is_a_word(box, name):
    with pytest.raises(Denied, match="a name of 1 to 32"):
        box.claim(box.claim_code(), name, PASSWORD, "")


def test_the_last_engineer_stays_one(claimed):
    with pytest.raises(Unfit, match="only engineer"):
        claimed.users.remove("anna")
    with pytest.raises(Unfit, match="only engineer"):
        claimed.users.put("anna", "viewer")
    claimed.users.put("bert", "engineer", "nine bridges")
    claimed.users.put("anna", "viewer")
    assert claimed.users.get("anna").role == "viewer"


def test_a_session_ends_when_it_is_silent_for_too_long(claimed, clock):
    given, _ = claimed.sessions.begin("anna", "10.0.0.5", "web", 1800)
    clock.now += 1700
    assert claimed.sessions.get(given, 1800).name == "anna"
    clock.now += 1700
    assert claimed.sessions.get(given, 1800, touch=False) is not None
    clock.now += 200
    assert claimed.sessions.get(given, 1800) is None


def test_a_session_ends_after_a_day_of_work_however_busy_it_is(claimed, clock):
    given, _ = claimed.sessions.begin("anna", "10.0.0.5", "web", 1800)
    for _ in range(24):
        clock.now += 1750
        assert claimed.sessions.get(given, 1800) is not None
    clock.now += 1750
    assert claimed.sessions.get(given, 1800) is None


def test_the_sessions_of_a_user_can_be_ended_but_for_one(claimed):
    first, _ = claimed.sessions.begin("anna", "a", "web", 1800)
    second, own = claimed.sessions.begin("anna", "b", "web", 1800)
    claimed.sessions.end_of("anna", own.number)
    assert claimed.sessions.get(first, 1800) is None and claimed.sessions.get(second, 1800) is not None


def test_sessions_are_bounded(claimed):
    opened = [claimed.sessions.begin("anna", "a", "web", 1800)[0] for _ in range(25)]
    assert len(claimed.sessions.all(1800)) == 20
    assert claimed.sessions.get(opened[0], 1800) is None and claimed.sessions.get(opened[-1], 1800) is not None


def test_a_token_is_good_until_its_end_or_until_it_is_removed(claimed, clock, tmp_path):
    given, made = claimed.tokens.make("watcher", "viewer", 1, "anna")
    again = Access(str(tmp_path), now=clock)
    assert again.tokens.get(given) == made
    assert again.tokens.get(given + "x") is None and again.tokens.get("") is None
    clock.now += 86401
    assert again.tokens.get(given) is None
    other, _ = again.tokens.make("other", "operator", 1, "anna")
    again.tokens.remove("other")
    assert again.tokens.get(other) is None
