"""Label and cover sheet: read back as text, as fonts and as a picture by poppler, the code by zbar."""

import re
import subprocess

import numpy
import pytest

from edge.media import drawing, label
from edge.media.errors import MediaError
from edge.media.label import Patient, Study, Volume

JAPANESE = Patient(
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "PID/0815",
    "1970-01-31",
    [Study("2026-11-20", "CT, SR", "頭部検査", 4, 812), Study("2026-11-21", "MR", "Kopf nativ", 2, 96)],
)
ARABIC = Patient("قباني^لنزار", "4711", "", [Study("2026-11-20", "US", "تخطيط صدى القلب", 1, 20)])
HOSTILE = Patient(
    "A" * 70 + "^" + "\x1b]0;\x00\u202e" + "B" * 64 + "\ud800\n\n<b>&amp;",
    "X" * 64,
    "1970-01-01",
    [Study("2026-11-20", "CT", "W" * 64 + " وصف طويل 長い説明" * 20, 3, 30)] * 15,
)
MM = 100 / 25.4  # pixels, at the 100 dpi that pictures are looked at here


def volume(*patients, **more):
    given = dict(identity="EDGE20261123A01", number=2, count=3, made="2026-11-23", institution="Klinik Überlingen")
    return Volume(**{**given, "has_pages": True, "is_protected": False, "patients": list(patients), **more})


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The paths of label and cover sheet of a patient, by name; each drawn once."""
    folder = tmp_path_factory.mktemp("labels")
    made = {}
    for name, patients in (("japanese", [JAPANESE]), ("arabic", [ARABIC]), ("hostile", [HOSTILE] * 4)):
        made[name] = folder / (name + "-label.pdf"), folder / (name + "-cover.pdf")
        assert label.write(volume(*patients), *map(str, made[name])) == []
    return made


def said(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True).stdout


def text(path):
    """The words of a PDF, without marks of direction."""
    return re.sub("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", said("pdftotext", "-layout", path, "-"))


def picture(path, page=1):
    """A page of a PDF in shades of grey, at 100 dpi."""
    command = ["pdftoppm", "-gray", "-r", "100", "-f", str(page), "-l", str(page), str(path)]
    made = subprocess.run(command, capture_output=True, check=True).stdout
    _, size, _, pixels = made.split(b"\n", 3)
    width, height = map(int, size.split())
    return numpy.frombuffer(pixels, numpy.uint8).reshape(height, width)


def shapes(dark):
    """How many connected shapes there are in a picture of truth values."""
    left = set(zip(*numpy.nonzero(dark)))
    count = 0
    while left:
        count += 1
        edge = [left.pop()]
        while edge:
            y, x = edge.pop()
            near = {(y + down, x + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
            left -= near
            edge += near
    return count


def test_the_label_has_patient_date_institution_contents_number_and_identity(drawn):
    words = text(drawn["japanese"][0])
    for wanted in (
        "山田 太郎", "Yamada, Tarou", "PID/0815", "1970-01-31", "Klinik Überlingen", "2026-11-23", "2 of 3",
        "EDGE20261123A01", "DICOM PLUS WEB", "頭部検査", "Kopf nativ", "CT, SR",
    ):  # fmt: skip
        assert wanted in words, wanted


def test_the_cover_sheet_has_all_forms_of_a_name_and_every_study(drawn):
    words = text(drawn["japanese"][1])
    for wanted in ("Volume 2 of 3", "山田 太郎", "Yamada, Tarou", "やまだ たろう", "4 series, 812 objects", "INDEX.HTM"):
        assert wanted in words, wanted


def test_arabic_comes_back_in_the_order_in_which_it_was_written(drawn):
    for path in drawn["arabic"]:
        words = text(path).replace(" ", "")
        assert "قبانيلنزار" in words and "تخطيطصدىالقلب" in words


def test_arabic_letters_are_joined_and_run_from_right_to_left(tmp_path):
    target = tmp_path / "label.pdf"
    label.write(volume(ARABIC._replace(name="سسسسس لللل", id="")), str(target))
    name = picture(target)[round(11 * MM) : round(18 * MM), round(30 * MM) : round(90 * MM)] < 160
    assert shapes(name) == 2, "two words of letters that join, and no dots"
    found = re.findall(r'xMin="([\d.]+)".*?>([^<]+)</word>', said("pdftotext", "-bbox", target, "-"))
    first, second = ([float(x) for x, word in found if letter in word] for letter in "سل")
    assert min(first) > max(second)


@pytest.mark.parametrize("name", ["japanese", "arabic", "hostile"])
def test_every_font_is_embedded(drawn, name):
    for path in drawn[name]:
        rows = said("pdffonts", path).splitlines()[2:]
        assert rows and all(re.search(r" yes yes yes +\d+ +0$", row) for row in rows)
    assert name != "japanese" or any("IPAexGothic" in row for row in rows)


@pytest.mark.parametrize("name", ["japanese", "arabic", "hostile"])
def test_nothing_lies_on_the_hub_or_beyond_the_disc(drawn, name):
    made = picture(drawn[name][0])
    assert abs(made.shape[0] - 120 * MM) < 2 and abs(made.shape[1] - 120 * MM) < 2
    down, right = numpy.indices(made.shape)
    far = numpy.hypot(down / MM - 60, right / MM - 60)
    assert (made[far < 22.5] == 255).all() and (made[far > 59.6] == 255).all()
    assert (made[(far > 23.5) & (far < 58.5)] < 100).any()


def test_the_code_is_read_from_the_picture_and_names_no_patient(drawn, tmp_path):
    for number, path in enumerate(drawn["japanese"]):
        said("pdftoppm", "-png", "-r", "150", "-f", 1, "-l", 1, path, tmp_path / str(number))
    found = [said("zbarimg", "-q", "--raw", "--nodbus", each).strip() for each in sorted(tmp_path.glob("*.png"))]
    assert found == ["EDGE-VOLUME EDGE20261123A01 2/3"] * 2


def test_hostile_names_are_cut_or_wrapped_and_change_nothing_else(drawn):
    words, cover = text(drawn["hostile"][0]), text(drawn["hostile"][1])
    assert "4 patients" in words and "2 of 3" in words and "60 studies" in words
    assert cover.count("A") >= 4 * 70 and cover.count("X") >= 4 * 64 and "X-" not in cover
    assert "<b>&amp;" in cover and not re.search("[\x00-\x08\x0e-\x1f\x7f]", cover)
    assert cover.count("page ") > 4 and cover.count("Volume 2 of 3") == 1


def test_a_protected_volume_says_so_and_does_not_say_how_to_open_it(tmp_path):
    label.write(volume(ARABIC, is_protected=True, has_pages=False), cover=str(tmp_path / "cover.pdf"))
    words = text(tmp_path / "cover.pdf")
    assert "password needed" in words and "INDEX.HTM" not in words


def test_characters_without_a_font_are_told_of(tmp_path, monkeypatch):
    fonts = tmp_path / "fonts.conf"
    fonts.write_text(
        f"<fontconfig><dir>/usr/share/fonts/truetype/dejavu</dir><cachedir>{tmp_path / 'cache'}</cachedir></fontconfig>"
    )
    monkeypatch.setenv("FONTCONFIG_FILE", str(fonts))
    assert label.write(volume(ARABIC), str(tmp_path / "arabic.pdf")) == []
    said_of_it = label.write(volume(JAPANESE), str(tmp_path / "japanese.pdf"))
    assert len(said_of_it) == 1 and "have no font here" in said_of_it[0] and "fonts-ipaexfont-gothic" in said_of_it[0]


def test_without_segno_there_is_a_label_without_a_code_and_words_about_it(tmp_path, monkeypatch):
    (tmp_path / "segno.py").write_text("raise ImportError")
    monkeypatch.syspath_prepend(str(tmp_path))
    said_of_it = label.write(volume(ARABIC), str(tmp_path / "label.pdf"))
    assert len(said_of_it) == 1 and "segno is not installed" in said_of_it[0]
    assert "2 of 3" in text(tmp_path / "label.pdf")


def test_without_pango_the_error_names_the_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "_LIBRARIES", ("libcairo-is-not-here.so",))
    drawing._loaded.cache_clear()
    try:
        with pytest.raises(MediaError, match="apt-get install libpangocairo-1.0-0 fonts-dejavu-core"):
            label._draw(volume(ARABIC), str(tmp_path / "label.pdf"), None)
    finally:
        drawing._loaded.cache_clear()


def test_a_place_that_cannot_be_written_to_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(MediaError, match="cannot be written"):
        label.write(volume(ARABIC), str(tmp_path / "label.pdf"), str(tmp_path / "missing" / "cover.pdf"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "label.pdf").touch()
    with pytest.raises(MediaError, match="is there already"):
        label.write(volume(ARABIC), str(tmp_path / "label.pdf"))
    assert (tmp_path / "label.pdf").exists()
