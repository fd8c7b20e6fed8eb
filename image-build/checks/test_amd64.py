"""The image of the emulated amd64 board."""

from checks.behaviours import *  # noqa: F403 - each of them is a test

BOARD = "qemu-amd64"
