"""Verbs on the box's network: what it is, settings that are tried and confirmed. What does it is a steward."""

import socket

from edge.verbs import stewards
from edge.verbs.trial import WITHIN
from edge.verbs.verb import ENGINEER, VIEWER, Argument, Refused, Verb

_ROLE = "network"
_PATIENCE_S = 90
_ELSEWHERE = "the network of this machine is not set by the box, but by its own tools (%s)"


def network(box, request, who):
    """Yield a row for each interface that the kernel has; return what is set, and what is on trial."""
    found = _asked("state")
    yield from found["interfaces"]
    trial, gone = found["trial"] or {}, found["went_back"] or {}
    return {
        "name": found["name"],
        "is_ours": found["is_ours"],
        "settings": found["settings"],
        "trial": trial.get("id"),
        "left_s": trial.get("left_s"),
        "went_back": gone.get("why"),
        "went_back_at": gone.get("at"),
        "listens": [dict(zip(("name", "port", "protocol"), each)) for each in found["listens"]],
    }


def check_network(box, request, who):
    """Yield a row for each mistake and warning of settings; return whether they are good."""
    found = _asked("check", settings=request["settings"], address=_address_for(who))
    for each in found["mistakes"]:
        yield {"where": each["where"], "words": each["words"], "level": "mistake"}
    for each in found["warnings"]:
        yield {"where": "", "words": each, "level": "warning"}
    return {"good": not found["mistakes"]}


def change_network(box, request, who):
    """Apply settings, on trial; return the trial."""
    more = {} if request.get("within_s") is None else {"within_s": request["within_s"]}
    return _asked("apply", settings=request["settings"], address=_address_for(who), **more)
    yield  # a verb without rows is a generator all the same


def confirm_network(box, request, who):
    """Let the settings that are on trial stay."""
    _asked("confirm", trial=request.get("trial") or _trial())
    return {}
    yield


def revert_network(box, request, who):
    """Put back what was before the trial."""
    _asked("revert", trial=request.get("trial"))
    return {}
    yield


def _trial():
    found = _asked("state")["trial"]
    if found is None:
        raise Refused("no change of the network is on trial: it was confirmed, or went back already")
    return found["id"]


def _asked(verb, /, **given):
    return stewards.asked(_ROLE, verb, _PATIENCE_S, _ELSEWHERE, **given)


def _address_for(who):
    """Return the address of the box by which an Asker is connected, None where he is not on the network."""
    if not who.address or who.skin == "serial":
        return None
    try:
        family = socket.AF_INET6 if ":" in who.address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((who.address, 9))  # nothing is sent
            return probe.getsockname()[0]
    except (OSError, ValueError):
        return None


_SETTINGS = Argument("settings", "hidden", "The settings of the network, as `network` shows them.", True)
_TRIAL = Argument("trial", "text", "Which change; without it, whichever is on trial.")

VERBS = (
    Verb(
        "network",
        "show the box's network: interfaces, settings, what is on trial",
        network,
        VIEWER,
        (),
        {"device": "text", "is_up": "truth", "mac": "text", "addresses": ["text"]},
        {
            "name": "text",
            "is_ours": "truth",
            "settings": "any",
            "trial": "text?",
            "left_s": "number?",
            "went_back": "text?",
            "went_back_at": "time?",
            "listens": [{"name": "text", "port": "number", "protocol": "text"}],
        },
        slow=True,
    ),
    Verb(
        "check-network",
        "check settings of the network without changing anything",
        check_network,
        ENGINEER,
        (_SETTINGS,),
        {"where": "text", "words": "text", "level": "text"},
        {"good": "truth"},
        slow=True,
    ),
    Verb(
        "change-network",
        "change the network, on trial until it is confirmed",
        change_network,
        ENGINEER,
        (_SETTINGS, WITHIN),
        None,
        {"trial": "text?", "confirm_in_s": "number?", "warnings": ["text"]},
        changes=True,
        slow=True,
    ),
    Verb(
        "confirm-network",
        "let the network stay that is on trial",
        confirm_network,
        ENGINEER,
        (_TRIAL,),
        None,
        {},
        changes=True,
        slow=True,
    ),
    Verb(
        "revert-network",
        "put back the network that was before the trial",
        revert_network,
        ENGINEER,
        (_TRIAL,),
        None,
        {},
        changes=True,
        slow=True,
    ),
)
