"""Files over the line: received by YMODEM or pasted as base64, sent by YMODEM.

What was received is made durable in the state folder before the other end is told that it has arrived. What is sent is
made whole in a file without a name first, since its length goes ahead of it.
"""

import binascii
import io
import os
import tempfile

from edge.console.text import about, size
from edge.spool.disk import FRESH_FILE, Disk
from edge.terminal import page, ymodem
from edge.terminal.effects import Ask, Rest, Show, Transfer
from edge.terminal.plain import plain, wrapped

FOLDER = "imported"
_BYTES_PER_S = 10000  # of a line with 115200 baud, with what YMODEM adds
_DOTS = 40  # lines of a paste for each dot
_END = "."
_TURN_S = 1.5  # the far end's program throws away what came before it has left the line to the terminal again


def name_of(name):
    """Return a file name that may come from anywhere as one that may lie in a folder of ours."""
    safe = "".join([one if one.isascii() and (one.isalnum() or one in "-_.") else "_" for one in name])
    return safe.lstrip(".")[:64] or "file"


def keep(state_dir, name, octets):
    """Make a file durable in the folder of what was imported, in place of one of its name; return its path."""
    disk = Disk()
    folder = os.path.join(state_dir, FOLDER)
    disk.close(disk.open_folder(folder))
    path = os.path.join(folder, name_of(name))
    partial = path + ".partial"
    fd = disk.open(partial, FRESH_FILE, 0o600)
    try:
        disk.write_all(fd, octets)
        disk.fsync(fd)
    finally:
        disk.close(fd)
    disk.rename(partial, path)
    disk.sync_folder(folder)
    return path


def drop(state_dir, name):
    """Remove what was imported under a name and is of no more use."""
    try:
        os.unlink(os.path.join(state_dir, FOLDER, name_of(name)))
    except FileNotFoundError:
        pass


def files(talk, what, words):
    """Take files in; return [(name, octets)], None for back. what: names them; words: what to type at the other end."""
    options = [("1", "Send it by YMODEM"), ("2", "Paste it as text in base64, or as PEM")]
    chosen = yield from page.menu("Import: " + what, wrapped(words), options)
    if chosen is None:
        return None
    found = yield from (_by_ymodem(talk) if chosen == "1" else _pasted())
    return found


def _by_ymodem(talk):
    state_dir = talk.box.config.box.state_dir
    yield Show([
        "", "Start to send by YMODEM now, one file or several, %d KiB at most." % (ymodem.LIMIT_BYTES >> 10),
        "lrzsz: sb FILE < PORT > PORT.  minicom: Ctrl-A S, ymodem.  Tera Term: File,",
        "Transfer, YMODEM, Send.  PuTTY cannot; paste there. Ctrl-X twice breaks off.",
    ])  # fmt: skip
    transfer = yield Transfer(lambda now: ymodem.Receiver(lambda name, octets: keep(state_dir, name, octets), now))
    yield Rest(_TURN_S)
    if transfer.error is not None:
        yield page.said("Nothing was imported: %s." % transfer.error)
        for name, _ in transfer.files:
            drop(state_dir, name)
        return None
    for name, octets in transfer.files:
        yield Show(["Received %s, %s." % (name_of(name), size(len(octets)))])
    return [(name_of(name), octets) for name, octets in transfer.files]


def _pasted():
    yield Show([
        "", "Paste now. End with a line that is only a dot (.); ^C breaks off. Nothing is",
        "echoed. `base64 FILE` makes such text of any file; PEM is taken as it is.",
    ])  # fmt: skip
    lines, octets = [], 0
    while True:
        typed = yield Ask("", True)
        if typed.strip() == _END:
            break
        octets += len(typed) + 1
        if octets > ymodem.LIMIT_BYTES * 4 // 3:
            yield page.said("Nothing was imported: it is longer than %d KiB." % (ymodem.LIMIT_BYTES >> 10))
            return None
        lines.append(typed)
        if len(lines) % _DOTS == 0:
            yield Show(["%d lines" % len(lines)])
    text = "\n".join(lines).strip()
    if text.startswith("-----BEGIN "):
        return [("pasted", text.encode() + b"\n")]
    try:
        content = binascii.a2b_base64(text.encode()) if _is_base64(text) else None
    except binascii.Error:
        content = None
    if not content:
        yield page.said("Nothing was imported: that was no text in base64. Was some of it lost on the way? Try YMODEM.")
        return None
    yield Show(["Received %s." % size(len(content))])
    return [("pasted", content)]


def _is_base64(text):
    digits = "".join(text.split())
    body = digits.rstrip("=")
    return (
        len(digits) % 4 == 0
        and len(digits) - len(body) <= 2
        and all([one.isascii() and (one.isalnum() or one in "+/") for one in body])
    )


def received(talk):
    """Take one file in for a verb; return it as a binary file, None for back."""
    found = yield from files(talk, "a file", "The file goes to the action and is not kept otherwise.")
    if not found:
        return None
    for name, _ in found:
        drop(talk.box.config.box.state_dir, name)
    return io.BytesIO(found[0][1])


def sent(talk, verb, request, name=None):
    """Let a verb write its file, and send that by YMODEM; return the verb's summary, None for back."""
    with tempfile.TemporaryFile(dir=talk.box.config.box.state_dir) as file:
        _, summary = yield from talk.done(verb, **{**request, "file": file})
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        name = name_of(name or summary.get("name") or verb)
        took = about(length / _BYTES_PER_S) if length > _BYTES_PER_S * 60 else "a minute at most"
        yield Show([
            "", plain("%s has %s, which takes %s at 115200 baud." % (name, size(length), took)),
            "Start to receive by YMODEM now: rb < PORT > PORT; minicom: Ctrl-A R, ymodem;",
            "Tera Term: File, Transfer, YMODEM, Receive. Ctrl-X twice breaks off.",
        ])  # fmt: skip
        transfer = yield Transfer(lambda now: ymodem.Sender(name, file, length, now))
    yield Rest(_TURN_S)
    yield page.said("Not sent: %s." % transfer.error if transfer.error else "Sent: %s." % name)
    return summary
