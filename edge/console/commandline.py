"""The command line: `edge COMMAND`, for people and scripts."""

import sys

from edge import VERSION


def main():
    """Run one command of `sys.argv` and return its exit code."""
    if sys.argv[1:] == ["--version"]:
        print("edge " + VERSION)
        return 0
    return 2
