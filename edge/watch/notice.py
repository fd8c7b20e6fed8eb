"""What an alert says: words made of counts, times and names of the configuration, never of an object or a peer.

The troubles of the box name a cause, which may be what another side said, or a path with a UID in it: that is for who
looks at the box. An alert leaves it, so its words are made here anew, from the key of the trouble and the numbers at
its beginning. What this table does not know is told in its own words, without UIDs and paths.
"""

import re
import time
from collections import namedtuple

BEGINS, GOES_ON, IS_OVER, PASSED, TEST = "begin", "still", "over", "passed", "test"

# What is told. box: what the box calls itself; key: of the alert; what: one of those above; since, until: s since 1970
Notice = namedtuple("Notice", ("box", "key", "what", "since", "until", "words"))

_UID = re.compile(r"(?<![\w.])[0-2](?:\.\d+){4,}")
_STANDARD = "1.2.840.10008."
_PATH = re.compile(r"(?<![\w:/])/[^\s,;:'\"]+")
_COUNT = re.compile(r"\A(\d+) ")
_WORDS = 300

# key of the trouble, or what it begins with -> words; %(count)s: "3 objects are", %(name)s: what follows in the key
_WORDS_OF = (
    ("held conflict", "objects are held: others of their UID were here already%(count)s"),
    ("held unrouted", "objects are held: no route took them%(count)s"),
    ("held found", "objects are held: they were found without a line in the journal%(count)s"),
    ("held rotten", "objects are held: their files are not what was received any more%(count)s"),
    ("held for ", "jobs for %(name)s are held%(count)s; see `edge queue --destination %(name)s --state held`"),
    ("refused by ", "%(name)s refuses this box until something is changed there or here"),
    ("old for ", "objects wait for %(name)s for longer than they may%(count)s"),
    ("uncommitted ", "%(name)s does not commit to what it was sent"),
    ("stranded ", "jobs are left for %(name)s, which is not in the configuration%(count)s"),
    ("down ", "%(name)s cannot be reached, and objects wait for it"),
    ("silent ", "nothing was heard of %(name)s for longer than it should be silent"),
    ("alert ", "alerts cannot be sent by way of %(name)s"),
    ("space", "there is no room for new objects: they are refused"),
    ("high water", "the room for objects is nearly full"),
    ("forecast", "the room for objects will be full soon"),
    ("sync", "the disk cannot be written: nothing new is taken"),
    ("journal", "the journal was damaged"),
    ("index", "the index is not in order"),
    ("house", "keeping house fails"),
    ("clock", "the clock of the box cannot be believed"),
    ("clock unset", "nothing sets the clock of the box, so it cannot be believed"),
    ("setup", "a setup file on a stick is not taken; see `edge setup`"),
    ("TLS ", "%(key)s does not work: its files cannot be used"),
)


def without_uids(words, replace=None):
    """Return words with every UID but those of the standard as what `replace` makes of it, "(UID)" without."""

    def shown(found):
        uid = found.group()
        if uid.startswith(_STANDARD):
            return uid
        return "(UID)" if replace is None else replace(uid)

    return _UID.sub(shown, words)


def words_of(trouble):
    """Return the words of an alert for a health.Trouble."""
    key = without_uids(trouble.key)
    for begin, words in _WORDS_OF:
        if key == begin or begin.endswith(" ") and key.startswith(begin):
            count = _COUNT.match(trouble.words)
            values = {
                "key": key, "name": key[len(begin) :], "count": " (%s)" % count.group(1) if count else "",
            }  # fmt: skip
            return words % values
    return _PATH.sub("(path)", without_uids(trouble.words))[:_WORDS]


def line(notice):
    """Return a Notice as one line: "EDGE: archive cannot be reached ... (since 14:10)"."""
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(notice.since))
    until = time.strftime("%Y-%m-%d %H:%M", time.localtime(notice.until)) if notice.until else ""
    if notice.what == TEST:
        return "TEST: %s" % notice.words
    if notice.what == IS_OVER:
        return "over: %s (from %s to %s)" % (notice.words, since, until)
    if notice.what == PASSED:
        return "was: %s (from %s to %s, could not be told before)" % (notice.words, since, until)
    if notice.what == GOES_ON:
        return "still: %s (since %s)" % (notice.words, since)
    return "%s (since %s)" % (notice.words, since)


def record(notice):
    """Return a Notice as what JSON carries."""
    return {
        "key": notice.key, "what": notice.what, "since": notice.since, "until": notice.until, "words": notice.words,
    }  # fmt: skip
