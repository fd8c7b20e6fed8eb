"""A spool whose time passes when a test says so."""

import pytest

from edge.spool.spool import Spool
from tests.spool.data import SMALL, Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def timed(tmp_path, clock):
    made = Spool.open(str(tmp_path / "state"), SMALL, clock)
    yield made
    made.close()
