"""A network that is there as long as the file TAP_WIFI names is."""

import os

STA_IF = 0


def country(code):
    pass


def hostname(name):
    pass


class WLAN:
    def __init__(self, kind):
        self._wants = False

    def active(self, is_on):
        pass

    def connect(self, ssid, password):
        self._wants = True

    def disconnect(self):
        self._wants = False

    def isconnected(self):
        try:
            os.stat(os.getenv("TAP_WIFI"))
        except OSError:
            return False
        return self._wants
