"""Where the packaged program begins: the command `edge`, or a process that the box starts of itself.

From source such a process is `python -m edge.room.module`. Packaged, `sys.executable` is the program itself, so it takes
`-m` too, for its own modules and nothing else.
"""

import sys


def main():
    """Run the command line, or the module named after `-m`; return the exit code."""
    if sys.argv[1:2] == ["-m"] and sys.argv[2:3] and sys.argv[2].startswith("edge."):
        import runpy

        name = sys.argv[2]
        del sys.argv[1:3]
        runpy.run_module(name, run_name="__main__", alter_sys=True)
        return 0
    from edge.service import __main__

    return __main__.main()


if __name__ == "__main__":
    sys.exit(main())
