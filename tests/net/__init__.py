"""Tests of edge/net against foreign peers on loopback."""
