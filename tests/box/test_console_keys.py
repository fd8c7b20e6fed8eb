"""What [console] may say, and what is warned of between it and the rest."""

import pytest

from edge.box import load


def warnings(text):
    """The words of all warnings of a configuration."""
    return "\n".join("%s: %s" % (each.key, each.words) for each in load.parse(text, "edge.toml").warnings)


def test_without_a_table_there_is_a_console_with_tls():
    found = load.load().config.console
    assert found.on and found.tls and found.port == 8443


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        ("[console]\nport = 11112\n", "[dicom] port"),
        ("[dicom]\nport = 8443\n", "[dicom] port"),
        ('[dicom]\ntls_port = 9000\n[tls]\ncertificate = "c"\nclient_certificates = "none"\n[console]\nport = 9000\n',
         "[dicom] tls_port"),
        ('[relay]\nport = 8443\n[tls]\ncertificate = "c"\nauthorities = "a"\n', "[relay] port"),
    ],
)  # fmt: skip
def test_a_port_that_is_taken_by_the_box_itself_is_warned_of(text, whose):
    assert "[console] port" in warnings(text) and whose in warnings(text)


def test_a_console_that_is_off_takes_no_port():
    assert "[console]" not in warnings("[dicom]\nport = 8443\n[console]\non = false\n")


def test_passwords_in_the_clear_are_warned_of():
    assert "[console] tls" in warnings("[console]\ntls = false\n")


def test_a_key_without_its_certificate_is_a_mistake():
    with pytest.raises(load.ConfigError) as wrong:
        load.parse('[console]\nkey = "k"\n', "edge.toml")
    assert "[console] key: there is no certificate" in str(wrong.value)


def test_paths_are_relative_to_the_files_folder(tmp_path):
    found = load.parse('[console]\ncertificate = "c.pem"\n', str(tmp_path / "edge.toml")).config
    assert found.console.certificate == str(tmp_path / "c.pem")
