"""How a verb has a steward do what needs privileges: what that refuses, the verb refuses."""

from edge.steward import client
from edge.steward.errors import StewardError, Unreachable
from edge.verbs.verb import Refused


def asked(role, verb, patience_s=client.PATIENCE_S, elsewhere="%s", /, **given):
    """Return the answer of a steward. Raises Refused with its words.

    patience_s: how long it may be silent; elsewhere: what is said where it cannot be reached, with why in it.
    """
    try:
        return client.answer(client.folder(), role, verb, patience_s, **given)
    except Unreachable as error:
        raise Refused(elsewhere % error) from None
    except StewardError as error:
        raise Refused(str(error)) from None
