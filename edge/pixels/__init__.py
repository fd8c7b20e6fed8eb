"""Pixel data: found in an object, decoded, encoded, and whole objects turned into another transfer syntax."""
