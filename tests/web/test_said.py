"""What the box says of itself, with ways to where something is done about it."""

import pytest

from edge.web import said
from tests.web.test_markup import Seen


def links(markup):
    return [attributes["href"] for name, attributes in Seen(markup).elements if name == "a"]


def test_a_command_becomes_a_link_to_the_page_that_does_the_same():
    words = "3 jobs are held: see why with `edge queue --destination archive --state held`"
    assert links(said.words(words)) == ["/queue?destination=archive&state=held"]
    assert "edge queue" not in said.words(words)


def test_anything_else_in_quotes_is_shown_as_it_is():
    assert said.words("set `tls_port` & start") == "set <code>tls_port</code> &amp; start"


@pytest.mark.parametrize(
    "key, path",
    [
        ("held for archive", "/queue?destination=archive&state=held"),
        ("held conflict", "/queue?state=held"),
        ("refused by archive", "/destinations"),
        ("space", "/storage"),
        ("read-only", "/storage"),
    ],
)
def test_a_trouble_has_a_page_where_it_is_mended(key, path):
    assert links(said.cure(key)) == [path]


def test_a_trouble_without_a_page_has_no_link():
    assert said.cure("journal") is None
