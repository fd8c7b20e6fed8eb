"""A volume opened from file:// in Chromium: the viewer's pixels held against pydicom's, and all that a hand can do.

Set EDGE_SCREENSHOTS to a folder to have pictures written there.
"""

import base64
import re
from types import SimpleNamespace

import imagecodecs
import numpy
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, apply_windowing

from edge.demo import phantom
from edge.media import pages, sight, viewer
from edge.pixels import binding, limited
from tests.media import volumes
from tests.support import browser

LIMIT_S = 120
SLICES, FRAMES = 12, 8
PALETTE = "OT-PAL-8-face.dcm"
# pydicom's own files, each with what is special about it; those that are shown come first
SAMPLES = (
    "CT_small.dcm",  # signed, with a slope
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_bigendian.dcm",
    "emri_small_jpeg_2k_lossless.dcm",  # ten frames, enhanced
    PALETTE,
    "SC_ybr_full_422_uncompressed.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",  # baseline, YBR
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_small_odd.dcm",
    "rtdose.dcm",  # 32 bits, frames
    "image_dfl.dcm",  # deflated
    "vlut_04.dcm",  # a VOI LUT
    "mlut_18.dcm",  # a Modality LUT
    "liver_1frame.dcm",  # one bit a pixel
)
UNSHOWN = ("test-SR.dcm", "MR_truncated.dcm")
HOSTILE = '"><img src=x onerror=alert(1)></script><script>alert(2)</script>^\u5c71\u7530'
ARABIC = "\u0642\u0628\u0627\u0646\u064a^\u0644\u0646\u0632\u0627\u0631"
pytestmark = [
    pytest.mark.skipif(not binding.available()[0], reason="the C extension is not built"),
    pytest.mark.skipif(not all(there for there, _ in limited.available().values()), reason="a library is missing"),
]


def inverted(folder):
    """A CT of pydicom's that says that its low values are bright."""
    path = folder / "inverted.dcm"
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    dataset.PhotometricInterpretation = "MONOCHROME1"
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = 100, 700, "SIGMOID"
    dataset.save_as(path)
    return path


def named(folder, name, patient_id):
    """A small MR of somebody whose name is not harmless."""
    path = folder / (patient_id + ".dcm")
    dataset = pydicom.dcmread(get_testdata_file("MR_small.dcm"))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName, dataset.PatientID = name, patient_id
    dataset.StudyDescription = dataset.SeriesDescription = name
    dataset.save_as(path)
    return path


def material(folder):
    """[(path, patient, study, series)] of what lies on the volume: each series has its number in the order."""
    ct, us = phantom.study("CT", seed=5), phantom.study("US", seed=6)
    made = [(phantom.save(phantom.ct(ct, number, SLICES, size=256), folder), "ct") for number in range(1, SLICES + 1)]
    made.append((phantom.save(phantom.us(us, frames=FRAMES), folder), "us"))
    made.append((phantom.save(phantom.cr(phantom.study("CR", seed=7), size=256), folder), "cr"))
    made += [(get_testdata_file(name), name) for name in SAMPLES]
    made.append((inverted(folder), "inverted"))
    made.append((named(folder, HOSTILE, "EVIL"), "hostile"))
    made.append((named(folder, ARABIC, "ARABIC"), "arabic"))
    made += [(get_testdata_file(name), name) for name in UNSHOWN]
    return made


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    """A volume in a folder: its path, and what lies in its series."""
    source, folder = tmp_path_factory.mktemp("objects"), tmp_path_factory.mktemp("volume")
    made = material(source)
    instances = [sight.Instance(str(path), each, each, each) for path, each in made]
    staging = tmp_path_factory.mktemp("staging")
    about = pages.About("Klinik <S\u00fcd>")
    volumes.place(volumes.end(viewer.make(instances, len(instances), str(staging))), folder)
    volumes.place(volumes.end(pages.make(instances, len(instances), str(staging), about, 2)), folder)
    keys = list(dict.fromkeys(each for _, each in made))
    files = {key: [path for path, each in made if each == key] for key in keys}
    return SimpleNamespace(folder=folder, keys=keys, files=files)


@pytest.fixture(scope="module")
def seen(volume):
    """What the browser saw on its whole way."""
    task = {
        "folder": str(volume.folder),
        "film": volume.keys.index("us"),
        "lengths": {
            "ct": {"series": volume.keys.index("ct"), "from": {"x": 40, "y": 60}, "to": {"x": 140, "y": 60}},
            "us": {"series": volume.keys.index("us"), "from": {"x": 100, "y": 50}, "to": {"x": 100, "y": 150}},
            "cr": {"series": volume.keys.index("cr"), "from": {"x": 50, "y": 50}, "to": {"x": 150, "y": 50}},
            "none": {"series": volume.keys.index(PALETTE), "from": {"x": 20, "y": 20}, "to": {"x": 320, "y": 420}},
        },
    }
    return browser.drive("look.js", task, LIMIT_S)


def step(seen, name):
    found = seen.steps[name]
    assert not (isinstance(found, dict) and "failed" in found), found
    return found


def test_nothing_is_asked_for_but_the_files_of_the_volume_and_nothing_is_complained_of(seen):
    assert not seen.elsewhere and not seen.complaints


def test_the_viewer_opens_with_its_studies_and_says_what_it_is_not_for(seen):
    found = step(seen, "open")
    assert "CT head" in found["tree"] and "Carotid, colour Doppler" in found["tree"]
    assert found["warnings"] >= 2 and not found["faults"]
    assert "W 90  L 40" in found["corners"][3] and "Image 1 of 12" in found["corners"][2]


def test_names_are_text_whatever_stands_in_them(seen):
    found = step(seen, "open")
    assert HOSTILE.partition("^")[0] in found["tree"] and "\u5c71\u7530" in found["tree"]
    assert [ARABIC.replace("^", " "), "rtl"] in found["direction"]


def expected(dataset, frame):
    """What pydicom measures in a frame, or its colours."""
    array = dataset.pixel_array[frame - 1] if int(dataset.get("NumberOfFrames", 1)) > 1 else dataset.pixel_array
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        coloured = apply_color_lut(array, dataset)
        return coloured >> 8 if coloured.dtype == numpy.uint16 and coloured.max() > 255 else coloured
    if dataset.SamplesPerPixel == 3:
        return array
    return apply_modality_lut(array, dataset)


def array_of(text, kind, *shape):
    return numpy.frombuffer(base64.b64decode(text), kind).reshape(shape)


def by_key(seen, volume, name):
    number = volume.keys.index(name) + 1
    return [each for each in step(seen, "values") if each["key"] == f"S{number:06d}"]


def dataset_of(volume, name, one):
    files = volume.files[name]
    dataset = pydicom.dcmread(files[one["at"]] if len(files) > 1 else files[0], force=True)
    dataset.file_meta.setdefault("TransferSyntaxUID", pydicom.uid.ImplicitVRLittleEndian)
    return dataset


@pytest.mark.parametrize("name", ["ct", "us", "cr", *SAMPLES, "inverted"])
def test_pixels_measure_what_pydicom_says(seen, volume, name):
    found = by_key(seen, volume, name)
    assert found
    for one in found:
        dataset = dataset_of(volume, name, one)
        theirs = expected(dataset, one["frame"])
        if one.get("isColour"):
            ours = array_of(one["values"], numpy.uint8, one["rows"], one["columns"], 3)
            is_ybr = dataset.PhotometricInterpretation.startswith("YBR")
            assert numpy.abs(ours.astype(int) - theirs.astype(int)).max() <= (2 if is_ybr else 0)
            shown = array_of(one["shades"], numpy.uint8, one["rows"], one["columns"], 4)
            assert numpy.array_equal(shown[:, :, :3], ours)
        else:
            assert "values" in one, one
            ours = array_of(one["values"], "<f8", one["rows"], one["columns"])
            assert numpy.array_equal(ours, theirs.astype(float))


@pytest.mark.parametrize("name", ["ct", "CT_small.dcm", "vlut_04.dcm", "inverted", "MR_small_RLE.dcm"])
def test_shades_are_those_that_pydicom_comes_to(seen, volume, name):
    for one in by_key(seen, volume, name):
        dataset = dataset_of(volume, name, one)
        measured = expected(dataset, one["frame"])
        if one["used"]["function"] == "LUT":
            top = (1 << int(dataset.VOILUTSequence[0].LUTDescriptor[2])) - 1
            shades = apply_voi_lut(measured, dataset) * 255.0 / top
        else:
            dataset.WindowCenter, dataset.WindowWidth = one["used"]["center"], one["used"]["width"]
            dataset.VOILUTFunction = one["used"]["function"]
            low, high = apply_windowing(numpy.array([-1e9, 1e9]), dataset)
            shades = (apply_windowing(measured, dataset) - low) * 255.0 / (high - low)
        if dataset.PhotometricInterpretation == "MONOCHROME1":
            shades = 255 - shades
        ours = array_of(one["shades"], numpy.uint8, one["rows"], one["columns"], 4)
        assert numpy.abs(ours[:, :, 0] - shades).max() <= 0.51
        assert (ours[:, :, 0] == ours[:, :, 2]).all() and (ours[:, :, 3] == 255).all()


def test_the_screen_shows_those_shades(seen, volume):
    found = step(seen, "screen")
    ours = imagecodecs.png_decode(base64.b64decode(found["png"]))[:, :, 0]
    one = by_key(seen, volume, "ct")[0]
    theirs = array_of(one["shades"], numpy.uint8, one["rows"], one["columns"], 4)[:, :, 0]
    assert numpy.array_equal(ours, theirs)


def test_what_cannot_be_shown_is_listed_with_the_reason(seen, volume):
    assert "Comprehensive SR Storage: not shown" in by_key(seen, volume, "test-SR.dcm")[0]["said"]
    assert "ends within" in by_key(seen, volume, "MR_truncated.dcm")[0]["said"]


def test_wheel_keys_and_drag_go_through_the_stack(seen):
    found = step(seen, "stack")
    assert found["end"]["at"] == SLICES - 1 and found["said"] == f"Image {SLICES} of {SLICES}"
    assert found["dragged"]["at"] > 2


def test_frames_are_dropped_when_there_is_no_more_room(seen):
    assert step(seen, "stack")["holding"]["octets"] <= (1 << 20) + 2 * 256 * 256


def test_the_window_is_dragged_chosen_and_typed(seen):
    found = step(seen, "window")
    before = found["before"]
    assert (before["center"], before["width"]) == (40, 90)
    assert found["dragged"]["width"] > 90 and found["dragged"]["center"] > 40
    assert (found["lung"]["center"], found["lung"]["width"]) == (-600, 1500) and "W 1500  L -600" in found["shown"]
    assert found["wider"]["width"] > 1500 and found["reset"] == before


def test_the_picture_grows_moves_and_is_fitted_again(seen):
    found = step(seen, "zoom")
    assert found["larger"] == pytest.approx(1.25 * found["before"])
    assert found["moved"] == pytest.approx([50, 20], abs=0.01) and found["fitted"] == found["before"]


def length(words):
    return float(re.search(r"([0-9.]+) ", words.partition("Length ")[2]).group(1))


def test_lengths_are_in_millimetres_of_the_patient_or_of_the_detector_or_in_pixels(seen, volume):
    found = step(seen, "measure")
    assert length(found["ct"]) == pytest.approx(100 * 240 / 256, abs=0.5) and found["ct"].endswith(" mm")
    assert length(found["us"]) == pytest.approx(100 * 40 / 230, abs=0.3) and found["us"].endswith(" mm")
    assert length(found["cr"]) == pytest.approx(100 * 0.34, abs=0.3) and found["cr"].endswith("mm, at the detector")
    assert length(found["none"]) == pytest.approx(500, abs=1) and "pixels" in found["none"]
    assert length(found["keys"]) == pytest.approx(20 * 240 / 256, abs=0.06) and found["left"] == 0


def test_a_film_plays_at_its_own_rate(seen):
    found = step(seen, "film")
    assert found == {"rate": "20", "stopped": False}


def test_series_lie_side_by_side_and_scroll_together(seen):
    found = step(seen, "beside")
    assert len(set(found["keys"])) == 4 and not found["faults"]


def test_two_fingers_make_it_larger(seen):
    assert step(seen, "touch")["grown"] == pytest.approx(2, abs=0.01)


def test_everything_is_reached_with_the_tab_key(seen):
    found = step(seen, "keyboard")
    assert found["reached"] >= found["expected"]


def test_it_works_on_a_phone(seen):
    found = step(seen, "phone")
    assert found["overflow"] <= 0 and not found["faults"] and found["tree"] is False


def test_pages_are_read_without_a_script_of_their_own(seen):
    found = step(seen, "pages")
    assert len(found) >= 20 and "Klinik <S\u00fcd>" in found["INDEX.HTM"]["said"]
    assert HOSTILE.partition("^")[0] in found["INDEX.HTM"]["said"]
    assert ARABIC.replace("^", " ") in found["INDEX.HTM"]["direction"]
    for one in found.values():
        assert not one["broken"] and not one.get("faults") and one.get("overflow", 0) <= 0
    assert sum(one["images"] for one in found.values()) >= 20


def test_the_viewer_is_small():
    assert sum(each.size for each in viewer.static_leaves()) < 200_000
