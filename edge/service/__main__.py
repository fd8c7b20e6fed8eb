"""The way in: `edge`, or `python -m edge.service`. Commands that live on this floor are handed down to the console.

Everything else is imported within `main`: somebody may press Ctrl-C before it is all there.
"""

import os
import sys

# How libc deals with memory. From how many octets on it gives a block back as soon as it is free: left to itself it
# raises that with the first window of an association that it frees, and from then on keeps those of a burst of
# associations. And from how many heaps threads are served: left to itself each gets its own, and none gives back what
# another could use.
_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_ARENA_MAX": "1"}


def main():
    """Run the command line that the process was started with and return its exit code."""
    try:
        if sys.argv[1:2] == ["serve"]:
            _have_memory_given_back()
        from edge.console import commandline

        return commandline.main(sys.argv[1:], {"serve": _serve, "demo": _demo})
    except KeyboardInterrupt:
        print("edge: interrupted", file=sys.stderr)
        return 130  # commands.INTERRUPTED, which may not be there yet


def _have_memory_given_back():
    """Begin anew, as the same process, with what libc reads from its environment and nowhere else."""
    missing = {name: value for name, value in _MEMORY.items() if name not in os.environ}
    if missing and os.access(sys.executable or "", os.X_OK):
        os.environ.update(missing)
        os.execv(sys.executable, sys.orig_argv)


def _serve(loaded, options):
    from edge.service import serve

    return serve.run(loaded)


def _demo(loaded, options):
    from edge.demo import day

    return day.run(loaded, options.get("from"))


if __name__ == "__main__":
    sys.exit(main())
