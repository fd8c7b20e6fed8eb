"""A simulated modality: a shelf of Part 10 files, sent study by study as a scanner does, each over one association."""

import functools
import os
from collections import namedtuple

from edge.demo import phantom
from edge.dicom import part10, syntax, uid
from edge.dicom.errors import DicomError, PeerError
from edge.net import outbound
from edge.protocol import contexts, status

# One file of the shelf. sop_class, sop_instance, transfer_syntax: str; offset, length: where its data set lies
Sheet = namedtuple("Sheet", ("path", "sop_class", "sop_instance", "transfer_syntax", "offset", "length"))
# What is sent together. minute: of the day, when it is sent; title: in words; calling: AE title; count: of its objects;
# make: function that returns the list of their Sheets
Study = namedtuple("Study", ("minute", "title", "calling", "count", "make"))

# A day of a small hospital: (hour, minute), modality, seed, objects
_DAY = (
    ((8, 10), "CT", 1, 36),
    ((8, 50), "CR", 2, 2),
    ((9, 30), "MR", 3, 24),
    ((10, 20), "US", 4, 1),
    ((11, 0), "CT", 5, 40),
    ((12, 10), "CR", 6, 2),
    ((12, 50), "MR", 8, 20),
    ((14, 0), "US", 7, 1),
    ((15, 0), "CT", 9, 32),
    ((16, 20), "MR", 10, 20),
)
# What the devices of this hospital speak: its CT is an old one
_SYNTAX = {"CT": syntax.IMPLICIT_LITTLE}

_OF_FILES = "MODALITY"  # who sends files that are not phantoms
CALLERS = ("CT1", "MR1", "CR1", "US1", _OF_FILES)

_AT_MOST = 10  # studies that files are dealt out to


def hospital(folder):
    """Return the day's Studies of phantoms, which are written into `folder` when they are made."""
    studies = []
    for (hour, minute), kind, seed, count in _DAY:
        shared = phantom.study(kind, seed, time="%02d%02d00" % (hour, minute))
        make = functools.partial(_expose, folder, shared, count)
        studies.append(Study(hour * 60 + minute, shared.description, kind + "1", count, make))
    return studies


def _expose(folder, shared, count):
    """Make the phantoms of one study; return their Sheets."""
    used = _SYNTAX.get(shared.modality, syntax.EXPLICIT_LITTLE)
    sheets = []
    for number in range(1, count + 1):
        made = phantom.MAKERS[shared.modality](shared, number, count, syntax=used)
        path = phantom.save(made, folder)
        length = len(made.data_set)
        offset = os.path.getsize(path) - length
        sheets.append(Sheet(path, made.sop_class, made.sop_instance, used, offset, length))
    return sheets


def dealt_out(sheets, first_minute, last_minute):
    """Return Studies that share out `sheets` over the day, in their order."""
    size = max(1, -(-len(sheets) // _AT_MOST))
    parts = [sheets[at : at + size] for at in range(0, len(sheets), size)]
    step = (last_minute - first_minute) // max(1, len(parts) - 1)
    studies = []
    for number, part in enumerate(parts):
        title = "files %d to %d" % (number * size + 1, number * size + len(part))
        studies.append(Study(first_minute + number * step, title, _OF_FILES, len(part), functools.partial(list, part)))
    return studies


def read_shelf(folder, complain):
    """Return the Sheets of all Part 10 files below `folder`; say through `complain(words)` what is left out and why."""
    sheets = {}
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(base, name)
            try:
                sheet = read_sheet(path)
            except (DicomError, OSError) as error:
                complain("%s: %s" % (os.path.relpath(path, folder), error))
                continue
            if sheet.sop_instance in sheets:
                complain("%s: another file has its SOP Instance UID" % os.path.relpath(path, folder))
            else:
                sheets[sheet.sop_instance] = sheet
    return list(sheets.values())


def read_sheet(path):
    """Return the Sheet of the Part 10 file `path`; DicomError or OSError when it is none that can be sent."""
    head = part10.HeadReader()
    with open(path, "rb") as file:
        while True:
            octets = file.read(4096)
            if not octets:
                head.finish()
                break
            if head.feed(octets):
                break
    meta = head.meta
    if not meta.sop_class or not meta.sop_instance:
        raise PeerError("its File Meta Information does not name the object")
    if meta.sop_class == uid.MEDIA_STORAGE_DIRECTORY:
        raise PeerError("this is a DICOMDIR, not an object")
    length = os.path.getsize(path) - head.data_set_offset
    return Sheet(path, meta.sop_class, meta.sop_instance, head.transfer_syntax.uid, head.data_set_offset, length)


def send(calling, sheets, address, called, sent, refused):
    """Send `sheets` to the (host, port) `address`; call `sent(sheet)` for each that was acknowledged.

    For one that was not taken, `refused(sheet, words)` is called instead. Raises outbound.LinkFailure.
    """
    pairs = sorted({(sheet.sop_class, sheet.transfer_syntax) for sheet in sheets})
    for begin in range(0, len(pairs), contexts.MAXIMUM):
        wanted = pairs[begin : begin + contexts.MAXIMUM]
        offered = [(sop_class, (transfer_syntax,)) for sop_class, transfer_syntax in wanted]
        link = outbound.associate(address[0], address[1], calling, called, offered)
        try:
            for sheet in sheets:
                if (sheet.sop_class, sheet.transfer_syntax) in wanted:
                    refusal = _send_one(link, sheet)
                    if refusal is None:
                        sent(sheet)
                    else:
                        refused(sheet, refusal)
        finally:
            link.release()


def _send_one(link, sheet):
    """Send one object; return in words why it was refused, or None when it was not."""
    context_id = link.context_for(sheet.sop_class, sheet.transfer_syntax)
    if context_id is None:
        return "no %s in %s is taken" % (uid.name(sheet.sop_class), syntax.lookup(sheet.transfer_syntax).name)
    with open(sheet.path, "rb") as file:
        reply = link.store(
            context_id, sheet.sop_class, sheet.sop_instance, file.fileno(), sheet.offset, sheet.length
        )
    if status.judge(reply.code) == status.DONE:
        return None
    return "%s, %s" % (status.words(reply.code), reply.comment)
