"""Fixtures for every test: a running box, in a folder of its own."""

import gc
import tempfile
from pathlib import Path

import pytest

from edge.access import users
from tests.support.certificates import Authority
from tests.support import tally, warm
from tests.support.service import Service


# The files that take longest, those that do so most first: begun last, they would keep one processor waiting for the
# other at the end. What waits and what computes stand in turns.
LONGEST = """
    link/test_12_refusals native/test_jpeg_ls_foreign demo/test_day spool/test_index interop/test_service_status
    native/test_lossless_foreign link/test_10_kill browser/test_browser link/test_11_bad_link forward/test_dicom_target
    interop/test_orthanc_commitment pixels/test_limited service/test_serve pixels/test_samples link/test_blame
    native/test_lossless_hostile spool/test_compaction interop/test_data_sets_fuzz service/test_space
    micropython/test_subset hostile/test_19_access spool/test_compare interop/test_service_tls
    hostile/test_13_small_memory console/test_commands crash/test_folder interop/test_service_samples
""".split()


def pytest_configure():
    """Begin `edge` in the quick way, but where a test wants it otherwise."""
    warm.use()


def pytest_collection_modifyitems(items):
    """Let the longest files begin first, the others as they come; the order within a file stays."""
    place = {f"{name}.py": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get("/".join(item.path.parts[-2:]), len(place)))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection():
    """Collect the tests without looking for garbage, then and later: nothing of what is made meanwhile is any."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_runtest_logreport(report):
    """Put down that a test ran, for the table of `make torture`."""
    if report.when == "call" or report.failed:
        tally.ran(report.nodeid, not report.failed)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """An issuer of certificates, which tests let issue what they need and leave otherwise as it is."""
    return Authority(tmp_path_factory.mktemp("authority") / "ca", "Hospital CA", days=(-500, 20000))


@pytest.fixture
def memory_path():
    """A folder in memory, for thousands of commits or gigabytes where no power cut and no full disk is part of it."""
    with tempfile.TemporaryDirectory(prefix="edge-test-", dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def quick_passwords(monkeypatch):
    """Passwords are kept in the same way, at a small part of the cost."""
    monkeypatch.setattr(users, "_N", 1 << 8)


@pytest.fixture
def box(tmp_path):
    """A running box without destinations, killed after the test."""
    with Service(tmp_path / "box") as running:
        yield running
