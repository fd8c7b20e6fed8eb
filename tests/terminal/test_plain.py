"""Text comes out as any terminal can show it, and fits."""

from hypothesis import given, strategies

from edge.terminal import shapes
from edge.terminal.plain import WIDTH, columns, cut, plain, wrapped
from edge.verbs.studies import STUDY


def test_names_are_written_in_letters_near_to_theirs():
    assert plain("Müller^Jürgen ß Łódź Çelik Ångström") == "Mueller^Juergen ss Lodz Celik Angstroem"


def test_what_has_no_letters_near_to_it_is_a_question_mark():
    assert plain("山田^太郎") == "??^??"


def test_control_characters_never_get_through():
    assert plain("a\x1b[31mb\x07\r\nc\x9bd") == "a?[31mb?  c?d"


@given(strategies.text(max_size=300), strategies.integers(1, 100))
def test_any_text_fits_in_ascii(text, width):
    assert len(cut(text, width)) <= width
    for line in [cut(text, width), *wrapped(text, max(width, 10), "  ")]:
        assert line.isascii() and line.isprintable() and len(line) <= max(width, 10)


@given(strategies.text("ab ", max_size=300))
def test_wrapping_loses_no_word(text):
    assert " ".join(wrapped(text, 20)).split() == [
        part for word in text.split() for part in [word[at : at + 20] for at in range(0, len(word), 20)]
    ] or "".join("".join(wrapped(text, 20)).split()) == "".join(text.split())


def test_a_row_of_columns_is_never_wider_than_a_page():
    assert len(columns((-4, 30, 30, 0), ("12345678", "x" * 40, "y" * 40, "z" * 40))) <= WIDTH
    assert columns((-4, 6, 0), ("7", "archive2", "up")) == "   7 archi~ up"


def test_a_list_of_studies_names_the_patient_cut_to_fit():
    row = {"study_key": 12, "study": "1.2.840.1", "patient_id": "4711", "patient_name": "Doe^Jane" + "x" * 60}
    laid = shapes.Columns(STUDY, [row])
    assert "patient name" in laid.head() and "Doe^Jane" in laid.line(row, 1) and len(laid.line(row, 1)) < 80
