"""Updates as a person meets them: the page of the console, the menus, the command line."""

import json

import pytest

from edge.box import load
from edge.settings.keeper import Keeper
from edge.terminal import menu
from edge.verbs import box as boxes
from edge.verbs.verb import ENGINEER, Asker
from tests.spool.data import Clock, open_spool
from tests.support.console import Console
from tests.terminal.far import Far, fits
from tests.update.rauc import BOARD, Signer


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(signer, path of an update to 0.2.0, the environment of a box that believes it)."""
    folder = tmp_path_factory.mktemp("made")
    signer = Signer(folder, "updates")
    (folder / "release").write_text(f"version=0.1.0\nboard={BOARD}\n")
    (folder / "stewards").mkdir()
    env = {
        "EDGE_RELEASE": str(folder / "release"),
        "EDGE_UPDATE_PEM": str(signer.certificate),
        "EDGE_STEWARD": str(folder / "stewards"),
    }
    return signer, signer.bundle(folder / "edge.raucb"), env


@pytest.fixture(scope="module")
def console(made, tmp_path_factory):
    """The console of a running box, claimed."""
    with Console(tmp_path_factory.mktemp("console"), env=made[2]) as console:
        console.claim()
        yield console


def send(console, octets, **fields):
    """Send a piece of an update as the page's script does; return the answer's JSON."""
    piece = console.jar.with_name("piece")
    piece.write_bytes(octets)
    form = [word for name, value in fields.items() for word in ("--form", f"{name}={value}")]
    token = ("--header", f"X-CSRF-Token: {console.csrf('/update')}")
    return console.curl("/api/v1/stage-update", "--form", f"file=@{piece}", *form, *token).json


def test_the_page_takes_an_update_in_pieces_checks_it_and_offers_to_install_it(made, console):
    octets = made[1].read_bytes()
    assert "Version 0.1.0 runs on qemu-arm64." in console.get("/update").text
    half = len(octets) // 2
    assert send(console, octets[:half], bytes=len(octets), offset=0)["done"]["version"] is None
    done = send(console, octets[half:], bytes=len(octets), offset=half)["done"]
    assert done["version"] == "0.2.0"
    page = console.get("/update").text
    assert "Version 0.2.0 is here, checked." in page and "Install, and restart" in page
    console.post("/update/install", {}, csrf="/update")
    assert "only an appliance does" in console.get("/update").text


def test_the_page_refuses_what_is_no_update_in_words(console):
    assert "does not begin as a bundle" in send(console, b"no bundle" * 100, bytes=900, offset=0)["failed"]


def test_the_command_line_says_what_is_here_and_why_nothing_is_installed(made, console):
    done = console.box.edge("update", str(made[1]), check=False)
    assert "version 0.2.0 is checked" in done.stdout
    assert done.returncode == 1 and "only an appliance does" in done.stderr
    said = json.loads(console.box.edge("update", "--status", "--json").stdout)
    assert (said["version"], said["staged"], said["slots"]) == ("0.1.0", "0.2.0", [])


def test_the_menus_show_the_versions_and_say_that_this_is_no_appliance(made, tmp_path, monkeypatch):
    for name, value in made[2].items():
        monkeypatch.setenv(name, value)
    (tmp_path / "edge.toml").write_text('[box]\nstate_dir = "state"\n')
    loaded = load.load(str(tmp_path / "edge.toml"))
    spool = open_spool(tmp_path / "state", Clock())
    try:
        box = boxes.Box(loaded.config, spool, lambda: (), loaded=loaded)
        box.settings = Keeper(loaded, lambda loaded: None)
        far = Far(lambda: menu.conversation(box, "a line", lambda: [], Asker("", ENGINEER, "serial")))
        page = far.type("u")
        fits(page)
        assert "Version 0.1.0 runs on qemu-arm64" in page and "steward `updating` does not run" in page
        assert "Install from an address" in page
    finally:
        spool.close()
