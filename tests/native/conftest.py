"""What the tests of this room need is compiled at once where many of them run."""

import pytest

from tests.native import built


@pytest.fixture(scope="session", autouse=True)
def compiled(request):
    """Every build, in the time that they take on all processors together; a few tests alone ask for what they need."""
    if sum("native" in item.path.parts for item in request.session.items) > 200:
        built.prepare_all()
