"""The way in: `edge`, or `python -m edge.service`. Commands that live on this floor are handed down to the console.

Everything else is imported within `main`: somebody may press Ctrl-C before it is all there.
"""

import sys


def main():
    """Run the command line that the process was started with and return its exit code."""
    try:
        from edge.console import commandline

        return commandline.main(sys.argv[1:], {"serve": _serve, "demo": _demo})
    except KeyboardInterrupt:
        print("edge: interrupted", file=sys.stderr)
        return 130  # commands.INTERRUPTED, which may not be there yet


def _serve(loaded, options):
    from edge.service import serve

    return serve.run(loaded)


def _demo(loaded, options):
    from edge.demo import day

    return day.run(loaded, options.get("from"))


if __name__ == "__main__":
    sys.exit(main())
