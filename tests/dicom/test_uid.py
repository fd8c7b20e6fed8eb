from edge.dicom import uid

VALID = ("1.2.3", "0", "1.0.0.0", "2.25.0", "1.2.840.10008.1.1", "9" * 64)
LED_BY_ZERO = ("01.2", "1.02", "1.00", "1.0.01", "00")
NEVER = ("", ".", "1.", ".1", "1..2", "1.2a", "1 2", "1.2\0", "9" * 65, "../1", "1/2", "\u00b2", "1.-2", "1.+2", "1_0")


def test_a_valid_uid_has_digits_and_single_dots_and_at_most_64_characters():
    for text in VALID:
        assert uid.is_valid(text), text
    for text in NEVER + LED_BY_ZERO:
        assert not uid.is_valid(text), text


def test_needless_zeros_are_tolerated_but_nothing_that_a_path_could_mean():
    for text in VALID + LED_BY_ZERO:
        assert uid.is_tolerable(text), text
    for text in NEVER:
        assert not uid.is_tolerable(text), text


def test_an_own_uid_is_a_random_uuid_under_2_25():
    for sixteen in (bytes(16), b"\xff" * 16, bytes(range(16))):
        made = uid.from_random(sixteen)
        assert made.startswith("2.25.") and uid.is_valid(made)
        number = int(made[5:])
        assert number >> 76 & 0xF == 4 and number >> 62 & 3 == 2
    assert uid.from_random(bytes(16)) != uid.from_random(b"\1" + bytes(15))


def test_padding_is_no_part_of_a_uid():
    for padded in (b"1.2.3\0", b"1.2.3 ", b" 1.2.3\0\0", memoryview(b"1.2.3")):
        assert uid.from_octets(padded) == "1.2.3"
    assert uid.from_octets(b"1.2\xe9") == "1.2?"


def test_the_implementation_is_named_within_the_limits_of_the_standard():
    assert uid.is_valid(uid.IMPLEMENTATION_CLASS_UID) and uid.IMPLEMENTATION_CLASS_UID.startswith("2.25.")
    assert 1 <= len(uid.IMPLEMENTATION_VERSION_NAME) <= 16


def test_sop_classes_and_transfer_syntaxes_have_names():
    assert uid.name("1.2.840.10008.5.1.4.1.1.2") == "CT Image Storage"
    assert uid.name("1.2.840.10008.5.1.4.1.1.6") == "Ultrasound Image Storage (Retired)"
    assert uid.name(uid.VERIFICATION) == "Verification"
    assert uid.name("1.2.840.10008.1.2.1") == "Explicit VR Little Endian"


def test_what_has_no_name_is_called_by_its_uid():
    for text in ("1.2.3", "1.2.840.10008.5.1.4.1.1", "1.2.840.10008.", ""):
        assert uid.name(text) == text
        assert not uid.is_storage(text)


def test_the_storage_classes_are_known_from_the_other_services():
    classes = uid.storage_classes()
    assert len(classes) == len(set(classes)) > 190
    assert uid.CT_IMAGE in classes and uid.SECONDARY_CAPTURE in classes
    assert uid.VERIFICATION not in classes and not uid.is_storage(uid.MODALITY_WORKLIST)
    for each in classes:
        assert uid.is_valid(each) and uid.is_storage(each)
