"""strace as a wrapper of what is run: system calls that fail, fall short, or are the last thing the process does.

And as a witness: which calls were made, in which order.
"""

import re

_WHOLE = re.compile(r"^(\d+)\s+(\w+)\((.*)\)\s+= (-?\d+)")
_BEGUN = re.compile(r"^(\d+)\s+(\w+)\((.*) <unfinished \.\.\.>$")
_ENDED = re.compile(r"^(\d+)\s+<\.\.\. (\w+) resumed>")


def injecting(call, what, when):
    """The command under which each thread's calls number `when` come to `what`, both as strace has it.

    "error=EIO", "retval=7", "error=EIO:signal=KILL" (dead before the call is done); "3" is the third call, "3+" all
    from then on, "3+2" every second one.
    """
    injection = f"inject={call}:{what}:when={when}"
    return ["strace", "-f", "-I2", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", injection]


def calls(log, told):
    """Return the calls in a log as (name, arguments), descriptors shown with their paths where strace ran with -y.

    Each stands where it was done, but those named `told`, by which somebody hears something, where they were begun.
    """
    found, begun = [], {}
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if whole := _WHOLE.match(line):
            found.append(whole.groups()[1:3])
        elif start := _BEGUN.match(line):
            begun[start[1]] = start.groups()[1:]
            if start[2] == told:
                found.append(begun.pop(start[1]))
        elif (end := _ENDED.match(line)) and end[1] in begun:
            found.append(begun.pop(end[1]))
    return found


def place(made, name, pattern, after=-1):
    """The place of the first such call behind `after` in what `calls` returned; AssertionError when there is none."""
    for at in range(after + 1, len(made)):
        if made[at][0] == name and re.search(pattern, made[at][1]):
            return at
    raise AssertionError(f"no {name} of {pattern} behind call {after}: {made[after + 1 : after + 20]}")
