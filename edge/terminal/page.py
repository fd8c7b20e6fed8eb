"""Pages: 24 lines with the one that is asked in, 79 wide, never more; longer lists are turned page by page."""

import time

from edge.terminal.effects import Ask, Back, Page, Show
from edge.terminal.plain import WIDTH, cut, plain, wrapped

BODY = 18  # lines between the rules; the rest: an empty line, the title, two rules, the keys, the question
RULE = "-" * WIDTH
_KEPT_ROWS = 5000  # of a list; longer ones are for another skin

AGAIN = "again"  # what `turn` returns when its list is to be read anew


def rendered(page, now):
    """Return the lines of an effects.Page that is written at the time `now` (s since 1970), in the box's zone."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    room = WIDTH - len(stamp) - 2
    lines = ["", cut("EDGE  " + page.title, room).ljust(room) + "  " + stamp, RULE]
    lines += [cut(each, WIDTH).rstrip() for each in page.body[:BODY]] + [RULE]
    return lines + ([cut(page.keys, WIDTH)] if page.keys else [])


def note(title, words):
    """Show words on as many pages as they take, until somebody has read them."""
    lines = []
    for each in [words] if isinstance(words, str) else words:
        lines += wrapped(each)
    yield from turn(title, (), lines, lambda each: [each], enter="Enter or q: back")


def menu(title, body, options, prompt="Choose a number: "):
    """Show options [(key, words)] below `body`; return the key that was chosen, None for back.

    Where there are more than fit, the body gives way.
    """
    known = {key: words for key, words in options}
    lines = ["%3s  %s" % each for each in options]
    above = list(body)[: max(0, BODY - len(lines))]
    above += [""] if above and len(above) + len(lines) < BODY else []
    while True:
        yield Page(title, [*above, *lines][:BODY], "q or Enter: back" if "0" not in known else "")
        typed = (yield Ask(prompt)).strip().lower()
        if typed in known:
            return typed
        if typed in ("", "q") and "0" not in known:
            return None
        if typed:
            yield Show(["%s is none of these." % cut(typed, 40)])


def turn(title, head, rows, show, pick=None, keys=(), empty="Nothing.", enter=None, named=None):
    """Turn the pages of a list; return AGAIN when it is to be read anew, None for back.

    head: lines above each page; rows: any iterable, read as far as somebody looks; show: function of a row that returns
    its lines, or of (row, number) where `pick` is given: a screen for the row whose number is typed, which returns
    whether the list is to be read anew; keys: [(letter, words, screen)], likewise; named: function of what was typed
    that returns the row of that name, or None.
    """
    wrong = None
    seen = []
    rows = iter(rows)
    starts = [0]
    more = True
    while True:
        lines, at = [], starts[-1]
        while True:
            while more and len(seen) <= at and len(seen) < _KEPT_ROWS:
                try:
                    seen.append(next(rows))
                except StopIteration:
                    more = False
            if at >= len(seen):
                break
            shown = show(seen[at], at + 1) if pick else show(seen[at])
            if lines and len(lines) + len(shown) > BODY - len(head):
                break
            lines += shown[: BODY - len(head)]
            at += 1
        has_next = at < len(seen)
        body = [*head, *lines] if seen else [*head, empty]
        offers = ["n or Enter: next"] if has_next else []
        offers += ["p: previous"] if len(starts) > 1 else []
        offers += ["NUMBER: more of it"] if pick and seen else []
        offers += ["%s: %s" % each[:2] for each in keys]
        offers.append("q: back" if has_next or not enter else enter)
        yield Page("%s%s" % (title, "" if len(starts) == 1 and not has_next else ", page %d" % len(starts)), body,
                   "   ".join(offers))  # fmt: skip
        if wrong:
            yield Show([wrong])  # below the page, where it is seen
        typed = (yield Ask("> ")).strip().lower()
        wrong = None
        if typed in ("", "n") and has_next:
            starts.append(at)
        elif typed == "p" and len(starts) > 1:
            starts.pop()
        elif typed in ("", "q"):
            return None
        elif typed in [each[0] for each in keys]:
            screen = [each[2] for each in keys if each[0] == typed][0]
            if (yield from within(screen())):
                return AGAIN
        elif pick and typed.isdigit() and 1 <= int(typed) <= len(seen):
            if (yield from within(pick(seen[int(typed) - 1]))):
                return AGAIN
        elif named and named(typed) is not None:
            if (yield from within(pick(named(typed)))):
                return AGAIN
        elif typed not in ("n", "p"):
            wrong = "%s is none of these." % cut(typed, 40)


def within(screen):
    """Run a screen that somebody may leave with ^C; return what it returns, None for that."""
    try:
        return (yield from screen)
    except Back:
        return None


def sure(words, typed="yes"):
    """Say what would be done and return whether somebody typed "yes"."""
    yield Show(["", *wrapped(words)])
    return (yield Ask("Type %s to do it: " % typed)).strip().lower() == typed


def said(words):
    """Return the Show of what came of something."""
    return Show(["", *wrapped(words)])


def pairs(found, width=12):
    """Return lines of [(name, words)], the words wrapped in a column of their own."""
    lines = []
    for name, words in found:
        first, *rest = wrapped(words, WIDTH - width - 1)
        lines.append("%s %s" % (plain(name).ljust(width)[:width], first))
        lines += [" " * (width + 1) + each for each in rest]
    return lines


def above(title, lines):
    """Show lines above a question that follows; what does not fit one page is turned first."""
    while len(lines) > BODY - 2:
        yield Page(title, lines[:BODY], "Enter: go on")
        yield Ask("> ")
        lines = lines[BODY:]
    yield Page(title, lines)
