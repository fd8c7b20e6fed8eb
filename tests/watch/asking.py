"""What the tests of edge/watch share: a verb asked of a running service, over its control socket."""


def ask(box, verb, **arguments):
    """Return (rows, summary) of a verb that a support.service.Service answers."""
    return box.ask(verb, **arguments)


def associations(box):
    """The rows of the verb `associations`."""
    return ask(box, "associations")[0]
