"""The whole conversation: log in, the first menu, what is chosen in it, log out."""

import logging
import os

from edge.dicom.errors import DicomError
from edge.terminal import adjusting, anything, applying, entry, importing, media, network, page, peers, state
from edge.terminal import updating, waiting
from edge.terminal.effects import Ask, Back, Known, Page, Show
from edge.terminal.plain import cut, wrapped
from edge.terminal.talk import Talk
from edge.verbs.verb import Refused

_log = logging.getLogger("edge.terminal")

# key, words, the verb that has to be there, the screen
_ITEMS = (
    ("1", "State of the box", "status", state.state),
    ("2", "Queue: what waits, what is held and why", "queue", waiting.queue),
    ("3", "Associations: who came, accept who was refused", "status", peers.associations),
    ("4", "Destinations, and a test of each", "status", peers.destinations),
    ("5", "Settings", "settings", adjusting.settings),
    ("6", "Network: addresses, settings, the console's fingerprint", "status", None),
    ("7", "Events, alerts, log", "status", state.happened),
    ("8", "Import: configuration, certificate", "change", importing.inward),
    ("9", "Export: support bundle, backup", "status", importing.outward),
    ("a", "All other actions, by name", "status", anything.every),
    ("b", "Media: exports, a study to a disc, take in a stick", "exports", media.media),
    ("u", "Update: versions, a new one", "versions", updating.updates),
)


def conversation(box, where, place, who=None):
    """Yield the effects of one conversation, from the login to the logout.

    box: box.Box; where: the line in words; place: function that returns lines about where the box is found; who: the
    Asker, where no login is needed.
    """
    talk = Talk(box, where, who)
    while True:
        try:
            if not talk.is_own:
                talk.who = yield from entry.known(talk, place)
            yield Known(talk.who)
            yield from _menu(talk, place)
        except Back:
            continue
        yield Known(None)
        yield Show(["", "Logged out."])
        if talk.is_own:
            return
        talk.who = None


def _menu(talk, place):
    """Offer the first menu until somebody logs out."""
    while True:
        try:
            if not (yield from _once(talk, place)):
                return
        except Back:
            continue
        except (Refused, DicomError) as refusal:
            yield page.said("Not done: %s." % str(refusal).rstrip("."))
            yield from page.within(_pause())
        except Exception as error:
            _log.exception("a screen on %s failed inside this box", talk.where)
            yield page.said("It failed inside the box (%s); its log says more." % type(error).__name__)
            yield from page.within(_pause())


def _pause():
    yield Ask("Enter: back ")


def _once(talk, place):
    """Show the menu and do what is chosen; return whether to go on."""
    if not talk.is_own:
        talk.who = entry.still(talk)
        if talk.who is None:
            yield Show(["", "You are no user of this box any more."])
            return False
    known = [each for each in _ITEMS if talk.knows(each[2])]
    screens = {each[0]: each[3] for each in known}
    trial = applying.trial_of(talk)
    body = [cut("%s, %s" % (talk.box.config.box.ae_title, os.uname().nodename), 79)]
    body += wrapped(state.headline(talk.told("status")[1]))[:2]
    options = [" %2s  %s" % each[:2] for each in known]
    extra = {}
    if trial:
        body.append("! A change of the settings is on trial and goes back in %d s." % round(trial["left_s"] or 0))
        options.append("  c  Confirm that change, or let it go back")
        extra["c"] = applying.on_trial
    if talk.box.access is not None and not talk.box.access.is_claimed():
        body.append("! Nobody has claimed this box; its claim code is %s" % talk.box.access.claim_code())
    if talk.knows("password") and not talk.is_own:
        options.append("  p  Change your password")
        extra["p"] = entry.own_password
    leave = "Leave" if talk.is_own else "Log out"
    yield Page("Menu", [*body, "", *options, "  0  " + leave], "^C or q: back, from anywhere")
    typed = (yield Ask("Choose: ")).strip().lower()
    if typed == "0":
        return False
    if typed == "6":
        keys = [("s", "settings of the network", lambda: network.network_of(talk))]
        yield from page.turn("Addresses", (), place(), lambda each: [each], keys=keys, enter="Enter or q: back")
    elif typed in screens or typed in extra:
        yield from (screens.get(typed) or extra[typed])(talk)
    elif typed:
        yield Show(["%s is none of these." % cut(typed, 40)])
    return True
