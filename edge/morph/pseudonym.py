"""What stands for an identity, made of it by a key: the same for the same, on every day and every box with that key.

Nobody without the key can tell what an identity was, or whether two made with other keys are one. Every use has a name
of its own in the keyed function, so that one pseudonym says nothing about another.
"""

import hashlib
import hmac
import re
from datetime import datetime, timedelta

from edge.dicom import uid

KEY_BYTES = 16  # at least

_STANDARD = "1.2.840.10008."
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that is taken for another
_PATIENT_LETTERS = 12
_SHIFT_DAYS = 3650
_DATE = re.compile(r"(\d{4})(\.?)(\d\d)\2(\d\d)((?:\d\d){0,3}(?:\.\d{1,6})?(?:[+-]\d{4})?)")


class Key:
    """The keyed functions of one secret, bytes of at least KEY_BYTES."""

    def __init__(self, secret):
        if len(secret) < KEY_BYTES:
            raise ValueError("it has %d octets; at least %d are needed" % (len(secret), KEY_BYTES))
        self._secret = bytes(secret)

    def __repr__(self):
        return "Key(...)"  # whatever prints it

    def _digest(self, use, identity):
        return hmac.digest(self._secret, use + b"\0" + identity.encode("utf-8", "surrogatepass"), hashlib.sha256)

    def uid(self, original):
        """Return the UID that stands for `original`: 2.25 and 122 bits; UIDs of the standard stand for themselves."""
        if not original or original.startswith(_STANDARD) and uid.is_valid(original):
            return original
        return uid.from_random(self._digest(b"uid", original)[:16])

    def patient(self, original):
        """Return what stands for a Patient ID: twelve letters and digits, fit for any text VR."""
        if not original:
            return ""
        number = int.from_bytes(self._digest(b"patient", original)[:8], "big")
        return "".join([_LETTERS[number >> 5 * place & 31] for place in range(_PATIENT_LETTERS)])

    def shift_days(self, patient):
        """Return by how many days, always backwards, the dates of the patient with this original Patient ID move."""
        return -1 - int.from_bytes(self._digest(b"date", patient)[:8], "big") % _SHIFT_DAYS


def shifted(value, days):
    """Return a DA or DT moved by whole days, its time and zone as they are; None when it is no whole date."""
    found = _DATE.fullmatch(value.strip(" "))
    if found is None:
        return None
    try:
        moved = datetime(int(found[1]), int(found[3]), int(found[4])) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return "%04d%02d%02d%s" % (moved.year, moved.month, moved.day, found[5])
