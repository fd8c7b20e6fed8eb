"""What is wrong with the box or waits for a person, in words: the cause, and what to do about it."""

import time

from edge.box import config, encryption
from edge.spool import jobs
from edge.spool.health import Trouble

_AGED = 5000  # of the jobs that have waited for long, so many are counted

# Why objects are held, and what a person does about it
_HOLDS = {
    jobs.CONFLICT: (
        "other octets came under a SOP Instance UID that was here already",
        "compare them, then `edge release --object ID` lets one go, `edge remove --object ID` removes one",
    ),
    jobs.UNROUTED: (
        "no route took them",
        "add a [[route]] for them, then `edge release --cause unrouted` lets them go; `edge release --object ID "
        "--destination NAME` sends one anywhere, `edge remove --object ID` removes it",
    ),
    jobs.FOUND: (
        "they were found without a line in the journal",
        "`edge release --object ID --destination NAME` sends one, `edge remove --object ID` removes it",
    ),
    jobs.ROTTEN: (
        "their files are not what was received any more",
        "send them again from where they came, which mends them, or give one up with `edge remove --object ID`",
    ),
}


def all_of(spool, settings):
    """Return every Trouble of a box: what its spool reports, and whatever waits for a person; the oldest first."""
    found = spool.health.troubles()
    found += _held_objects(spool)
    for name, states in spool.jobs.counts().items():
        if config.destination(settings, name) is None:
            found += stranded(spool, name, states)
        else:
            found += _held_jobs(spool, name, states["held"][0])
            if states["sent"][0]:
                found += _overdue(spool, config.destination(settings, name))
    for each in settings.destinations:
        found += _refusing(spool, each)
        found += _aged(spool, each)
        found += _down(spool, each)
    found += encryption.troubles(settings, spool.now())
    return sorted(found, key=lambda trouble: trouble.since)


def _held_objects(spool):
    for hold, number, first, since in spool.index.holds():
        reason, cure = _HOLDS[hold]
        words = "%s held, the first is %d: %s; see `edge objects`, then %s"
        yield Trouble("held " + hold, since, words % (_are(number, "object"), first, reason, cure))


def _held_jobs(spool, name, number):
    """Yield the Trouble of jobs that are held by themselves, not with their object."""
    first = spool.index.held_alone(name) if number else None
    if first is not None:
        words = (
            "%s held for %s: see why with `edge queue --destination %s --state held`, mend that, then "
            "`edge release --destination %s`, or give them up with `edge cancel --destination %s`"
        )
        words %= (_are(number, "job"), name, name, name, name)
        yield Trouble("held for " + name, first[1] or spool.now(), words)


def _refusing(spool, destination):
    """Yield the Trouble of a destination that refuses this box for good, while there is anything for it."""
    link = spool.jobs.link(destination.name)
    states = spool.jobs.counts().get(destination.name, {})
    if link.lasting and sum([states[each][0] for each in ("waiting", "sending", "held") if each in states]):
        words = (
            "%s refuses this box until something is changed there or here: %s; it is asked again now and then, and at "
            "once after `edge release --destination %s`"
        )
        words %= (destination.name, link.why, destination.name)
        yield Trouble("refused by " + destination.name, link.since, words)


def _down(spool, destination):
    """Yield the Trouble of a destination that cannot be reached for longer than its down_min, while jobs wait."""
    link = spool.jobs.link(destination.name)
    if not link.failures or link.lasting or not destination.down_min:
        return
    waiting = spool.jobs.counts().get(destination.name, {}).get("waiting", (0, 0))[0]
    if waiting and spool.now() - link.since >= destination.down_min * 60:
        words = "%s cannot be reached for %d minutes, and %d objects wait for it: %s; see `edge echo %s`"
        minutes = (spool.now() - link.since) // 60
        words %= (destination.name, minutes, waiting, link.why, destination.name)
        yield Trouble("down " + destination.name, link.since, words)


def _aged(spool, destination):
    """Yield the Trouble of jobs that wait for longer than a destination's max_age_h."""
    hours = destination.max_age_h
    if hours is None:
        return
    number, since = spool.jobs.older(destination.name, spool.now() - hours * 3600, _AGED)
    if number:
        words = "%s waited for %s for more than %d h, the first since %s; see why with `edge queue --destination %s`"
        what = "1 job has" if number == 1 else "%d jobs%s have" % (number, " or more" if number >= _AGED else "")
        came = time.strftime("%Y-%m-%d %H:%M", time.localtime(since))
        words %= (what, destination.name, hours, came, destination.name)
        yield Trouble("old for " + destination.name, since + hours * 3600, words)


def _overdue(spool, destination):
    """Yield the Trouble of a destination that does not commit to what it was sent for longer than it may take."""
    name, known, now = destination.name, spool.commitments, spool.now()
    since = known.overdue_since(name, now, destination.commitment_wait_s)
    if since is not None:
        link = known.link(name)
        reason = "it cannot be asked: " + link.why if link.failures else "it was asked, and does not answer"
        words = (
            "%s does not commit to what it was sent: %s; see `edge queue --destination %s --state sent`, look there, "
            "and whether it reaches this box; `edge release --destination %s` asks again"
        )
        yield Trouble("uncommitted " + name, since, words % (name, reason, name, name))


def stranded(spool, name, states):
    """Yield the Trouble of jobs for a destination that the configuration does not have."""
    number = sum([states[state][0] for state in ("waiting", "sending", "sent", "held")])
    if number:
        words = (
            "%s left for %s, which is not in the configuration: put it back there, or give them up with "
            "`edge cancel --destination %s`, with `--to NAME` to send them to another destination instead"
        )
        yield Trouble("stranded " + name, spool.now(), words % (_are(number, "job"), name, name))


def _are(number, noun):
    return "1 %s is" % noun if number == 1 else "%d %ss are" % (number, noun)
