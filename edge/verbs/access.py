"""Verbs on who may: users, tokens, who is logged in, and what was changed by whom."""

from edge.access.access import Access, Denied
from edge.access.roles import ENGINEER, ROLES, VIEWER
from edge.access.users import Unfit
from edge.verbs.verb import Argument, Misused, Refused, Verb

_TOKEN_DAYS = 365
_LINES = 200
_LINES_MOST = 1000


class _TooSoon(Refused):
    """It was tried too often. wait_s: how long there is no use in trying."""

    def __init__(self, words, wait_s):
        super().__init__(words)
        self.wait_s = wait_s


def _access(box):
    """Return the access.Access of a box; where no service runs, one on the files in its state folder."""
    return box.access if box.access is not None else Access(box.config.box.state_dir)


def _try(change, *arguments, **named):
    """Do what changes a file of users or tokens; raises Refused."""
    try:
        return change(*arguments, **named)
    except Unfit as unfit:
        raise Refused(str(unfit)) from None
    except Denied as denied:
        raise _TooSoon(str(denied), denied.wait_s) from None
    except OSError as error:
        words = "it cannot be kept, and is as it was: %s"
        raise Refused(words % (error.strerror or str(error)).lower()) from None


def users(box, request, who):
    """Yield a row for each user; return whether the box is claimed."""
    access = _access(box)
    if access.users.fault:
        raise Refused(access.users.fault)
    yield from [each._asdict() for each in access.users.all()]
    return {"claimed": access.is_claimed()}


def user(box, request, who):
    """Make, change or remove a user; return what he was before and is now."""
    users_of = _access(box).users
    name, role, password = request["name"], request.get("role"), request.get("password")
    before = users_of.get(name)
    if request.get("remove"):
        if role is not None or password is not None or request.get("new"):
            raise Misused("remove stands alone")
        _try(users_of.remove, name)
    elif role is None and password is None:
        raise Misused("say what to change: role, password or remove")
    else:
        _try(users_of.put, name, role, password, bool(request.get("new")))
    if box.access is not None and (password is not None or request.get("remove")):
        box.access.sessions.end_of(name)
    after = users_of.get(name)
    return {"name": name, "before": before and before.role, "after": after and after.role}
    yield  # a verb without rows is a generator all the same


def password(box, request, who):
    """Give the one who asks another password; he has to log in again."""
    access = _access(box)
    if access.users.get(who.name) is None:
        raise Refused("this is for a user who has logged in; for somebody else's password there is `user`")
    _try(access.change_password, who.name, request["old"], request["new"], who.address)
    access.sessions.end_of(who.name)
    return {"changed": True}
    yield  # a verb without rows is a generator all the same


def tokens(box, request, who):
    """Yield a row for each token, without its secret."""
    kept = _access(box).tokens
    if kept.fault:
        raise Refused(kept.fault)
    yield from [each._asdict() for each in kept.all()]
    return {}


def token(box, request, who):
    """Make a token, and return its secret, which nobody sees again; or remove one."""
    kept = _access(box).tokens
    name, role = request["name"], request.get("role")
    if request.get("remove"):
        if role is not None or request.get("expires") is not None:
            raise Misused("remove stands alone")
        _try(kept.remove, name)
        return {"name": name, "secret": None, "expires": None}
    if role is None:
        raise Misused("token needs role, or remove")
    secret, made = _try(kept.make, name, role, request.get("expires", _TOKEN_DAYS), who.name or str(who))
    return {"name": name, "secret": secret, "expires": made.expires}
    yield  # a verb without rows is a generator all the same


def sessions(box, request, who):
    """Yield a row for each who is logged in."""
    if box.access is None:
        raise Refused("the box does not run, so nobody is logged in")
    for each in box.access.sessions.all(box.access.idle_s):
        yield {name: value for name, value in each._asdict().items() if name != "csrf"}
    return {}


def end_session(box, request, who):
    """Log somebody out."""
    if box.access is None:
        raise Refused("the box does not run, so nobody is logged in")
    if not box.access.sessions.end_number(request["number"]):
        raise Refused("no session has the number %d; it has ended" % request["number"])
    return {"ended": request["number"]}
    yield  # a verb without rows is a generator all the same


def audit(box, request, who):
    """Yield the lines of the audit trail; return whether any was changed since it was written."""
    if box.audit is None:
        raise Refused("the box does not run; the trail lies in the folder audit of its state folder")
    limit = request.get("limit", _LINES)
    if not 0 < limit <= _LINES_MOST:
        raise Misused("limit of audit: expected 1 to %d" % _LINES_MOST)
    try:
        for row in box.audit.read(request.get("after"), limit):
            yield {
                "id": row["n"],
                "at": row["at"],
                "who": row["who"],
                "role": row["role"],
                "verb": row["verb"],
                "request": row["request"],
                "outcome": row["answer"],
                "failure": row["failure"],
            }
        broken = box.audit.broken_at()
    except OSError as error:
        raise Refused("the audit trail cannot be read: %s" % (error.strerror or str(error)).lower()) from None
    return {"broken_at": broken, "fault": box.audit.fault}


_NAME = Argument("name", "text", "What the token is for.", True)
_ROLE = Argument("role", "choice", "What it may do.", False, ROLES)
_REMOVE = Argument("remove", "truth", "Remove it.")

VERBS = (
    Verb(
        "users",
        "list who may log in",
        users,
        ENGINEER,
        (),
        {"name": "text", "role": "text", "last": "time?"},
        {"claimed": "truth"},
    ),
    Verb(
        "user",
        "make, change or remove a user; one who has the name already is changed, unless new is said",
        user,
        ENGINEER,
        (
            Argument("name", "text", "The user's name: a word.", True),
            Argument("role", "choice", "What he may do.", False, ROLES),
            Argument("password", "secret", "His password, of 10 characters or more."),
            Argument("new", "truth", "Only make him: refused where a user has this name already."),
            Argument("remove", "truth", "Remove him."),
        ),
        None,
        {"name": "text", "before": "text?", "after": "text?"},
        changes=True,
    ),
    Verb(
        "password",
        "change one's own password",
        password,
        VIEWER,
        (
            Argument("old", "secret", "The password until now.", True),
            Argument("new", "secret", "The one from now on.", True),
        ),
        None,
        {"changed": "truth"},
        changes=True,
    ),
    Verb(
        "tokens",
        "list the tokens by which programs ask",
        tokens,
        ENGINEER,
        (),
        {"name": "text", "role": "text", "made": "time", "expires": "time", "by": "text"},
    ),
    Verb(
        "token",
        "make or remove a token",
        token,
        ENGINEER,
        (_NAME, _ROLE, Argument("expires", "number", "After how many days it is good no more; 365."), _REMOVE),
        None,
        {"name": "text", "secret": "secret?", "expires": "time?"},
        changes=True,
    ),
    Verb(
        "sessions",
        "list who is logged in",
        sessions,
        ENGINEER,
        (),
        {"number": "number", "name": "text", "address": "text", "skin": "text", "began": "time", "seen": "time"},
    ),
    Verb(
        "end-session",
        "log somebody out",
        end_session,
        ENGINEER,
        (Argument("number", "number", "The session, as `sessions` numbers it.", True),),
        None,
        {"ended": "number"},
        changes=True,
    ),
    Verb(
        "audit",
        "list what was changed, and by whom",
        audit,
        ENGINEER,
        (
            Argument("after", "number", "Only what stands behind this line; without it, the last ones."),
            Argument("limit", "number", "At most so many lines; 200."),
        ),
        {
            "id": "number",
            "at": "time",
            "who": "text",
            "role": "text?",
            "verb": "text",
            "request": "any",
            "outcome": "any",
            "failure": "text?",
        },
        {"broken_at": "number?", "fault": "text?"},
    ),
)
