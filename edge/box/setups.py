"""What the configuration says of setup files on USB sticks: where they are looked for, and which are believed."""

from edge.toml.kinds import FILE, FOLDER, several
from edge.toml.section import Section, key

SETUP = Section(
    "setup",
    False,
    "A setup file: a whole configuration that `edge setup-file` writes, to be brought on a USB stick under the name "
    "edge-setup. Until the box is claimed it takes one that is sealed by its claim code; later one that is signed, or "
    "whose passphrase an engineer types in the console.",
    (
        key(
            "stick_dirs",
            several(FOLDER),
            ("/media", "/run/media", "/run/edge/media"),
            "The folders below which sticks are mounted. Empty: no stick is looked at.",
        ),
        key(
            "signers",
            FILE,
            None,
            "The file of the public keys, in PEM, by which a setup file may be signed: Ed25519 or EC on P-256. Without "
            "it no signature is believed.",
            example='"/etc/edge/signers.pem"',
        ),
        key(
            "passphrase_file",
            FILE,
            None,
            "The file of the passphrase under which keys and passwords in a signed setup file are sealed. Nobody else "
            "may be able to read it.",
            example='"/etc/edge/setup.passphrase"',
        ),
    ),
)


def anchored(settings, anchor):
    """Return a config.Config with each path of setup files as the function `anchor` has it."""
    own = settings.setup
    paths = {name: getattr(own, name) and anchor(getattr(own, name)) for name in ("signers", "passphrase_file")}
    return settings._replace(setup=own._replace(stick_dirs=tuple(map(anchor, own.stick_dirs)), **paths))


def warnings(settings):
    """Yield (path of keys, words) for what can be meant, but is dangerous or of no effect."""
    own = settings.setup
    if own.passphrase_file is not None and own.signers is None:
        yield ("setup", "passphrase_file"), "it is of no effect without signers"
