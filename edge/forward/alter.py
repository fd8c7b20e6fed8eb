"""Objects changed on their way out: a parcel as the stages of its destination change it, in place of the parcel."""

from collections import namedtuple

from edge.dicom.errors import LocalError

# In place of a parcel.Parcel: job: its Job, with the transfer syntax and the SOP Instance UID that it has now; chunks:
# function that returns an iterator over the data set; octets, fd: None, as it lies nowhere; parcel: that parcel
Altered = namedtuple("Altered", ("job", "chunks", "octets", "fd", "parcel"))


def laid(stages, syntax):
    """Return the transfer syntax (a UID) that an object in `syntax` is in after `stages`."""
    if not stages:
        return syntax
    from edge.morph import draft  # only a box that changes something pays for it

    try:
        return draft.laid(syntax)
    except LocalError:
        return syntax  # `altered` says what is wrong with it


def altered(stages, parcel):
    """Return what is to be sent for a parcel.Parcel: itself, or, where the stages change something, an Altered.

    A DicomError says in words why it cannot be changed; Rotten or OSError, that the object cannot be read.
    """
    if not stages:
        return parcel
    from edge.morph import draft

    job = parcel.job
    found = draft.Draft(
        parcel.chunks, job.syntax, job.sop_class, job.uid, job.calling or "", job.called or "", job.address or "",
        job.received or 0,
    )  # fmt: skip
    for stage in stages:
        found = stage.prepare(found)
    if found.chunks == parcel.chunks:
        return parcel
    return Altered(job._replace(syntax=found.syntax, uid=found.sop_instance), found.chunks, None, None, parcel)
