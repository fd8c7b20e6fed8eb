"""Import and export on pages: the configuration, a certificate with its key; the support bundle, a backup."""

import os

from edge.terminal import applying, moving, page
from edge.terminal.effects import Ask, Show
from edge.terminal.plain import wrapped

_CONFIGURATION = "The whole configuration, as `edge.toml` has it. It is checked and shown before anything changes."
_CERTIFICATE = (
    "PEM: a certificate (with those that issued it behind it) and its key, without a passphrase, in one file or in two."
)
_USES = {
    "1": ("the console (web)", "console"),
    "2": ("DICOM with TLS, and the relay", "tls"),
}
_PEM_LIMIT = 256 << 10


def inward(talk):
    """Choose what to import, and do it."""
    talk.needs("change")
    options = [("1", "Configuration"), ("2", "Certificate and key")]
    if talk.knows("restore-backup"):
        options.append(("3", "Backup of the whole configuration, with its secrets"))
    if talk.knows("setups"):
        options.append(("4", "Setup file on a USB stick"))
    chosen = yield from page.menu("Import", (), options)
    if chosen == "1":
        yield from _configuration(talk)
    elif chosen == "2":
        yield from _certificate(talk)
    elif chosen == "3":
        passphrase = yield Ask("Passphrase of the backup: ", True)
        file = yield from moving.received(talk)
        if file is not None:
            yield from applying.tried(talk, "restore-backup", passphrase=passphrase, file=file)
    elif chosen == "4":
        yield from _setups(talk)


def _setups(talk):
    """List the setup files on sticks; take one by its passphrase."""
    rows, summary = yield from talk.done("setups", look=True)

    def line(row, number):
        return wrapped("%4d  %s: %s" % (number, row["folder"], row["words"]), indent="      ")

    def pick(row):
        passphrase = yield Ask("Passphrase of the setup file: ", True)
        return (yield from applying.tried(talk, "take-setup", folder=row["folder"], passphrase=passphrase))

    empty = "There is none. Looked below %s." % ", ".join((summary or {}).get("folders", ()))
    yield from page.turn("Setup files", (), rows, line, pick, empty=empty)


def _configuration(talk):
    found = yield from moving.files(talk, "configuration", _CONFIGURATION)
    if not found:
        return
    state_dir = talk.box.config.box.state_dir
    try:
        name, octets = found[0]
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError:
            yield page.said("Nothing has changed: %s is no text in UTF-8." % name)
            return
        yield from applying.checked(talk, {"text": text.replace("\r\n", "\n")})
    finally:
        for each, _ in found:
            moving.drop(state_dir, each)  # what was applied is where it belongs


def _certificate(talk):
    found = yield from moving.files(talk, "certificate and key", _CERTIFICATE)
    if not found:
        return
    state_dir = talk.box.config.box.state_dir
    for name, _ in found:
        moving.drop(state_dir, name)
    text = b"\n".join([octets for _, octets in found])
    if len(found) == 1 and b"PRIVATE KEY-----" not in text:
        yield Show(["", "That has no key in it. Now the key:"])
        more = yield from moving.files(talk, "key", _CERTIFICATE)
        if not more:
            return
        moving.drop(state_dir, more[0][0])
        text += b"\n" + more[0][1]
    parts = split(text)
    if parts is None:
        words = "That is no certificate and key in PEM: BEGIN CERTIFICATE and BEGIN ... PRIVATE KEY have to be in it."
        yield page.said("Nothing was imported. " + words)
        return
    options = [(key, "For " + words) for key, (words, _) in _USES.items()]
    use = yield from page.menu("What is it for?", (), options)
    if use is None:
        return
    section = _USES[use][1]
    certificate = moving.keep(state_dir, section + "-certificate.new", parts[0])
    key = moving.keep(state_dir, section + "-key.new", parts[1])
    wrong = mismatch(certificate, key)
    if wrong is not None:
        for name in (section + "-certificate.new", section + "-key.new"):
            moving.drop(state_dir, name)
        yield page.said("Nothing was imported: %s." % wrong)
        return
    yield from _used(talk, section, parts)


def _used(talk, section, parts):
    """Put a certificate and key in place under names of their own, and have the settings name them."""
    from hashlib import sha256

    state_dir = talk.box.config.box.state_dir
    for name in (section + "-certificate.new", section + "-key.new"):
        moving.drop(state_dir, name)
    mark = sha256(parts[0] + parts[1]).hexdigest()[:8]  # a name of its own: a trial that goes back finds the old files
    paths = [
        moving.keep(state_dir, "%s-%s-%s.pem" % (section, each, mark), octets)
        for each, octets in (("certificate", parts[0]), ("key", parts[1]))
    ]
    edits = [
        {"section": section, "key": key, "value": os.path.abspath(path)}
        for key, path in zip(("certificate", "key"), paths)
    ]
    yield Show(["", *wrapped("Certificate and key fit each other, and lie in %s." % os.path.dirname(paths[0]))])
    if not (yield from applying.checked(talk, {"edits": edits})):
        for path in paths:
            moving.drop(state_dir, os.path.basename(path))


def split(text):
    """Return (certificates, key) of PEM text as octets, None where one is missing."""
    certificates, keys, block = [], [], None
    for line in text[:_PEM_LIMIT].replace(b"\r", b"").split(b"\n"):
        if line.startswith(b"-----BEGIN "):
            block = []
        if block is not None:
            block.append(line.strip())
        if line.startswith(b"-----END ") and block:
            whole = b"\n".join(block) + b"\n"
            if b" CERTIFICATE-----" in block[0]:
                certificates.append(whole)
            elif b"PRIVATE KEY-----" in block[0]:
                keys.append(whole)
            block = None
    return (b"".join(certificates), keys[0]) if certificates and len(keys) == 1 else None


def mismatch(certificate, key):
    """Return in words why a certificate and a key, by their paths, cannot be used together; None when they can."""
    import ssl

    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key, lambda: "")
        return None
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        if "KEY_VALUES_MISMATCH" in reason:
            return "the key is not the one of that certificate"
        if "BAD_DECRYPT" in reason or "PASSWORD" in reason.upper():
            return "the key has a passphrase; take it off with `openssl pkey -in KEY -out NEW`"
        return "certificate and key cannot be read (%s)" % reason.lower().replace("_", " ")


def outward(talk):
    """Choose what to export, and send it."""
    options = []
    if talk.knows("bundle"):
        options.append(("1", "Support bundle: no patient data and no secrets in it"))
    if talk.knows("backup"):
        options.append(("2", "Backup of the whole configuration, secrets under a passphrase"))
    if not options:
        yield from page.note("Export", "There is nothing that you may export; you are %s." % talk.who.role)
        return
    chosen = yield from page.menu("Export", (), options)
    if chosen == "1":
        yield from moving.sent(talk, "bundle", {}, "edge-support.zip")
    elif chosen == "2":
        passphrase = yield Ask("Passphrase for the backup: ", True)
        if passphrase != (yield Ask("The same again: ", True)):
            yield page.said("The two are not the same; nothing was made.")
            return
        yield from moving.sent(talk, "backup", {"passphrase": passphrase}, "edge-backup")
