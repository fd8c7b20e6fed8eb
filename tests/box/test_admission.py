"""Who may open an association is told from AE titles, addresses and networks."""

import pytest

from edge.box import admission


def callers(*entries):
    return tuple(admission.read_caller(entry) for entry in entries)


def test_with_no_entry_anyone_may_come_in():
    assert admission.admits((), "ANY", "203.0.113.7")


@pytest.mark.parametrize(
    ("entry", "ae_title", "address", "expected"),
    [
        ("CT1", "CT1", "10.9.9.9", True),
        ("CT1", "CT2", "10.9.9.9", False),
        ("CT1", "ct1", "10.9.9.9", False),
        ("CT1@10.0.0.5", "CT1", "10.0.0.5", True),
        ("CT1@10.0.0.5", "CT1", "10.0.0.6", False),
        ("CT1@10.0.0.5", "CT2", "10.0.0.5", False),
        ("10.0.0.0/24", "ANY", "10.0.0.255", True),
        ("10.0.0.0/24", "ANY", "10.0.1.0", False),
        ("10.0.0.7/24", "ANY", "10.0.0.1", True),
        ("@10.0.0.5", "", "10.0.0.5", True),
        ("0.0.0.0/0", "ANY", "203.0.113.7", True),
        ("0.0.0.0/0", "ANY", "2001:db8::1", False),
        ("2001:db8::/32", "ANY", "2001:db8:1::1", True),
        ("CT@HOME@10.0.0.5", "CT@HOME", "10.0.0.5", True),
        ("CT1", "CT1", "not an address", True),
        ("10.0.0.5", "CT1", "not an address", False),
    ],
)
def test_an_entry_covers_what_it_names(entry, ae_title, address, expected):
    assert admission.admits(callers("NOBODY@192.0.2.1", entry), ae_title, address) is expected


@pytest.mark.parametrize("entry", ["", " ", "@", "CT1@", "CT1@pacs", "10.0.0.0/x", "10.0.0.0/-1", "::/129", 7, None])
def test_what_stands_for_no_caller_is_refused(entry):
    with pytest.raises(ValueError):
        admission.read_caller(entry)


def test_an_address_is_known_when_an_entry_names_it_or_its_network():
    entries = callers("CT1", "MR1@10.0.0.5", "10.0.1.0/24")
    assert admission.knows(entries, "10.0.0.5")
    assert admission.knows(entries, "10.0.1.77")
    assert not admission.knows(entries, "10.0.0.6")
    assert not admission.knows((), "10.0.0.6")
