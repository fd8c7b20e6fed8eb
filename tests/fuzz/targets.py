"""What reads octets of strangers, each as a Target: a corpus to begin with, and a function that feeds it.

A Target's `run` may raise what `refuses` names, with a reason in words: nothing else, whatever the octets are. It takes
any octets, and gives them to the code as that gets them on a box.
"""

import os
import tempfile
from collections import namedtuple
from pathlib import Path

import numpy

from edge.box import load
from edge.dicom import dump, part10, reader, skim, syntax
from edge.dicom.errors import DicomError
from edge.media.errors import MediaError
from edge.media.walk import Directory
from edge.net import heads, tus
from edge.pixels import binding
from edge.pixels.image import Image
from edge.protocol import association, command, contexts, dimse, echo, items, pdu
from edge.spool import examine, lines
from edge.spool.checksum import crc32
from edge.spool.disk import Disk
from edge.terminal import session, ymodem
from edge.terminal.effects import Ask, Known
from edge.web import forms
from tests.box.test_load import GOOD
from tests.fuzz import killers
from tests.media import sets
from tests.pixels import objects
from tests.protocol import pair
from tests.spool.data import data_set
from tests.support import mediafiles
from tests.support.inflate import inflater

# seeds: function that returns a list of octets; run: takes octets; refuses: exceptions that are an answer; words:
# octets that mean something there; quick: mutants in `make test`
Target = namedtuple("Target", "seeds run refuses words quick", defaults=((), 2000))

_EXPLICIT = [syntax.lookup(each) for each in (syntax.EXPLICIT_LITTLE, syntax.EXPLICIT_BIG, syntax.IMPLICIT_LITTLE)]
_DEFLATED = syntax.lookup(syntax.DEFLATED_LITTLE)
_LIMITS = {"value_limit": 4096, "depth_limit": 16, "inflate_limit": 1 << 20}


# PDU framing, and the association behind it


def _association_seeds():
    request, theirs = pair.requestor()
    store = command.encode(
        {command.COMMAND_FIELD: 1, command.MESSAGE_ID: 1, command.DATA_SET_TYPE: 1, command.PRIORITY: 0,
         command.AFFECTED_SOP_CLASS: pair.CT, command.AFFECTED_SOP_INSTANCE: "1.2.3"}
    )  # fmt: skip
    whole = [
        pair.data_pdu(1, echo.request(1), 3), pair.data_pdu(3, store, 3) + pair.data_pdu(3, data_set("1.2.3"), 2),
        pdu.RELEASE_RQ, pdu.RELEASE_RP, pdu.abort(0, 0), pair.data_pdu(1, b"", 3),
    ]  # fmt: skip
    return [theirs, *whole, *killers.PDUS, theirs + b"".join(whole[:3])]


def _run_association(octets):
    """Feed an acceptor that awaits a request, one whose association stands, and both ends of a requestor."""
    fresh, (ours, theirs) = pair.acceptor(), pair.established()
    asking, _ = pair.requestor()
    for engine in (fresh, ours, theirs, asking):
        _heard(engine, octets, 1 + len(octets) % 97)
        for now in (40000, 80000, 200000):
            engine.tick(now)
        engine.outgoing()


def _heard(engine, octets, step):
    """Have an association hear octets, and do what the box does with its messages; broken ones abort it."""
    messages, at = dimse.Messages(), 0
    while at < len(octets) and not engine.finished():
        window = engine.window()
        count = min(len(window), len(octets) - at, step)
        window[:count] = octets[at : at + count]
        engine.filled(count, 0)
        at += count
        while (event := engine.next_event()) is not None:
            if isinstance(event, association.Data):
                try:
                    messages.take(event)
                except DicomError as error:
                    engine.abort(str(error))
            elif isinstance(event, association.Requested):
                engine.accept(contexts.answer(event.request.proposals, pair.POLICY), pair.USER)
            elif isinstance(event, association.ReleaseAsked):
                engine.release_answer()


# Items of an association


def _item_seeds():
    whole = pair.requestor()[1]
    body = whole[6:]
    return [body, pdu.associate_accept(pdu.AssociateAccept(bytes(32), (), pair.USER))[6:], items.encode(pair.USER)] + [
        body[:68] + each for each in killers.items()
    ]


def _run_items(octets):
    for read in (pdu.read_associate_request, pdu.read_associate_accept, lambda all_of_it: items.decode(
        all_of_it, 0, len(all_of_it)
    )):  # fmt: skip
        try:
            read(octets)
        except DicomError:
            pass


# Command sets


def _command_seeds():
    return [echo.request(1), command.encode({command.COMMAND_FIELD: 0x8001, command.STATUS: 0xA700})] + [
        echo.request(1) + b"\0\0" + le + b"abcd" for le in (b"\0\x10\xff\xff\xff\xff", b"\0\0\0\0\0\0")
    ]


def _run_command(octets):
    elements = command.decode(octets)
    command.has_data_set(elements)
    if command.COMMAND_FIELD in elements:
        dimse.answer_to(elements, 0)


# Data sets


def _data_set_seeds():
    nested = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + data_set("1.2.3")[:60]
    ends = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    named = [data_set("1.2.3").replace(b"1.2.3\0", each[:6].ljust(6, b"\0")) for each in killers.UIDS]
    return [
        data_set("1.2.3"), nested + ends, killers.sequence(50), killers.implicit_sequence(50), *named,
        *killers.LONG_ELEMENTS, killers.sequence(100000), killers.implicit_sequence(100000),
        killers.sequence(100000, undefined=False),
    ]  # fmt: skip


def _run_data_set(octets):
    """Read, skim and print it in every layout, in pieces."""
    step = 1 + len(octets) % 4099
    pieces = [octets[at : at + step] for at in range(0, len(octets), step)]
    for known in _EXPLICIT:
        _tried(lambda known=known: _read(reader.Reader(known, **_LIMITS), pieces))
        _tried(lambda known=known: _skimmed(known, pieces))
        _tried(lambda known=known: _printed(known, pieces))


def _read(source, pieces):
    for piece in pieces:
        source.feed(piece)
        for _ in source.events():
            pass
    source.finish()


def _skimmed(known, pieces, inflate=None):
    found = skim.Skim(known, {0x00080018, 0x00100010}, 0x00200013, inflate)
    for piece in pieces:
        if found.feed(piece):
            return
    found.finish()


def _printed(known, pieces):
    for _ in dump.data_set(pieces, reader.Reader(known, **_LIMITS)):
        pass


def _tried(call):
    try:
        call()
    except DicomError:
        pass


def _deflated_seeds():
    return [killers.deflated(data_set("1.2.3")), killers.deflated(killers.sequence(20)), *killers.bomb()]


def _run_deflated(octets):
    step = 1 + len(octets) % 1021
    pieces = [octets[at : at + step] for at in range(0, len(octets), step)]
    _tried(lambda: _read(reader.Reader(_DEFLATED, inflate=inflater(), **_LIMITS), pieces))
    _tried(lambda: _skimmed(_DEFLATED, pieces, inflater()))


# Files


def _part10(uid="1.2.3"):
    return part10.head(pair.CT, uid, syntax.EXPLICIT_LITTLE, "A", "B", "C") + data_set(uid)


def _file_seeds():
    whole = _part10()
    hostile = [whole.replace(b"1.2.3\0", each[:6].ljust(6, b"\0")) for each in killers.UIDS]
    return [whole, data_set("1.2.3"), b"MZ" + whole[2:], whole[:132] + killers.LONG_ELEMENTS[0], *hostile,
            bytes(128) + b"DICM" + killers.sequence(200)]  # fmt: skip


def _run_file(octets):
    """Look at a file as one that somebody wants to have taken in: its head, who it is, whether it is whole."""
    head = part10.HeadReader()
    _tried(lambda: head.feed(octets) or head.finish())
    disk = Disk()
    fd = os.memfd_create("fuzz")
    try:
        os.write(fd, octets)
        os.lseek(fd, 0, os.SEEK_SET)
        examine.check_whole(disk, fd, examine.identify(disk, fd))
    finally:
        os.close(fd)


def _directory_seeds():
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        for name in ("I1", "I2"):
            mediafiles.write(Path(folder) / name)
        path, _ = sets.make(Path(folder))
        octets = Path(path).read_bytes()
    return [octets, octets[:400], octets.replace(b"I1", b"..")]


def _run_directory(octets):
    with tempfile.NamedTemporaryFile(dir="/dev/shm", prefix="edge-fuzz-") as file:
        file.write(octets)
        file.flush()
        with Directory(file.name) as directory:
            for each in directory.walk():
                if hasattr(each, "file_id"):
                    try:
                        directory.content(each)
                    except (MediaError, DicomError):
                        pass


# Encapsulated pixels, and the decoders in C


_FRAMES = numpy.arange(2 * 12 * 15, dtype="u2").reshape(2, 12, 15)
_IMAGE = Image(15, 12, 1, 16, 12, 0, 0)
_CODECS = {
    "1.2.840.10008.1.2.4.80": binding.JpegLsEncoder, "1.2.840.10008.1.2.4.70": binding.JpegLosslessEncoder,
    "1.2.840.10008.1.2.5": binding.RleEncoder,
}  # fmt: skip


def _item(octets):
    octets += b"\0" * (len(octets) & 1)
    return b"\xfe\xff\x00\xe0" + killers.le(len(octets)) + octets


def _encapsulated_seeds():
    seeds = []
    for uid, encoder in _CODECS.items():
        coder, fragments = encoder(_IMAGE), []
        for frame in _FRAMES:
            coder.begin()
            fragments.append(bytes(coder.code(frame.tobytes())))
        made = objects.dataset(_FRAMES, 12, frames=2)
        made.NumberOfFrames = 2
        del made.PixelData
        head = objects.octets_of(made, uid) + b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff"
        body = b"".join(_item(each) for each in fragments)
        good = killers.le(0) + killers.le(len(_item(fragments[0])))
        for table in (good, b"", b"\xff" * 8, killers.le(0) + killers.le(1 << 30), good * 1000, killers.le(2) * 2):
            seeds.append(head + _item(table) + body + b"\xfe\xff\xdd\xe0\0\0\0\0")
        seeds.append(head + body)
        seeds.append(head + b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + body)
    return seeds


def _run_encapsulated(octets):
    objects.turned(octets, "explicit")


# Configuration, web, serial, and the journal that a broken disk may hold


def _configuration_seeds():
    return [GOOD.encode(), b"[box]\n" * 200, b"a = " + b"[" * 5000, b"a." * 5000 + b"a = 1", b"[[route]]\n" * 500,
            b'[box]\nae_title = "' + b"A" * 70000 + b'"', b"[dicom]\nport = " + b"9" * 5000,
            b"x = 0x" + b"f" * 20000, b'"\\U0010FFFF" = 1', b"\xff\xfe"]  # fmt: skip


def _run_configuration(octets):
    with tempfile.NamedTemporaryFile(dir="/dev/shm", prefix="edge-fuzz-", suffix=".toml") as file:
        file.write(octets)
        file.flush()
        load.load(file.name)


_GET = b"GET /api/v1/status?x=%2e%2e HTTP/1.1\r\nHost: 127.0.0.1:8443\r\nContent-Length: 5\r\nCookie: a=b\r\n\r\n12345"
_PARTS = (
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="../../x"\r\nContent-Type: text/plain\r\n\r\nhi\r\n'
    b'--b\r\nContent-Disposition: form-data; name="g"\r\n\r\nyes\r\n--b--\r\n'
)


def _web_seeds():
    return [_GET, _GET * 3, _PARTS, b"a=b&c=%41%zz&c=d&" * 50, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 300 + b"\r\n",
            b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 400 + b"\r\n\r\n", b"\r\n" * 3000,
            b"size MTIz,uid Li4vLi4v,called RURHRQ==", b"--b\r\n" * 2000]  # fmt: skip


def _run_web(octets):
    incoming = heads.Heads()
    step = 1 + len(octets) % 131
    try:
        for at in range(0, len(octets), step):
            incoming.feed(octets[at : at + step])
            while (request := incoming.next()) is not None:
                incoming.take(min(request.length, 1 << 20))
    except heads.BadRequest:
        pass
    for kind in (
        "multipart/form-data; boundary=b", "application/x-www-form-urlencoded", octets[:40].decode("latin-1")
    ):  # fmt: skip
        try:
            forms.read(kind, octets)
        except forms.BadForm:
            pass
    try:
        tus.pairs(octets.decode("latin-1"))
    except tus._Refusal:
        pass


def _serial_seeds():
    files = ymodem.header("edge.toml", 5) + ymodem.block(1, b"hello") + b"\x04\x04" + ymodem.header(None, 0)
    return [b"1\r2\rq\r\x03", b"\x1b[A\x1b[200~paste\x1b[201~\r", b"a" * 5000, b"\x08" * 400 + b"x\r", files,
            b"\xff\x00" * 500, b"\r\n" * 500, ymodem.header("../../x", 1 << 40),
            ymodem.header("a" * 100, 3)]  # fmt: skip


def _parrot():
    yield Known(object())
    while True:
        yield Ask("say: ")


def _run_serial(octets):
    talk, now = session.Session(_parrot, 1000.0, clock=lambda: 0), 1000.0
    talk.begin(now)
    receiver = ymodem.Receiver(lambda name, content: None, now)
    step = 1 + len(octets) % 37
    for at in range(0, len(octets), step):
        now += 0.5
        piece = octets[at : at + step]
        said = talk.feed(piece, now) + (talk.tick(now) or b"")
        said.decode("ascii")
        if not receiver.done:
            receiver.feed(piece, now)
            receiver.tick(now)


def _journal_seeds():
    def line(number, kind, record):
        rest = b"%d 0 %s" % (number, lines.encode(kind, record))
        return b"%08x %s" % (crc32(rest), rest)

    good = line(1, "segment", {"segment": 1, "before": 0}) + line(2, "removed", {"ids": [1], "at": 1})
    deep = b"[" * 20000
    rest = b'3 0 x {"a":' + deep + b"}\n"
    return [good, good + bytes(400), b"%08x %s" % (crc32(rest), rest), good * 20]


def _run_journal(octets):
    damages = []
    for limit in (None, len(octets)):
        for line in lines.read_segment(octets, 1, 0, limit, damages):
            assert isinstance(line.record, dict)


TARGETS = {
    "association": Target(_association_seeds, _run_association, (), (b"\x04\0", b"\0\0\0\2\1\3", b"\x10\0\0"), 600),
    "items": Target(_item_seeds, _run_items, (), (b"\x50\0", b"\x51\0\0\4", b"\x20\0\0", b"\x40\0\0")),
    "command set": Target(_command_seeds, _run_command, (DicomError,), (b"\0\0\0\1", b"\0\0\x00\x08\2\0\0\0")),
    "data set": Target(_data_set_seeds, _run_data_set, (), (b"SQ\0\0", b"UN\0\0", b"OB\0\0", b"\x08\0\x18\0UI")),
    "deflated data set": Target(_deflated_seeds, _run_deflated, (), (), 300),
    "file": Target(_file_seeds, _run_file, (DicomError,), (b"DICM", b"\2\0\0\0UL\4\0", b"\2\0\x10\0UI")),
    "DICOMDIR": Target(_directory_seeds, _run_directory, (MediaError,), (b"\x04\0\0\x14UL\4\0", b"\x04\0\x20\x14")),
    "encapsulation and codecs": Target(
        _encapsulated_seeds, _run_encapsulated, (DicomError,), (b"\xff\xd8\xff", b"\xff\xda", b"\xff\xf7", b"\xff\xc3")
    ),
    "configuration": Target(
        _configuration_seeds, _run_configuration, (load.ConfigError,), (b"[[", b"]]", b" = ", b'"""', b"\n[route]\n"),
        700,
    ),
    "web requests": Target(_web_seeds, _run_web, (), (b"\r\n", b"\r\n\r\n", b"--b", b"Content-Length: ", b"%00")),
    "serial input": Target(
        _serial_seeds, _run_serial, (), (b"\r", b"\x1b[", b"\x18\x18", b"\x01\0\xff", b"\x02\1\xfe"), 500
    ),  # fmt: skip
    "journal": Target(_journal_seeds, _run_journal, (), (b"\n", b"00000000 ", b"{}", b"1 0 ")),
}
