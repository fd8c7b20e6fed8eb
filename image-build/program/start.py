"""Where the packaged program begins: the command `edge`, or a process that the box starts of itself.

From source such a process is `python -m edge.room.module`. Packaged, `sys.executable` is the program itself, so it takes
`-m` too, for its own modules and nothing else.
"""

import os
import sys

_LIBRARIES = "LD_LIBRARY_PATH"


def main():
    """Run the command line, or the module named after `-m`; return the exit code."""
    _tidy(os.environ)
    if sys.argv[1:2] == ["-m"] and sys.argv[2:3] and sys.argv[2].startswith("edge."):
        import runpy

        name = sys.argv[2]
        del sys.argv[1:3]
        runpy.run_module(name, run_name="__main__", alter_sys=True)
        return 0
    from edge.service import __main__

    return __main__.main()


def _tidy(environment):
    """Take out what PyInstaller's first steps left: other programs that are started find their own libraries.

    This process has read it; what it starts of itself sets it anew.
    """
    before = environment.pop(_LIBRARIES + "_ORIG", None)
    environment.pop(_LIBRARIES, None)
    if before is not None:
        environment[_LIBRARIES] = before
    for name in [each for each in environment if each.startswith("_PYI_")]:
        del environment[name]


if __name__ == "__main__":
    sys.exit(main())
