"""Nothing that a file, a device or a person brings along becomes an element of a page."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.web.markup import Markup, el, escape, join


class Seen(HTMLParser):
    """What a reader of HTML makes of a piece of it: elements with their attributes, and text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs"])))
def test_any_text_stays_text(text):
    seen = Seen(el("p", text, title=text))
    assert seen.elements == [("p", {"title": text})]
    assert seen.text == text


@pytest.mark.parametrize("one", "\0\a\x1b\x7f\x9b\u202e")
def test_a_character_that_controls_something_is_shown_as_none(one):
    assert escape("a%sb\n" % one) == "a\ufffdb\n"


def test_markup_is_not_escaped_twice():
    assert el("p", el("b", "a & b"), Markup("<br>")) == "<p><b>a &amp; b</b><br></p>"
    assert escape(escape("<")) == "&lt;"


def test_attributes_that_are_false_or_none_are_left_out():
    assert el("input", disabled=False, value=None, required=True, aria_label="x", class_="y") == (
        '<input required aria-label="x" class="y">'
    )


def test_children_may_be_lists_numbers_and_nothing():
    assert el("p", ["a", ["b", 1]], None, False, 0) == "<p>ab10</p>"
    assert join("a", None, "", ["b", "c"], between=", ") == "a, b, c"
