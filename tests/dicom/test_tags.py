from edge.dicom import element, tags

KNOWN = (
    # tag, VRs, VM
    (0x00020010, "UI", "1"),
    (0x00080005, "CS", "1-n"),
    (0x00080018, "UI", "1"),
    (0x00081140, "SQ", "1"),
    (0x00100010, "PN", "1"),
    (0x00189004, "CS", "1"),
    (0x00201040, "LO", "1"),
    (0x00280106, "US or SS", "1"),
    (0x00283006, "US or OW", "1-n"),
    (0x300A00B0, "SQ", "1"),
    (0x7FE00010, "OB or OW", "1"),
    (0x7FE00001, "OV", "1"),
    (0xFFFCFFFC, "OB", "1"),
)


def test_the_dictionary_says_vr_and_vm():
    for tag, vrs, vm in KNOWN:
        assert tags.kind(tag) == (vrs, vm), element.name(tag)


def test_repeating_groups_and_elements_are_known_throughout():
    for tag, vrs in (
        (0x60000010, "US"),
        (0x60FE0010, "US"),
        (0x60023000, "OB or OW"),
        (0x50000005, "US"),
        (0x501E3000, "OB or OW"),
        (0x7F000010, "OB or OW"),
        (0x00203100, "CS"),
        (0x002031FF, "CS"),
        (0x00280410, "US"),
        (0x10001230, "US"),
        (0x10104711, "US"),
    ):
        assert tags.kind(tag)[0] == vrs, element.name(tag)


def test_an_element_of_its_own_comes_before_a_repeating_one():
    assert tags.kind(0x00280400) == ("LO", "1")
    assert tags.kind(0x7FE00020) == ("OW", "1")


def test_private_elements_and_group_lengths_follow_their_rules():
    assert tags.kind(0x00090010) == tags.kind(0x600100FF) == ("LO", "1")
    assert tags.kind(0x00091001) == tags.kind(0x00090100) == tags.kind(0x0009000F) == ("UN", "1")
    assert tags.kind(0x00090000) == tags.kind(0x00080000) == tags.kind(0x60000000) == ("UL", "1")


def test_what_is_not_in_the_dictionary_is_un():
    for tag in (0x00080003, 0x00189999, 0x12340001, 0x00000002, 0xFFFEE000, 0xFFFFFFFE):
        assert tags.kind(tag) == ("UN", "1"), element.name(tag)


def test_one_vr_is_chosen_where_the_standard_leaves_a_choice():
    assert tags.vr(0x7FE00010) == "OW" and tags.vr(0x00283006) == "OW"
    assert tags.vr(0x00280106) == "US" and tags.vr(0x00280106, True) == "SS"


def test_every_vr_of_the_table_is_one_of_the_standard():
    for vrs, vm in tags.KINDS:
        for vr in vrs.split(" or "):
            assert vr in element.CODES
        assert vm[0] in "123456789"


def test_every_place_leads_back_to_itself():
    count = len(tags.KINDS_OF)
    last = -1
    for place in range(count):
        tag = tags.tag_at(place)
        assert tags.position(tag) == place or tag in (0x00280400, 0x00280401, 0x00280402, 0x00280403), element.name(tag)
        if place % 50 == 0:
            assert tag > last
            last = tag


def test_asking_for_many_tags_forgets_none():
    for number in range(2000):
        assert tags.kind(0x00091000 + number)[0] == "UN"
    assert tags.kind(0x00100010) == ("PN", "1")
