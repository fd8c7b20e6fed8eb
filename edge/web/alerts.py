"""Alerts: what was told to whom, and whether it arrived."""

from edge.web import page, said, words
from edge.web.markup import el, join


def render(ask, request):
    """Return the page."""
    channels = ask("alerts")[1]["channels"]
    tests = [(each["channel"], each["kind"], each["where"], _test(each["channel"])) for each in channels]
    heads = ("Name", "Kind", "Where", "")
    none = join("Nobody is told. ", page.link("Add a way to tell", "/settings/edit", section="alert"))
    return join(
        page.presses(request, "/alerts/test"),
        el("div", live(ask, {})["alerts"], data_live="alerts"),
        page.card("Who is told", page.table("Ways to tell", heads, tests, none)),
    )


def _test(name):
    return page.press("Send a test", "/alerts/test", role="engineer", about=name, channel=name)


def live(ask, args):
    """Return what changes on the page."""
    now = ask("status")[1]["now"]
    rows = []
    for each in sorted(ask("alerts")[0], key=lambda one: (one["until"] is not None, -one["since"])):
        over = each["until"] is not None
        often = each["times"] > 1 and el("p", "the %d. time within a day" % each["times"], class_="soft")
        state = page.state("off", join("over since ", words.when(each["until"], now))) if over else None
        rows.append(
            (
                said.words(each["words"]),
                join(state or page.state("warn", join("since ", words.when(each["since"], now))), often),
                _sent(each["sent"], now),
            )
        )
    heads = ("What", "State", "Told")
    table = page.table("Alerts", heads, rows, "There is nothing to tell.")
    return {"alerts": page.card(None, table, id="alerts")}


def _sent(sent, now):
    if not sent:
        return "nobody"
    return el(
        "ul",
        [
            el("li", page.state("bad", join(each["channel"], ": ", each["failure"])))
            if each["failure"]
            else el("li", each["channel"], ", ", words.when(each["at"], now))
            for each in sent
        ],
    )


NEEDS = ("alerts", "test-alert")
PAGES = (page.Page("/alerts", "Alerts", "viewer", render, page.KEEP),)
ACTIONS = (
    page.Action(
        "/alerts/test",
        "test-alert",
        page.asked("channel"),
        lambda form, done: "A test went by way of %s: %s" % (done["channel"], done["answer"]),
        lambda form, done: "/alerts",
    ),
)
LIVE = (page.Live("alerts", "viewer", live),)
