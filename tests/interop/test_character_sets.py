"""Text in foreign files as pydicom and DCMTK decode it, and text of ours as they do."""

import subprocess
import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import RawDataElement

from edge.dicom import dump, part10, syntax, text, writer

FOLDER = Path(pydicom.__file__).parent / "data" / "charset_files"
FILES = sorted(FOLDER.glob("*.dcm"))
TEXT_VRS = ("LO", "LT", "PN", "SH", "ST", "UC", "UT")

# Charsets, a person name in them; two judges, but for the sets that one of them does not know
NAMES = (
    (("ISO_IR 100",), "M\u00fcller^Jos\u00e9"),
    (("ISO_IR 101",), "Wa\u0142\u0119sa^Lech"),
    (("ISO_IR 109",), "\u0126al\u0121"),
    (("ISO_IR 110",), "B\u0113rzi\u0146\u0161"),
    (("ISO_IR 144",), "\u041b\u044e\u043a\u0441\u0435\u043c\u0431\u0443\u0440\u0433"),
    (("ISO_IR 127",), "\u0642\u0628\u0627\u0646\u064a^\u0644\u0646\u0632\u0627\u0631"),
    (("ISO_IR 126",), "\u0394\u03b9\u03bf\u03bd\u03c5\u03c3\u03b9\u03bf\u03c2"),
    (("ISO_IR 138",), "\u05e9\u05e8\u05d5\u05df^\u05d3\u05d1\u05d5\u05e8\u05d4"),
    (("ISO_IR 148",), "\u00c7a\u011flar"),
    (("ISO_IR 166",), "\u0e2a\u0e21\u0e0a\u0e32\u0e22"),
    (("ISO_IR 13",), "\uff94\uff8f\uff80\uff9e^\uff80\uff9b\uff73"),
    (("ISO_IR 192",), "Wang^XiaoDong=\u738b^\u5c0f\u6771"),
    (("GB18030",), "Wang^XiaoDong=\u738b^\u5c0f\u4e1c"),
    (("GBK",), "Wang^XiaoDong=\u738b^\u5c0f\u4e1c"),
    (("", "ISO 2022 IR 87"), "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce=\u3084\u307e\u3060^\u305f\u308d\u3046"),
    (("ISO 2022 IR 13", "ISO 2022 IR 87"), "\uff94\uff8f\uff80\uff9e^\uff80\uff9b\uff73=\u5c71\u7530^\u592a\u90ce"),
    (("", "ISO 2022 IR 149"), "Hong^Gildong=\u6d2a^\u5409\u6d1e=\ud64d^\uae38\ub3d9"),
    (("", "ISO 2022 IR 58"), "Zhang^XiaoDong=\u5f20^\u5c0f\u4e1c"),
    (("ISO 2022 IR 100", "ISO 2022 IR 144"), "Buc^J\u00e9r=\u041b\u044e\u043a"),
)


def texts(ds, charsets=()):
    """Yield (charsets, VR, octets, what pydicom makes of them) of every text in a pydicom data set."""
    own = ds.get("SpecificCharacterSet")
    if own is not None:
        charsets = (own,) if isinstance(own, str) else tuple(own)
    for tag in list(ds.keys()):
        raw = ds.get_item(tag)
        element = ds[tag]
        if element.VR == "SQ":
            for item in element.value:
                yield from texts(item, charsets)
        elif element.VR in TEXT_VRS and isinstance(raw, RawDataElement) and raw.value:
            value = element.value
            joined = str(value) if isinstance(value, (str, pydicom.valuerep.PersonName)) else "\\".join(map(str, value))
            yield charsets, element.VR, raw.value, joined


def plain(shown, vr):
    """Return text without what pydicom leaves out of it: padding, and empty groups at the end of a name."""
    shown = shown.rstrip("\0 ")
    return shown.rstrip("=") if vr == "PN" else shown


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_text_is_what_pydicom_makes_of_it(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(path)
        found = list(texts(ds))
    assert found
    for charsets, vr, octets, theirs in found:
        assert plain(text.decode(octets, charsets, vr == "PN"), vr) == plain(theirs, vr)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_dump_shows_the_name_in_its_own_letters(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        name = plain(str(pydicom.dcmread(path).get("PatientName", "")), "PN")
    shown = [line for line in dump.lines([path.read_bytes()]) if line.startswith("(0010,0010)")]
    assert not name or name in shown[0]


def written(charsets, name):
    content = [(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7"), (0x00080018, "UI", "1.2.3"), (0x00100010, "PN", name)]
    content.append((0x00080005, "CS", list(charsets)))
    explicit = syntax.lookup(syntax.EXPLICIT_LITTLE)
    head = part10.head("1.2.840.10008.5.1.4.1.1.7", "1.2.3", explicit.uid)
    return head + writer.data_set(content, explicit, charsets)


@pytest.mark.parametrize("charsets, name", NAMES, ids=["+".join(charsets) or "none" for charsets, _ in NAMES])
def test_a_name_of_ours_is_what_dcmtk_and_pydicom_read(charsets, name, tmp_path):
    path = tmp_path / "name.dcm"
    path.write_bytes(written(charsets, name))
    if "ISO 2022 IR 58" not in charsets:  # pydicom leaves its escape sequences in the text
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert str(pydicom.dcmread(path).PatientName) == name
    if "ISO 2022 IR 87" in charsets:  # the C library's conversion, which DCMTK uses, does not have it
        return
    done = subprocess.run(["/usr/bin/dcmdump", "+U8", "+P", "0010,0010", path], capture_output=True, timeout=60)
    assert done.returncode == 0 and f"[{name}]" in done.stdout.decode(), done.stdout.decode() + done.stderr.decode()
