"""Every sample that pydicom ships and reads is changed, and de-identified, into what pydicom reads, or refused."""

import re
import subprocess

import pytest

from edge.dicom import part10
from edge.dicom.errors import DicomError
from edge.morph import identity
from edge.morph.profile import Profile
from edge.morph.pseudonym import Key
from edge.spool.inflate import inflater
from tests.morph.data import draft, rule, sent, stage
from tests.support import samples

SAMPLES = samples.readable()
NAMES = [each.path.name for each in SAMPLES]
SHORT = ("MR_truncated.dcm", "rtplan_truncated.dcm")
WHOLE = [each for each in SAMPLES if each.path.name not in SHORT]

RULES = (
    rule("PatientID", "set", "CHANGED", record=False),
    rule("**.CodeMeaning", "delete", record=False),
    rule('(0009,"EDGE",01)', "set", "X", record=False),
)
KEY = Key(b"a key of the tests, and of nobody")


def asked(sample):
    found = draft(sample.data_set, sample.transfer_syntax, size=100_000)
    return found._replace(sop_class=sample.sop_class, sop_instance=sample.sop_instance)


def read(tmp_path, prepared):
    path = tmp_path / "out.dcm"
    path.write_bytes(part10.head("1.2", "1.3", prepared.syntax) + sent(prepared))
    found = samples.read(path, force=False)
    for _ in found.iterall():
        pass
    return found


def without_meanings(data_set):
    for item in [data_set, *[item for each in data_set.iterall() if each.VR == "SQ" for item in each.value]]:
        if "CodeMeaning" in item:
            del item.CodeMeaning


@pytest.mark.parametrize("sample", [each for each in SAMPLES if each.path.name in SHORT], ids=SHORT)
def test_a_sample_that_is_cut_short_is_refused(sample):
    with pytest.raises(DicomError, match="the data set ends within"):
        sent(stage(*RULES).prepare(asked(sample)))


@pytest.mark.parametrize("sample", WHOLE, ids=[each.path.name for each in WHOLE])
def test_a_sample_keeps_all_but_what_is_changed(tmp_path, sample):
    prepared = stage(*RULES).prepare(asked(sample))
    found = read(tmp_path, prepared)
    assert found.PatientID == "CHANGED" and found.private_block(0x0009, "EDGE")[1].value in ("X", b"X ")
    before = samples.read(sample.path)
    without_meanings(before)
    for each in (before, found):
        if "PatientID" in each:
            del each.PatientID
    block = found.private_block(0x0009, "EDGE").block_start
    del found[0x00090000 | block | 1], found[0x00090000 | block >> 8]
    swapped = not before.original_encoding[1]
    assert samples.differences(before, found, big_endian=(swapped, False)) == []


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
@pytest.mark.parametrize("options", [(), ("shifted-dates", "clean-descriptors", "uids")], ids=["basic", "options"])
def test_a_sample_is_de_identified_or_refused(tmp_path, sample, options):
    try:
        prepared = identity.Identity(Profile(KEY, options, (), True), inflater).prepare(asked(sample))
        found = read(tmp_path, prepared)
    except DicomError:
        return
    before = samples.read(sample.path)
    assert found.PatientIdentityRemoved == "YES"
    names = {str(before.get(each, "")) for each in ("PatientName", "PatientID", "AccessionNumber")}
    if not options and not sample.sop_instance.startswith("1.2.840.10008."):  # palettes have UIDs of the standard
        names.add(sample.sop_instance)
    everything = {str(each.value) for each in found.iterall() if each.VR not in ("SQ", "OW", "OB")}
    assert not everything & {each for each in names if len(each) > 3}
    assert not [each.tag for each in found.iterall() if each.tag.is_private]
    if "PixelData" in before:
        assert len(found.PixelData) == len(before.PixelData)


JUDGED = ("CT_small.dcm", "rtstruct.dcm", "rtplan.dcm", "JPGLosslessP14SV1_1s_1f_8b.dcm", "emri_small.dcm")
OF_JUDGED = [each for each in SAMPLES if each.path.name in JUDGED]


@pytest.mark.parametrize("sample", OF_JUDGED, ids=[each.path.name for each in OF_JUDGED])
@pytest.mark.parametrize("options", [(), ("shifted-dates", "clean-descriptors", "device")], ids=["basic", "options"])
def test_dciodvfy_finds_nothing_more_in_a_de_identified_sample_than_in_it(tmp_path, sample, options):
    prepared = identity.Identity(Profile(KEY, options, (), True), inflater).prepare(asked(sample))

    def complaints(octets, name):
        (tmp_path / name).write_bytes(octets)
        said = subprocess.run(["dciodvfy", "-new", tmp_path / name], capture_output=True, text=True, timeout=60)
        return {re.split("= ?<", line)[0] for line in said.stderr.splitlines() if line.startswith("Error")}

    before = complaints(samples.part_10(sample), "before.dcm")
    head = part10.head(sample.sop_class, prepared.sop_instance, prepared.syntax)
    assert complaints(head + sent(prepared), "after.dcm") <= before
