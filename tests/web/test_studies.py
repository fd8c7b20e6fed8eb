"""The pages of studies, of one study and of one image, as they are rendered from a real spool."""

from collections import namedtuple
from urllib.parse import parse_qs, urlsplit

import pytest

from edge.box import load
from edge.verbs import table
from edge.verbs.box import Box
from edge.verbs.verb import OPERATOR, Asker, Refused
from edge.web import studies, viewer
from tests.spool.data import data_set, deliver, open_spool, receive
from tests.verbs.test_studies import image
from tests.web.test_markup import Seen

Request = namedtuple("Request", "path args form who csrf refused", defaults=({}, {}, None, "t0ken", None))
ANA = Asker("ana", OPERATOR, "web", "127.0.0.1")
KNOWN = '[[destination]]\nname = "PACS"\nae_title = "X"\nhost = "192.0.2.1"\n'


@pytest.fixture
def box(tmp_path):
    spool = open_spool(tmp_path / "state")
    yield Box(load.parse(KNOWN, str(tmp_path / "edge.toml")).config, spool, None)
    spool.close()


def seen(box, render, **args):
    """What a page shows to ana."""

    def ask(verb, **arguments):
        rows, answer = [], table.ask(box, verb, arguments, ANA)
        while True:
            try:
                rows.append(next(answer))
            except StopIteration as end:
                return rows, end.value

    return Seen(render(ask, Request("/", args, who=ANA)))


def attributes(shown, name, key):
    return [each[key] for element, each in shown.elements if element == name and key in each]


def test_a_study_is_listed_with_who_it_is_of_and_where_it_went(box):
    receive(box.spool, "1.2.3", image("1.2.3"))
    deliver(box.spool)
    shown = seen(box, studies.listed)
    assert "Doe, Jane" in shown.text and "2026-01-02" in shown.text and "delivered 1" in shown.text
    assert "/study?key=1" in attributes(shown, "a", "href")
    assert "Nothing that is kept is like that." in seen(box, studies.listed, text="nobody").text


def test_a_name_from_a_device_is_text_and_never_markup(box):
    receive(box.spool, "1.2.3", data_set("1.2.3", name="<script>alert(1)</script>"))
    for render, args in ((studies.listed, {}), (studies.shown, {"key": "1"}), (viewer.render, {"object": "1"})):
        assert not [name for name, _ in seen(box, render, **args).elements if name == "script"]


def test_older_studies_are_asked_for_with_the_same_search(box):
    for number in range(52):
        receive(box.spool, "1.2.%d" % number, data_set("1.2.%d" % number, study="1.9.%d" % number))
    (older,) = [href for href in attributes(seen(box, studies.listed, text="doe"), "a", "href") if "after" in href]
    args = {name: value[0] for name, value in parse_qs(urlsplit(older).query).items()}
    assert args["text"] == "doe"
    assert len([href for href in attributes(seen(box, studies.listed, **args), "a", "href") if "key" in href]) == 2


def test_the_images_of_a_study_are_loaded_when_they_are_seen_and_its_files_can_be_taken(box):
    receive(box.spool, "1.2.3", image("1.2.3"))
    shown = seen(box, studies.shown, key="1")
    assert [each["loading"] for name, each in shown.elements if name == "img"] == ["lazy"]
    assert attributes(shown, "img", "src") == ["/api/v1/picture?object=1&size=96"]
    downloads = [(each["href"], each["download"]) for name, each in shown.elements if "download" in each]
    assert downloads[0] == ("/api/v1/download?study_key=1", "study-1.zip")
    assert "Not for diagnosis." in shown.text


def test_an_image_is_shown_with_its_window_in_fields_and_links_that_need_no_script(box):
    receive(box.spool, "1.2.3", image("1.2.3"))
    shown = seen(box, viewer.render, object="1")
    assert "Not for diagnosis." in shown.text and "center 8, width 16" in shown.text
    fields = {each["name"]: each.get("value") for name, each in shown.elements if name == "input" and "name" in each}
    assert (fields["object"], fields["center"], fields["width"]) == ("1", "8", "16")
    chosen = seen(box, viewer.render, object="1", center="40", width="80")
    (src,) = attributes(chosen, "img", "src")
    assert "center=40" in src and "width=80" in src


def test_of_what_is_no_image_the_page_says_so(box):
    octets = data_set("1.2.3")
    receive(box.spool, "1.2.3", octets[: octets.index(b"\xe0\x7f\x10\x00")])
    shown = seen(box, viewer.render, object="1")
    assert "there are no pixels in it" in shown.text and not attributes(shown, "img", "src")


def test_a_page_about_nothing_is_refused_in_words(box):
    for render in (studies.shown, viewer.render):
        with pytest.raises(Refused, match="choose one of"):
            seen(box, render)
