"""What every screen is given: the box, who asks, and how to ask for verbs."""

from edge.terminal.effects import Show, Step
from edge.verbs import table
from edge.verbs.verb import Forbidden

ROWS = 2000  # of an answer that is collected as a whole


class Talk:
    """One person at one terminal.

    box: box.Box; who: verb.Asker, None before the login; where: the line in words, as the audit trail keeps it; is_own:
    whether who sits there may do everything without a login, as at the control socket.
    """

    def __init__(self, box, where, who=None):
        self.box = box
        self.where = where
        self.who = who
        self.is_own = who is not None

    def ask(self, name, **arguments):
        """Return the generator of a verb; see verb.ask."""
        return table.ask(self.box, name, arguments, self.who)

    def knows(self, name):
        """Say whether there is a verb of this name that who asks may use."""
        return name in table.VERBS and self.who.may(table.VERBS[name].role)

    def needs(self, name):
        """Raise Forbidden, before anything is typed in vain, where who asks may not use the verb."""
        if not self.knows(name):
            raise Forbidden("this is for the role %s; you are %s" % (table.VERBS[name].role, self.who.role))

    def told(self, name, **arguments):
        """Return (rows, summary) of a verb that answers at once, of rows as many as `ROWS`."""
        return gathered(self.ask(name, **arguments))

    def done(self, name, **arguments):
        """Like `told`, as a screen: for a verb that may take long. It says so, and lets itself be broken off."""
        yield Show(["", "Working; ^C breaks off ..."])
        yield Step()
        return (yield from _gathering(self.ask(name, **arguments)))


def _gathering(answer):
    """Yield a Step after each row of the generator of a verb; return (rows, summary)."""
    rows = []
    while True:
        try:
            row = next(answer)
        except StopIteration as end:
            return rows, end.value
        if len(rows) < ROWS:
            rows.append(row)
        yield Step()


def gathered(answer):
    """Return (rows, summary) of the generator of a verb."""
    steps = _gathering(answer)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


class Rows:
    """The rows of a verb's generator, one by one; `summary` is what it returned, once it has ended."""

    def __init__(self, answer):
        self._answer = answer
        self.summary = None

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return next(self._answer)
        except StopIteration as end:
            if end.value is not None:
                self.summary = end.value
            raise StopIteration from None
