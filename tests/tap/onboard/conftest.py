import pytest

from tests.tap.onboard import rig


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """(folder of the program as it goes onto a board, what the build said)."""
    return rig.build("pico2w", tmp_path_factory.mktemp("program"))


@pytest.fixture(scope="session")
def program(built):
    return built[0]
