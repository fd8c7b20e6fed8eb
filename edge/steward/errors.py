"""What can go wrong between the box and a steward: it says no, or it is not there."""


class StewardError(Exception):
    """What was asked of a steward was not done; str() says why and what to do."""


class Refused(StewardError):
    """The steward says no, or what it tried did not work."""


class Misused(Refused):
    """There is no such verb, or its arguments are not what it takes."""


class Busy(Refused):
    """The steward is at something else."""


class Unreachable(StewardError):
    """No steward answers."""
