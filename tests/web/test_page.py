"""The frame of every page, and what pages are put together from."""

from collections import namedtuple

from edge.verbs.verb import Asker
from edge.web import page
from edge.web.markup import el
from tests.web.test_markup import Seen

Request = namedtuple("Request", "path args form who csrf refused", defaults=({}, {}, None, "", None))
WHO = Asker("<ana>", "operator", "web", "127.0.0.1")
QUEUE = page.Page("/queue", "Queue", "viewer", None, page.WORK)
HOME = page.Page("/", "Home", "viewer", None, page.BOX)


def framed(request, **more):
    return Seen(page.frame(request, "Queue", el("p", "what waits"), (HOME, QUEUE), **more))


def test_a_page_names_itself_and_where_it_stands_in_the_menu():
    seen = framed(Request("/queue", who=WHO, csrf="t0ken"))
    assert ("html", {"lang": "en"}) in seen.elements
    here = [attributes["href"] for name, attributes in seen.elements if "aria-current" in attributes and name == "a"]
    assert here == ["/queue"]
    assert "Queue – edge" in seen.text and "<ana>" in seen.text


def test_before_login_a_page_has_no_menu():
    assert not [name for name, _ in framed(Request("/login")).elements if name == "nav"]


def test_a_press_in_a_live_part_is_posted_with_the_token_of_whoever_looks():
    request = Request("/queue", who=WHO, csrf="t0ken")
    form = Seen(page.presses(request, "/queue/release")[0]).elements
    button = Seen(page.press("Release", "/queue/release", object=7, destination="a & b")).elements[0][1]
    assert form[0][1]["id"] == button["form"]
    assert form[1][1] == {"type": "hidden", "name": "csrf", "value": "t0ken"}
    posted = {"csrf": "t0ken", button["name"]: button["value"]}
    assert page.given(posted) == {"csrf": "t0ken", "object": "7", "destination": "a & b"}


def test_what_is_wrong_with_a_field_is_told_to_a_screen_reader():
    seen = dict((name, attributes) for name, attributes in Seen(page.field("Port", "port", wrong="no")).elements)
    assert seen["input"]["aria-invalid"] == "true"
    assert seen["label"]["for"] == seen["input"]["id"]


def test_a_file_that_changed_is_asked_for_anew():
    path, _, tag = page.static("style.css").partition("?")
    assert path == "/static/style.css" and len(tag) == 8
