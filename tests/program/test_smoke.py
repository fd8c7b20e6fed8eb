"""The program does what it is for, end to end; image-build/program/smoke asks the same of a packaged one."""

import subprocess

import pydicom.data
import pytest

from edge import VERSION
from tests.support import process
from tests.support.console import Console
from tests.support.dcmtk import ECHOSCU, STORESCU, Storescp, send
from tests.support.service import EDGE, destination, route

CT = pydicom.data.get_testdata_file("CT_small.dcm")


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A box with a console and an archive behind it; the folder of what the archive was sent."""
    folder = tmp_path_factory.mktemp("smoke")
    with Storescp(folder / "archive") as archive:
        ways = {"destinations": [destination("archive", archive.port)], "routes": [route("archive")]}
        with Console(folder / "box", **ways) as console:
            yield console, folder / "archive"


def test_the_program_says_its_version():
    said = subprocess.run([EDGE, "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"edge {VERSION}\n"


def test_all_codecs_are_there_and_their_process_starts():
    said = subprocess.run([EDGE, "codecs"], capture_output=True, text=True, check=True).stdout
    for words in ("jpeg-ls ", "OpenJPEG 2.", "OpenJPH 0.", "libjpeg-turbo"):
        assert words in said


def test_it_answers_an_echo(day):
    subprocess.run([ECHOSCU, "-aec", "EDGE", "127.0.0.1", str(day[0].box.port)], check=True, timeout=30)


def test_what_it_is_sent_it_forwards_and_says_so(day):
    console, archive = day
    send(STORESCU, console.box.port, [CT])
    process.wait_until(lambda: [row["state"] for row in console.box.queue()] == ["delivered"], 30, "the delivery")
    (arrived,) = archive.iterdir()
    assert pydicom.dcmread(arrived).PixelData == pydicom.dcmread(CT).PixelData
    assert "running, state in" in console.box.edge("status").stdout


def test_its_console_is_claimed_over_tls_and_shows_the_object(day):
    console, _ = day
    console.claim()
    answer = console.get("/")
    assert answer.status == 200
    assert console.get("/static/style.css").status == 200


def test_told_to_stop_it_ends_with_0(day):
    assert day[0].box.stop() == 0
    assert "Traceback" not in day[0].box.log()
