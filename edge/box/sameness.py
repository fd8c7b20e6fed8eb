"""Whether two stored objects are the same although one of them is compressed: what the spool asks and cannot know.

Both are decoded side by side, frame by frame, and their elements compared as the spool compares those of uncompressed
ones. Transcoding without loss changes nothing else, so that what went out compressed and came back counts as the same.
"""

from edge.dicom import syntax
from edge.pixels import source, transcode
from edge.spool.compare import same_elements
from edge.spool.inflate import inflater


def same_decoded(one, other):
    """Say whether two objects, each (descriptor, offset, size, transfer syntax UID), are the same; see Comparison.

    DicomError where one of them cannot be decoded, for want of a codec or because it is damaged.
    """
    return same_elements(_decoded(one), _decoded(other))


def _decoded(side):
    """Yield a data set in explicit VR little endian, its pixels decoded."""
    fd, offset, size, uid = side

    def chunks():
        return source.octets_of(fd, offset, size)

    return transcode.Transcoding(chunks, syntax.lookup(uid), "explicit", inflater).parts()
