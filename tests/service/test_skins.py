"""Web, serial line and command line side by side: they say the same at the same time, whatever happens in between."""

import contextlib
import re
import threading
import time
from html import unescape

import pytest
from pydicom.data import get_testdata_file

from tests.support import console, dcmtk, process
from tests.support.cable import Cable
from tests.support.farend import Terminal
from tests.support.service import destination, route

SOON_S = 2
COUNTS = ("waiting", "sending", "held", "delivered")


class Skins:
    """One box, and a person at each of its skins."""

    def __init__(self, folder, archive_port):
        self.cable = Cable(folder)
        self.cable.plug()
        self.peer_port = process.free_port()
        destinations = [
            destination("archive", archive_port),
            destination("away", process.free_port(), retry_first_s=600),
            destination("peer", self.peer_port),
        ]
        routes = [route("archive", "away", modality=["CT", "MR"])]
        self.console = console.Console(
            folder, destinations=destinations, routes=routes, serial={"port": self.cable.near}
        )
        self.box = self.console.box

    def begin(self):
        self.console.claim()
        self.far = Terminal(self.cable.far)
        self.log_in()

    def log_in(self):
        self.far.log_in(console.NAME, console.PASSWORD)
        if self.console.get("/queue").status != 200:
            self.console.login()

    def counts(self):
        """Return what each skin says: {skin: ({destination: its counts}, objects held as a whole)}."""
        return {"web": self._on_web(), "serial": self._on_serial(), "command": self._by_command()}

    def _on_web(self):
        shown = self.console.get("/queue").text
        cells = ("Waiting", "On the way", "Held", "Delivered")
        held = shown.partition("<h2>Held objects</h2>")[2].partition("</section>")[0]
        return {
            name: tuple(int(_cell(row, each)) for each in cells) for name, row in _rows(shown)
        }, held.count('role="rowheader"')

    def _on_serial(self):
        shown = self.far.type("2", "Choose a number: ")
        self.far.back()
        found = {}
        for line in shown.split("\n"):
            words = line.split()
            if words and words[0] in ("archive", "away", "peer"):
                found[words[0]] = tuple(int(each) for each in words[2:6])
        held = re.search(r"held as a whole: (\d+)", shown)
        return found, int(held.group(1)) if held else 0

    def _by_command(self):
        said = self.box.status()
        rows = {each["name"]: tuple(each["jobs"][key] for key in COUNTS) for each in said["destinations"]}
        return rows, said["kept"]["held"]

    def is_up(self):
        """Return by skin a function that says whether the skin shows the peer as up."""

        def on_web():
            (row,) = [row for name, row in _rows(self.console.get("/queue").text) if name == "peer"]
            return not _cell(row, "State").startswith("down")

        def on_serial():
            shown = self.far.type("2", "Choose a number: ")
            self.far.back()
            (line,) = [line for line in shown.split("\n") if line.startswith("peer ")]
            return line.split()[1] != "DOWN"

        def by_command():
            (row,) = [each for each in self.box.status()["destinations"] if each["name"] == "peer"]
            return row["up"] is not False

        return {"web": on_web, "serial": on_serial, "command": by_command}


def _rows(shown):
    """Yield (name, its row) of the table of destinations on the page of the queue."""
    table = shown.partition("<h2>Destinations</h2>")[2].partition("</table>")[0]
    for row in table.split("<tr")[2:]:
        yield re.search(r"<a [^>]*>([^<]*)</a></th>", row).group(1), row


def _cell(row, head):
    """Return what a cell of a row says, its shapes for the eye left out."""
    content = re.search(r'data-head="%s">(.*?)</td>' % head, row).group(1)
    return unescape(re.sub(r"<[^>]*>", "", re.sub(r"<i .*?</i>", "", content))).strip()


@pytest.fixture(scope="module")
def skins(tmp_path_factory):
    with dcmtk.Storescp() as archive:
        found = Skins(tmp_path_factory.mktemp("skins"), archive.port)
        with found.console:
            found.begin()
            yield found
        found.cable.pull()


def test_all_skins_count_alike_and_a_kill_in_between_changes_nothing(skins):
    files = [get_testdata_file(name) for name in ("CT_small.dcm", "MR_small.dcm", "rtplan.dcm")]
    dcmtk.send(dcmtk.DCMSEND, skins.box.port, files)
    process.wait_until(lambda: skins.box.status()["destinations"][0]["jobs"]["delivered"] == 2, 20, "the deliveries")
    wanted = ({"archive": (0, 0, 0, 2), "away": (2, 0, 0, 0), "peer": (0, 0, 0, 0)}, 1)
    assert skins.counts() == {"web": wanted, "serial": wanted, "command": wanted}
    skins.box.kill()
    skins.box.restart()
    skins.console.await_listening()
    skins.log_in()
    assert skins.counts() == {"web": wanted, "serial": wanted, "command": wanted}


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_peer_that_dies_or_comes_back_shows_in_every_skin_soon(skins, comes_back):
    took = {}

    def watch(skin, is_up):
        process.wait_until(lambda: is_up() == comes_back, 10, f"{skin} to show it")
        took[skin] = time.monotonic() - began

    looks = skins.is_up()
    with contextlib.ExitStack() as stack:
        peer = dcmtk.Storescp(port=skins.peer_port)
        if not comes_back:
            stack.enter_context(peer)
        for skin, is_up in looks.items():
            process.wait_until(lambda is_up=is_up: is_up() != comes_back, 10, f"{skin} to know how it was")
        watchers = [threading.Thread(target=watch, args=each) for each in looks.items()]
        began = time.monotonic()
        if comes_back:
            stack.enter_context(peer)
        else:
            stack.close()
        for each in watchers:
            each.start()
        for each in watchers:
            each.join()
    assert set(took) == set(looks) and max(took.values()) <= SOON_S, took
