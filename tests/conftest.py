"""Fixtures for every test: a running box, in a folder of its own."""

import pytest

from tests.support.certificates import Authority
from tests.support.service import Service


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """An issuer of certificates, which tests let issue what they need and leave otherwise as it is."""
    return Authority(tmp_path_factory.mktemp("authority") / "ca", "Hospital CA", days=(-500, 20000))


@pytest.fixture
def box(tmp_path):
    """A running box without destinations, killed after the test."""
    with Service(tmp_path / "box") as running:
        yield running
