"""One file of a volume."""

from collections import namedtuple

# name: with "/", as it stands on the volume; path: where it lies on the box's disk; size: in octets
Leaf = namedtuple("Leaf", "name path size")
