"""The data sets of storage commitment, against pydicom's reading and writing of them, and against anything at all."""

from io import BytesIO

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from edge.dicom import syntax
from edge.dicom.errors import LimitError, PeerError
from edge.protocol import commitment
from edge.protocol.commitment import Committed, Failed, Transaction
from tests.support.committing import item

KNOWN = [syntax.lookup(each) for each in (syntax.EXPLICIT_LITTLE, syntax.IMPLICIT_LITTLE, syntax.EXPLICIT_BIG)]
UIDS = st.integers(1, 10**30).map("2.25.{}".format)
INSTANCES = st.lists(st.tuples(UIDS, UIDS), max_size=20)


def read(octets, known, cuts):
    """The events of a data set that is fed in pieces of the lengths `cuts`, over and over."""
    report = commitment.ReportReader(known)
    found = []
    at = turn = 0
    while at < len(octets):
        end = at + cuts[turn % len(cuts)]
        report.feed(octets[at:end])
        found += list(report.events())
        at, turn = end, turn + 1
    report.finish()
    return found


def outcome(octets, known, cuts):
    """The events, or the type of the error."""
    try:
        return read(octets, known, cuts)
    except (PeerError, LimitError) as error:
        return type(error)


def written_by_pydicom(known, transaction, committed, failed):
    """The octets of a report as pydicom writes it, with sequences of explicit length."""

    report = Dataset()
    report.TransactionUID = transaction
    report.FailedSOPSequence = [item(*each) for each in failed]
    report.ReferencedSOPSequence = [item(*each) for each in committed]
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = known.little, not known.explicit
    write_dataset(out, report)
    return out.getvalue()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KNOWN), UIDS, INSTANCES, INSTANCES, st.lists(st.integers(1, 40), min_size=1, max_size=9))
def test_what_pydicom_writes_is_read_whatever_the_pieces(known, transaction, committed, failed, cuts):
    triples = [(*each, 0x0110 + number) for number, each in enumerate(failed)]
    octets = written_by_pydicom(known, transaction, committed, triples)
    wanted = [Transaction(transaction), *[Failed(*each) for each in triples], *[Committed(*each) for each in committed]]
    assert read(octets, known, cuts) == wanted


@pytest.mark.parametrize("known", KNOWN[:2], ids=lambda known: known.name)
def test_what_is_written_here_pydicom_reads(known):
    instances = [("1.2.840.10008.5.1.4.1.1.2", "2.25.%d" % number) for number in range(700)]
    octets = b"".join(commitment.request_data_set(known, "2.25.9", instances))
    found = pydicom.filereader.read_dataset(BytesIO(octets), not known.explicit, True)
    assert found.TransactionUID == "2.25.9"
    items = found.ReferencedSOPSequence
    assert [(item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) for item in items] == instances


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KNOWN), st.binary(max_size=300), st.lists(st.integers(1, 40), min_size=1, max_size=9))
def test_octets_of_any_kind_are_read_or_refused_by_one_of_two_errors(known, octets, cuts):
    outcome(octets, known, cuts)  # anything else that is raised goes through


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(KNOWN), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6),
    st.integers(0, 10**6), st.integers(1, 60),
)  # fmt: skip
def test_a_damaged_report_says_the_same_however_it_is_cut(known, changes, cut, step):
    whole = bytearray(written_by_pydicom(known, "2.25.1", [("1.2.3", "1.2.4")] * 3, [("1.2.3", "1.2.5", 0x0112)]))
    for place, octet in changes:
        whole[place % len(whole)] = octet
    octets = bytes(whole[: len(whole) - cut % 40])
    assert outcome(octets, known, [step]) == outcome(octets, known, [len(octets)])
