"""What the tests of edge/watch share: a verb asked of a running service, over its control socket."""

from edge.console import control


def ask(box, verb, **arguments):
    """Return (rows, summary) of a verb that a support.service.Service answers."""
    channel = control.connect(str(box.state_dir))
    rows = []
    try:
        answer = control.ask(channel, verb, **arguments)
        while True:
            try:
                rows.append(next(answer))
            except StopIteration as end:
                return rows, end.value
    finally:
        channel.close()


def associations(box):
    """The rows of the verb `associations`."""
    return ask(box, "associations")[0]
