"""What goes wrong with media: one error, whose words name the cause and the next step."""


class MediaError(Exception):
    """Something about a volume or a file-set cannot be done; str() says why, and what to do."""


class NotDicom(MediaError):
    """A file is no DICOM file at all, and belongs to something else on the volume."""


class Locked(MediaError):
    """A file is under a password, and none was given."""


class NoDisc(MediaError):
    """There is a burner, and no disc in it that could be burnt: one may be put in."""
