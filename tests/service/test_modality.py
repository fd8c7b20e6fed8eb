"""A device that needs it is met otherwise than the rest: shorter PDUs, other titles and syntaxes, a character set."""

import pydicom
import pydicom.data
import pytest
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage

from tests.support import service
from tests.support.dcmtk import Storescp
from tests.support.process import wait_until

CT = pydicom.data.get_testdata_file("CT_small.dcm")
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"

OLD = {
    "from": ["OLD*"],
    "called": ["*"],
    "max_pdu_bytes": 16000,
    "transfer_syntaxes": ["Implicit VR Little Endian"],
    "character_set": "ISO_IR 100",
}


def associate(port, calling, called="EDGE", syntaxes=(EXPLICIT, IMPLICIT)):
    ae = AE(ae_title=calling)
    ae.add_requested_context(CTImageStorage, list(syntaxes))
    return ae.associate("127.0.0.1", port, ae_title=called)


@pytest.fixture
def box(tmp_path):
    with Storescp(tmp_path / "there") as archive:
        destinations = [service.destination("archive", archive.port)]
        with service.Service(tmp_path, destinations, [service.route("archive")], modality=[OLD]) as running:
            yield running


def test_the_device_gets_its_pdu_length_its_syntax_and_may_call_what_it_likes(box):
    link = associate(box.port, "OLD1", "WHATEVER")
    assert link.is_established
    assert link.acceptor.maximum_length == 16000
    assert link.accepted_contexts[0].transfer_syntax == [IMPLICIT]
    link.release()
    link = associate(box.port, "OLD1", syntaxes=[EXPLICIT])
    assert not link.accepted_contexts


def test_every_other_device_is_met_as_before(box):
    assert not associate(box.port, "NEW1", "WHATEVER").is_established
    link = associate(box.port, "NEW1")
    assert link.acceptor.maximum_length == 131072
    assert link.accepted_contexts[0].transfer_syntax == [EXPLICIT]
    link.release()


def test_its_objects_go_out_with_the_character_set_and_are_stored_without(box, tmp_path):
    sent = pydicom.dcmread(CT)
    if "SpecificCharacterSet" in sent:
        del sent.SpecificCharacterSet
    for calling, name in (("OLD1", "1.2.3.1"), ("NEW1", "1.2.3.2")):
        sent.SOPInstanceUID = sent.file_meta.MediaStorageSOPInstanceUID = name
        link = associate(box.port, calling, syntaxes=[IMPLICIT] if calling == "OLD1" else [EXPLICIT])
        assert link.send_c_store(sent).Status == 0
        link.release()
    wait_until(lambda: len(list((tmp_path / "there").iterdir())) == 2, 30, "two objects")
    got = {each.SOPInstanceUID: each for each in map(pydicom.dcmread, (tmp_path / "there").iterdir())}
    assert got["1.2.3.1"].SpecificCharacterSet == "ISO_IR 100"
    assert "SpecificCharacterSet" not in got["1.2.3.2"]
    for stored in box.stored():
        assert "SpecificCharacterSet" not in pydicom.dcmread(stored)
