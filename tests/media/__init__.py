"""Offline media, each volume read by foreign programs."""
