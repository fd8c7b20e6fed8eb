"""Pixels: the codecs, and what becomes of an object that goes through them."""
