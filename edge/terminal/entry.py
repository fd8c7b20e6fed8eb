"""The way in: claim a box that nobody owns yet, or log in; after three failures there is a wait."""

from edge.access.access import Denied
from edge.terminal import page
from edge.terminal.effects import Ask, Page, Rest, Show
from edge.terminal.plain import wrapped
from edge.verbs.verb import VIEWER, Asker

_FAILURES = 3
_WAIT_S = 30
_TIMID = 5  # lines that say nothing, after which it waits as after failures: the far end may be a mirror


def known(talk, place):
    """Return the verb.Asker who has logged in. place: function that returns lines about where the box is found."""
    while True:
        access = talk.box.access
        if access is None:
            yield Page("Welcome", ["This box runs without users: nobody can log in here."])
            yield Rest(_WAIT_S)
        elif not access.is_claimed():
            who = yield from page.within(_claim(talk, access, place))
            if who is not None:
                return who
        else:
            who = yield from page.within(_login(talk, access))
            if who is not None:
                return who


def _claim(talk, access, place):
    """Show the claim code, and let somebody claim the box right here; return the Asker, or None."""
    body = [
        "This box is new: nobody has claimed it. Claim it in one of two ways:", "",
        "  here: type claim, then a name and a password: you are its first engineer;", "",
        "  or in a browser, with this claim code:      %s" % access.claim_code(), "",
        *place(),
    ]  # fmt: skip
    yield Page("First run", body, "claim: claim it here")
    for _ in range(_TIMID):  # noise has to spell it, and a far end that mirrors gets a rest
        if (yield Ask("> ")).strip().lower() == "claim":
            break
    else:
        yield Rest(_WAIT_S)
        return None
    failures = 0
    while True:
        yield Show(["", "A name of letters and digits, then a password twice. ^C: back."])
        name = (yield from _filled("Your name: "))
        password = yield Ask("Password: ", True)
        again = yield Ask("The same again: ", True)
        try:
            if password == again:
                code = access.claim_code()
                return _tried(talk, "claim", name, lambda: access.claim(code, name, password, talk.where))
            words, wait_s = "The two passwords are not the same", 0
        except Denied as denied:
            words, wait_s = str(denied), denied.wait_s
        failures += 1
        yield Show(wrapped(words + "."))
        yield Rest(max(wait_s, 0 if failures % _TIMID else _WAIT_S))


def _tried(talk, verb, name, attempt):
    """Return the Asker of an attempt to come in, which is written down either way. Raises Denied."""
    try:
        who = _asker(talk, attempt())
    except Denied as denied:
        _write(talk, Asker(name[:64], VIEWER, "serial", talk.where), verb, str(denied))
        raise
    _write(talk, who, verb, None)
    return who


def _write(talk, who, verb, failure):
    if talk.box.audit is not None:
        talk.box.audit.write(who, verb, {}, None, failure)


def _asker(talk, user):
    return Asker(user.name, user.role, "serial", talk.where)


def still(talk):
    """Return the Asker who is logged in as he is by now, None when he is no user any more."""
    user = talk.box.access.users.get(talk.who.name)
    return None if user is None else _asker(talk, user)


def _filled(prompt):
    """Return a line with something in it; after some without, there is a wait."""
    empty = 0
    while True:
        typed = (yield Ask(prompt)).strip()
        if typed:
            return typed
        empty += 1
        if empty == _TIMID:
            empty = 0
            yield Rest(_WAIT_S)


def _login(talk, access):
    """Return the Asker who logs in."""
    title = talk.box.config.box.ae_title
    yield Page("Log in", ["This is the edge box %s." % title], "")
    failures = 0
    while True:
        name = yield from _filled("%s login: " % title)
        password = yield Ask("Password: ", True)
        try:
            return _tried(talk, "login", name, lambda: access.login(name, password, talk.where))
        except Denied as denied:
            failures += 1
            wait_s = max(denied.wait_s, 0 if failures % _FAILURES else _WAIT_S)
            yield Show(wrapped(str(denied) + "."))
        if wait_s:
            yield Show(["Wait %d s." % (wait_s + 1)])
            yield Rest(wait_s)


def own_password(talk):
    """Let who is logged in choose another password."""
    old = yield Ask("Your password now: ", True)
    new = yield Ask("The new one: ", True)
    if new != (yield Ask("The same again: ", True)):
        yield Show(["The two are not the same; nothing has changed."])
        return
    talk.told("password", old=old, new=new)
    yield page.said("Your password is changed.")
