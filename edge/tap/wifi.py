"""Wi-Fi that comes back: a station that connects, and connects again when it was lost, without waiting for it.

wlan: network.WLAN of MicroPython, or what behaves like it.
"""

_AGAIN_MS = 20000  # after which a connection that does not come about is begun anew


class Wifi:
    """A station by `settings`, the section wifi."""

    def __init__(self, wlan, settings):
        self._wlan = wlan
        self._settings = settings
        self._due_ms = None
        self._wlan.active(True)

    def is_up(self, now_ms):
        """Say whether there is a network; begin to connect where there is none and none is on its way."""
        if self._wlan.isconnected():
            self._due_ms = None
            return True
        if self._due_ms is None or now_ms >= self._due_ms:
            self._due_ms = now_ms + _AGAIN_MS
            try:
                self._wlan.disconnect()
                self._wlan.connect(self._settings["ssid"], self._settings["password"] or None)
            except OSError:
                pass  # the radio is busy or not ready; it is tried again
        return False
