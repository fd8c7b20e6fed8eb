"""How far a writer of volumes has come, and what it has made."""

from collections import namedtuple

# What a writer yields. done, total: octets, of writing and of reading back where it does that. Whoever closes the
# generator cancels: nothing of the volume is left behind.
Written = namedtuple("Written", "done total")

# What a writer returns at its end (the value of its StopIteration, or of `yield from`). path: where it lies; octets:
# how many; sha256: of one file as a whole, in hexadecimal digits, or "" where it was not reckoned.
Made = namedtuple("Made", "path octets sha256")
