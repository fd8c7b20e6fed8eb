from edge.dicom import syntax, uid


def test_the_table_says_how_each_syntax_is_laid_out():
    for known, little, explicit, encapsulated, deflated in (
        (syntax.IMPLICIT_LITTLE, True, False, False, False),
        (syntax.EXPLICIT_LITTLE, True, True, False, False),
        (syntax.EXPLICIT_BIG, False, True, False, False),
        (syntax.DEFLATED_LITTLE, True, True, False, True),
        ("1.2.840.10008.1.2.4.70", True, True, True, False),
        ("1.2.840.10008.1.2.4.95", True, True, True, True),
    ):
        found = syntax.lookup(known)
        assert found.uid == known
        assert (found.little, found.explicit, found.encapsulated, found.deflated) == (
            little, explicit, encapsulated, deflated
        )  # fmt: skip


def test_every_uid_in_the_table_is_valid():
    for known, entry in syntax.table().items():
        assert uid.is_valid(known) and entry.uid == known and entry.name


def test_an_unknown_syntax_counts_as_encapsulated_explicit_little_endian():
    found = syntax.lookup("1.2.3.4")
    assert (found.uid, found.little, found.explicit, found.encapsulated) == ("1.2.3.4", True, True, True)
    assert not found.deflated and found.codec is None


def test_a_layout_has_one_uncompressed_syntax():
    assert syntax.of_layout(True, True).uid == syntax.EXPLICIT_LITTLE
    assert syntax.of_layout(True, False).uid == syntax.IMPLICIT_LITTLE
    assert syntax.of_layout(False, True).uid == syntax.EXPLICIT_BIG
