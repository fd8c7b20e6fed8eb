"""Tests of edge/protocol: plain functions with bare asserts, run by CPython and by MicroPython."""
