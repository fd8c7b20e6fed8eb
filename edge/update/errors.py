"""What speaks against an update."""


class Unfit(Exception):
    """The update cannot be taken; str() says why and what to do."""
