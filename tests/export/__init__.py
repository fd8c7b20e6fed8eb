"""Tests of edge/export."""
