"""An NTP server that answers when its name is not "silent"; the clock of the machine is right already."""

host = ""
timeout = 1


def settime():
    if host == "silent":
        raise OSError(110)
