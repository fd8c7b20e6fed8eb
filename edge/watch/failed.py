"""That an alert could not be sent."""


class Failed(Exception):
    """An alert could not be sent; str() says why, and what to do."""
