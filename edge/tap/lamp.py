"""One LED, and what it says: how often it blinks before a pause."""

# What there is to say, the more urgent first -> (blinks, ms lit and ms dark in between, ms of pause)
SIGNS = {
    "settings": (5, 150, 1500),  # they have mistakes; nothing is taken
    "full": (1, 100, 0),  # the flash is full: records are refused
    "aside": (4, 150, 1500),  # a record waits for a person
    "offline": (3, 150, 1500),  # no network
    "away": (2, 150, 1500),  # the box does not answer; records wait
    "receiving": (1, 40, 0),
    "sending": (1, 300, 0),
    "ready": (0, 0, 0),  # lit
}


def is_lit(sign, now_ms):
    """Say whether the LED is lit at `now_ms`."""
    blinks, on_ms, pause_ms = SIGNS[sign]
    if not blinks:
        return True
    at_ms = now_ms % (blinks * 2 * on_ms + pause_ms)
    return at_ms < blinks * 2 * on_ms and at_ms // on_ms % 2 == 0
