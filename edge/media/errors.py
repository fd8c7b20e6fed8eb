"""What goes wrong with media: one error, whose words name the cause and the next step."""


class MediaError(Exception):
    """Something about a volume or a file-set cannot be done; str() says why, and what to do."""
