"""What the checks of an image share: a booted, claimed box for each board, an archive here, and the figures at the end."""

import shutil
from collections import namedtuple

import pytest

from checks.box import claimed, configuration
from checks.guest import Guest, image_of, image_with_arguments
from tests.support.dcmtk import Storescp

_FIGURES = []

# guest: Guest; site: checks.box.Site, logged in; archive: folder of what the box forwarded; first_ready_s: float
Box = namedtuple("Box", "guest site archive first_ready_s")


@pytest.fixture(scope="module")
def box(request, tmp_path_factory):
    """A box on the board that the module names: booted for the first time, claimed, forwarding to a storescp here.

    The module may ask for more: ARGUMENTS for the kernel, and that the disk's writes are written down (LOG_WRITES).
    """
    board = request.module.BOARD
    folder = tmp_path_factory.mktemp(board)
    image, words = image_of(board), getattr(request.module, "ARGUMENTS", "")
    if words:
        image_with_arguments(image, folder / "image.img", words)
        image = folder / "image.img"
    options = {"image": image, "disk_gib": 1, "log_writes": getattr(request.module, "LOG_WRITES", False)}
    with Storescp(folder / "archive") as archive, Guest(board, folder / "guest", **options) as guest:
        ready_s = guest.await_ready()
        site = claimed(guest)
        site.configure(configuration(guest, archive.port))
        yield Box(guest, site, folder / "archive", ready_s)
    shutil.rmtree(folder)


@pytest.fixture
def figure(record_property):
    """Note a figure, which is printed at the end: figure("boot to ready", 20.1, "s")."""

    def note(what, value, unit):
        record_property("figure", f"{what:<64} {value:8.1f} {unit}")

    return note


def pytest_runtest_logreport(report):
    """Carry figures from where tests run to where they are printed: they travel as a property of the report."""
    _FIGURES.extend(value for name, value in report.user_properties if name == "figure" and report.when == "call")


def pytest_terminal_summary(terminalreporter):
    """Print the figures."""
    for line in sorted(set(_FIGURES)):
        terminalreporter.write_line(line)
