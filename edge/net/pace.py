"""A rate that is kept to by all connections of one destination together: who wants to send waits for its turn here.

A line of time is kept: each octet taken moves its end on by the time that the octet needs at the rate, and whoever asks
waits until the line's end is now. A line that lags behind, because nobody asked or because a sleep was too long,
catches up by `_SLACK_S` at most: over any ten seconds that and one piece are all that can be sent beyond the rate.

What one asks for are octets of its own; the frames they travel in are longer, and some are sent twice. `charge` puts
that down afterwards, as the kernel has counted it.
"""

import time
from threading import Lock

_SLACK_S = 0.15
_PIECE_S = 0.02
_LEAST_PIECE_BYTES = 1400  # about a segment: less would be mostly headers
_MOST_PIECE_BYTES = 65536
_PDU_S = 2
_LEAST_PDU_BYTES = 4096


class Pace:
    """`rate_bytes_per_s` for any number of threads; now, sleep: the clock, in seconds, and how to wait by it.

    piece_bytes: how much to take at a time; pdu_bytes: the longest PDU that a peer's patience is enough for.
    """

    def __init__(self, rate_bytes_per_s, now=time.monotonic, sleep=time.sleep):
        self.rate_bytes_per_s = rate_bytes_per_s
        self.piece_bytes = min(_MOST_PIECE_BYTES, max(_LEAST_PIECE_BYTES, int(rate_bytes_per_s * _PIECE_S)))
        self.pdu_bytes = max(_LEAST_PDU_BYTES, int(rate_bytes_per_s * _PDU_S)) & ~1
        self._now = now
        self._sleep = sleep
        self._lock = Lock()
        self._paid_at = now()  # when all that was taken will have had its time

    def take(self, octets, stopped=None):
        """Wait until so many octets may be sent; those who ask first go first. Ask for no more than a piece at a time.

        stopped: a threading.Event that ends the waiting when it is set. Returns whether the octets may be sent.
        """
        with self._lock:
            now = self._now()
            begin = max(self._paid_at, now - _SLACK_S)
            self._paid_at = begin + octets / self.rate_bytes_per_s
        while stopped is None or not stopped.is_set():
            wait_s = begin - self._now()
            if wait_s <= 0:
                return True
            if stopped is None:
                self._sleep(wait_s)
            else:
                stopped.wait(wait_s)
        return False

    def charge(self, octets):
        """Count octets that were sent beside those that were taken, or, negative, were taken and not sent."""
        with self._lock:
            self._paid_at += octets / self.rate_bytes_per_s
