"""What a screen may want of the line it is shown on. A screen is a generator that yields these and is sent the outcome.

So a dialogue reads like the conversation that it is, and knows neither octets nor clocks.
"""

from collections import namedtuple

# Write lines (list of str, each plain and at most 79 wide); sent: None
Show = namedtuple("Show", ("lines",))
# Write a page, with the time it was made: a title, at most page.BODY lines, what may be typed; sent: None
Page = namedtuple("Page", ("title", "body", "keys"), defaults=("",))
# Ask for a line after the words `prompt`, echoed unless it is hidden; sent: str. Back is raised where it is given up
Ask = namedtuple("Ask", ("prompt", "hidden"), defaults=(False,))
# Let what was written go out and look whether somebody wants to break off, Back; sent: None
Step = namedtuple("Step", ())
# Take nothing in for so long; sent: None
Rest = namedtuple("Rest", ("seconds",))
# Give the line to a transfer, made by `make(now)`; sent: the transfer, which is done
Transfer = namedtuple("Transfer", ("make",))
# Somebody logged in (verb.Asker) or out (None); sent: None
Known = namedtuple("Known", ("who",))


class Back(Exception):
    """Whoever is asked wants to go back (^C)."""
