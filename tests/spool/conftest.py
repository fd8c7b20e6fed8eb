"""A spool of its own for each test that wants one."""

import pytest

from tests.spool import data


@pytest.fixture
def clock():
    """The time, as the test sets it."""
    return data.Clock()


@pytest.fixture
def spool(tmp_path, clock):
    """An open spool in tmp_path/state, closed after the test unless the test has done it."""
    opened = data.open_spool(tmp_path / "state", clock)
    yield opened
    if opened._fds:
        opened.close()
