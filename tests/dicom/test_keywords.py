from edge.dicom import keywords, tags

KNOWN = (
    (0x00020010, "TransferSyntaxUID"),
    (0x00080018, "SOPInstanceUID"),
    (0x00081140, "ReferencedImageSequence"),
    (0x00100010, "PatientName"),
    (0x0018115E, "ImageAndFluoroscopyAreaDoseProduct"),
    (0x00189004, "ContentQualification"),
    (0x60003000, "OverlayData"),
    (0x00203100, "SourceImageIDs"),
    (0x7FE00010, "PixelData"),
    (0xFFFCFFFC, "DataSetTrailingPadding"),
)


def test_a_tag_has_a_keyword_and_a_keyword_a_tag():
    for tag, keyword in KNOWN:
        assert keywords.keyword(tag) == keyword
        assert keywords.tag(keyword) == tag


def test_every_keyword_leads_to_its_tag_and_back():
    count = 0
    for place in range(0, len(tags.KINDS_OF), 13):
        tag = tags.tag_at(place)
        keyword = keywords.keyword(tag)
        if keyword:
            assert keywords.keyword(keywords.tag(keyword)) == keyword
            count += 1
    assert count > 390


def test_repeating_groups_share_their_keywords():
    assert keywords.keyword(0x60023000) == keywords.keyword(0x60FE3000) == "OverlayData"


def test_what_the_standard_does_not_name_has_no_keyword():
    for tag in (0x00090010, 0x00091001, 0x00080003, 0x00080000, 0x12340001):
        assert keywords.keyword(tag) == ""
    for keyword in ("", "Patient", "PatientNam", "patientname", "Name", "Nonsense", "PatientName "):
        assert keywords.tag(keyword) is None


def test_keywords_are_split_where_a_word_begins():
    assert keywords.words_of("SOPClassUID") == ["SOP", "Class", "UID"]
    assert keywords.words_of("PatientName") == ["Patient", "Name"]
    assert keywords.words_of("ROIArea") == ["ROI", "Area"]
    assert keywords.words_of("") == []
    assert "".join(keywords.words_of("XRay3DFrameTypeSequence")) == "XRay3DFrameTypeSequence"
