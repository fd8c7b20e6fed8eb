"""A simulated modality: a shelf of Part 10 files, sent study by study as a scanner does, each over one association."""

import os
from collections import namedtuple

from edge.demo import phantom
from edge.dicom import part10, syntax
from edge.dicom.errors import DicomError
from edge.net import outbound
from edge.protocol import contexts, status

# One file of the shelf. sop_class, sop_instance, transfer_syntax: str; offset, length: where its data set lies
Sheet = namedtuple("Sheet", ("path", "sop_class", "sop_instance", "transfer_syntax", "offset", "length"))
# What is sent together. minute: of the day, when it is sent; title: in words; calling: AE title; sheets: list of Sheet
Study = namedtuple("Study", ("minute", "title", "calling", "sheets"))

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


def expose(folder):
    """Yield one Study of the day after another, its phantoms written into `folder` just before."""
    for (hour, minute), modality, seed, count in _DAY:
        head = phantom.study(modality, seed, time="%02d%02d00" % (hour, minute))
        sheets = []
        for number in range(1, count + 1):
            made = phantom.MAKERS[modality](
                head, number, count, syntax=_SYNTAX.get(modality, syntax.EXPLICIT_LITTLE)
            )
            path = phantom.save(made, folder)
            length = len(made.data_set)
            offset = os.path.getsize(path) - length
            sheets.append(Sheet(path, made.sop_class, made.sop_instance, made.transfer_syntax, offset, length))
        yield Study(hour * 60 + minute, head.description, modality + "1", sheets)


COUNT = sum(entry[3] for entry in _DAY)


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
                complain("left out %s: %s" % (path, error))
                continue
            if sheet.sop_instance in sheets:
                complain("left out %s: another file has its SOP Instance UID" % path)
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
        raise part10.PeerError("the File Meta Information does not name the object")
    if meta.sop_class == "1.2.840.10008.1.3.10":
        raise part10.PeerError("this is a DICOMDIR, not an object")
    length = os.path.getsize(path) - head.data_set_offset
    uid = head.transfer_syntax.uid
    return Sheet(path, meta.sop_class, meta.sop_instance, uid, head.data_set_offset, length)


def send(study, address, called, sent):
    """Send `study` to the (host, port) `address`; call `sent(sheet)` for each object that was acknowledged.

    Raises outbound.LinkFailure, or Refused when an object was not taken.
    """
    pairs = sorted({(sheet.sop_class, sheet.transfer_syntax) for sheet in study.sheets})
    for begin in range(0, len(pairs), contexts.MAXIMUM):
        wanted = pairs[begin : begin + contexts.MAXIMUM]
        offered = [(sop_class, (transfer_syntax,)) for sop_class, transfer_syntax in wanted]
        link = outbound.associate(address[0], address[1], study.calling, called, offered)
        try:
            for sheet in study.sheets:
                if (sheet.sop_class, sheet.transfer_syntax) in wanted:
                    _send_one(link, sheet)
                    sent(sheet)
        finally:
            link.release()


class Refused(Exception):
    """The box did not take an object."""


def _send_one(link, sheet):
    context_id = link.context_for(sheet.sop_class, sheet.transfer_syntax)
    if context_id is None:
        raise Refused("the box accepted no context for %s in %s" % (sheet.sop_class, sheet.transfer_syntax))
    with open(sheet.path, "rb") as file:
        reply = link.store(
            context_id, sheet.sop_class, sheet.sop_instance, file.fileno(), sheet.offset, sheet.length
        )
    if status.judge(reply.code) != status.DONE:
        raise Refused("the box answered %s %s" % (status.words(reply.code), reply.comment))
