"""The registry says what each codec can do, and in words why one cannot."""

import numpy
import pytest

from edge.dicom import syntax
from edge.dicom.errors import LocalError
from edge.forward import offer
from edge.pixels import binding, registry
from tests.pixels import objects


def test_names_and_uids_are_each_there_once_and_known_to_the_table_of_syntaxes():
    names, uids = [each.name for each in registry.CODECS], [each.uid for each in registry.CODECS]
    assert len(set(names)) == len(set(uids)) == len(names)
    assert set(uids) <= set(syntax.table())


def test_the_table_of_syntaxes_and_the_registry_name_the_same_codecs():
    coded = {each.uid for each in registry.CODECS if each.engine != registry.NATIVE}
    assert coded == {known.uid for known in syntax.table().values() if known.codec is not None}


def test_every_codec_has_a_state_that_says_who_does_it_or_why_nobody():
    for name, state in registry.states().items():
        assert state.library
        assert state.decodes or state.reason


@pytest.fixture
def without_extension(monkeypatch):
    monkeypatch.setattr(binding, "lib", None)
    monkeypatch.setattr(binding, "MISSING", "the C extension was not built (no compiler): install gcc")
    offer.ways.cache_clear()
    yield
    offer.ways.cache_clear()


def test_without_the_extension_the_reason_is_said_and_native_objects_still_go(without_extension):
    octets = objects.octets_of(objects.dataset(numpy.zeros((4, 4), "u1")))
    with pytest.raises(LocalError, match="install gcc"):
        objects.turned(octets, "jpeg-ls")
    assert objects.turned(octets, "implicit")
    assert "install gcc" in registry.states()["rle"].reason
    assert registry.states()["explicit"].encodes


def test_without_the_extension_compressed_objects_are_offered_as_they_are(without_extension):
    jpeg_ls = "1.2.840.10008.1.2.4.80"
    assert offer.ways(jpeg_ls) == (jpeg_ls,)
    assert offer.ways(syntax.EXPLICIT_LITTLE, jpeg_ls) == (syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE)


def test_video_is_known_by_its_syntax():
    assert registry.is_video("1.2.840.10008.1.2.4.102.1") and registry.is_video("1.2.840.10008.1.2.7.1")
    assert not registry.is_video("1.2.840.10008.1.2.4.110")
    films = [known.uid for known in syntax.table().values() if "MPEG" in known.name or "HEVC" in known.name]
    assert films and all([registry.is_video(uid) for uid in films])
