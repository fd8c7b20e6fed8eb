"""An object on its way out, whatever its destination is: changed as that has it, and in which form it goes.

What goes wrong here is the object's own failure, in the words of all destinations.
"""

import os
from collections import namedtuple

from edge.dicom import part10, syntax
from edge.dicom.errors import DicomError, LocalError
from edge.forward import alter, offer
from edge.forward.parcel import SHORT_BYTES
from edge.forward.target import LinkFailure, Refused
from edge.pixels import registry, transcode
from edge.pixels.binding import Stopped
from edge.spool.errors import Rotten
from edge.spool.inflate import inflater

# Causes that are no status
UNREADABLE = "unreadable"
UNREAD = "unread"
UNCHANGEABLE = "unchangeable"

NO_FILE = "no file can be made of it"

# What goes wrong while a parcel is read and brought into its form; see refused
FAILURES = (OSError, DicomError, Stopped)

# The form that an object is delivered in. syntax: UID of its transfer syntax; size: octets of the data set, None where
# nobody knows; chunks: function that returns an iterator over the data set, in pieces that are good until the next;
# stop: function that ends this from any thread; is_own: whether it is the transfer syntax that the object came in
Form = namedtuple("Form", ("syntax", "size", "chunks", "stop", "is_own"))


def changed(stages, parcel):
    """Return a parcel.Parcel as the stages of its destination have it, maybe an alter.Altered; or a Refused."""
    try:
        return alter.altered(stages, parcel)
    except (Rotten, OSError) as error:
        return unread(error)
    except DicomError as error:
        words = "it cannot be changed as it has to be for this destination: %s; change the configuration, and"
        return Refused(True, True, UNCHANGEABLE, (words + " release the object") % error, None, "")


def unread(error):
    """Return the Refused of an object whose stored file cannot be read."""
    return Refused(False, False, UNREAD, "the stored file could not be read: %s" % error, None, "")


def refused(error, layer, unmade, cause=UNREADABLE):
    """Return the Refused that an error among FAILURES is; raise a LinkFailure of `layer` where it was broken off here.

    unmade, cause: the words and the cause for an object of which nothing can be made that this destination takes.
    """
    if isinstance(error, Stopped):
        raise LinkFailure(layer, "it was broken off here") from None
    if isinstance(error, (Rotten, OSError)):
        return unread(error)
    return Refused(True, True, cause, "%s: %s" % (unmade, error), None, "")


def transcoding(parcel, target):
    """Return the transcode.Transcoding of a parcel into the transfer syntax `target`; DicomError where it cannot be."""
    job = parcel.job
    threads = os.cpu_count() or 1 if job.size > SHORT_BYTES else 1
    name = registry.of(target).name
    made = transcode.Transcoding(parcel.chunks, syntax.lookup(job.syntax), name, inflater, threads=threads)
    if made.target.uid != target:
        raise LocalError("its pixels are too long for that")
    _stored(parcel).recoded = (job.syntax, target)
    return made


def _stored(parcel):
    return parcel.parcel if isinstance(parcel, alter.Altered) else parcel


def forms(parcel, compress, closed=()):
    """Yield each Form in which a parcel may go to a destination that takes every transfer syntax, best first.

    compress: as offer.ways takes it; closed: transfer syntaxes that are not to be tried. What cannot be made is left
    out; the last one is the object as it is.
    """
    job = parcel.job
    for target in offer.ways(job.syntax, compress):
        if target == job.syntax:
            break
        if target in closed:
            continue
        try:
            made = transcoding(parcel, target)
        except DicomError:
            continue
        yield Form(target, None, made.parts, made.stop, False)
    _stored(parcel).recoded = None
    size = job.size if parcel.octets is not None or parcel.fd is not None else None
    yield Form(job.syntax, size, parcel.chunks, _nothing, True)


def _nothing():
    """There is nothing to stop."""


def head(parcel, form, title):
    """Return what stands before the data set of a parcel's Part 10 file. title: the AE title of the box."""
    job = parcel.job
    titles = (job.calling, job.called)
    sender, receiver = [each if each and each.isascii() and each.isprintable() else None for each in titles]
    return part10.head(job.sop_class, job.uid, form.syntax, title, sender, receiver or title)
