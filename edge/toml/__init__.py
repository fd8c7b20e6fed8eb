"""Files in TOML that people write, read by a table of their keys."""
