"""The options that many commands have."""

from edge.console.arguments import Option

CONFIG = Option(
    "--config", "FILE", "The configuration (TOML); without it $EDGE_CONFIG, ./edge.toml, or the built-in defaults."
)
JSON = Option("--json", None, "Print JSON for a program instead of a table for a person.")
