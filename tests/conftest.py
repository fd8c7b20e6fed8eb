"""Fixtures for every test: a running box, in a folder of its own."""

import pytest

from tests.support.service import Service


@pytest.fixture
def box(tmp_path):
    """A running box without destinations, killed after the test."""
    with Service(tmp_path / "box") as running:
        yield running
