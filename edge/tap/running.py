"""A tap on a board, from its start to the power switch. What the board has is handed in by its `main.py`.

board: an object with
    path              what stands before the names of settings.toml and of the files that it names
    unique_id         octets that no other board has
    open_line(serial) returns (line, stream to poll), by the section of that name of the settings
    open_network(wifi)  returns a function of now_ms that says whether there is a network
    set_clock(host)   asks an NTP server for the time and sets the clock to it; OSError
    has_clock         whether the clock was right before anybody set it
    light(is_lit)     switches the LED
    feed()            tells the watchdog that all is well
"""

import gc
import os
import select
import sys
import time
from collections import namedtuple

from edge.tap import lamp

_SLICE_MS = 50  # the longest sleep: the LED is to be seen blinking
_TLS_FILES = ("authority", "certificate", "key")
_TLS_WORDS = "box.authority, box.certificate, box.key"
_CLOCK_AGAIN_MS = 60000  # after a failure
_CLOCK_EVERY_MS = 6 * 3600 * 1000


# What the settings say. settings: settings.Settings; rule: rule.Rule; shape: template.Template
Found = namedtuple("Found", ("settings", "rule", "shape"))


class Time:
    """Milliseconds that never wrap, of ticks that do."""

    def __init__(self):
        self._last = time.ticks_ms()
        self._now_ms = 0

    def now_ms(self):
        """Return the ms since the start."""
        ticks = time.ticks_ms()
        self._now_ms += time.ticks_diff(ticks, self._last)
        self._last = ticks
        return self._now_ms


def run(board, tell=print):
    """Run the tap of `board` for good. Where its settings have mistakes, say them and blink."""
    gc.threshold(16384)  # collected often, what stays lies together and large pieces remain free
    clock = Time()
    mistakes, found, context = read_settings(board)
    gc.collect()  # here, where nothing refers any longer to what read them
    if mistakes:
        for each in mistakes:
            tell(each)
        tell("nothing is taken until settings.toml is right; then start again")
        while True:
            board.light(lamp.is_lit("settings", clock.now_ms()))
            board.feed()
            time.sleep_ms(_SLICE_MS)
    running = Running(board, found, context, clock, tell)
    while True:
        running.turn()


def read_settings(board):
    """Return (mistakes, Found, ssl.SSLContext or None) of a board: either mistakes, sentences, or the other two.

    What reads settings is a tenth of the program, and leaves the memory again.
    """
    from edge.tap import settings  # before all else, while there is room

    try:
        with open(board.path + "settings.toml") as file:
            text = file.read()
        read = settings.read(text)
        found = Found(read, settings.rule(read), settings.shape(read))
        return [], found, _context(board, read.box)
    except OSError:
        return ["there is no settings.toml: copy the example of the board to it"], None, None
    except UnicodeError:
        return ["settings.toml is no text in UTF-8"], None, None
    except (settings.Wrong, ValueError) as error:
        return str(error).split("\n"), None, None
    finally:
        forget("edge.tap", "settings")


def forget(package, name):
    """Let the memory of a module go that is of no more use."""
    del sys.modules[package + "." + name]
    delattr(sys.modules[package], name)


def _context(board, box):
    """Return the ssl.SSLContext that the settings ask for, None for none; ValueError where its files are none."""
    if not box["tls"]:
        return None
    paths = [board.path + box[key] if box[key] else "" for key in _TLS_FILES]
    for key, path in zip(_TLS_FILES, paths):
        try:
            if path:
                os.stat(path)
        except OSError:
            raise ValueError("settings.toml: box.%s: there is no file %s" % (key, path))
    from edge.tap import link

    try:
        return link.context(paths[0], paths[1], paths[2])
    except (OSError, ValueError) as error:
        raise ValueError("settings.toml: %s: not what TLS can use: %s" % (_TLS_WORDS, error))


class Running:
    """The tap with all that belongs to it."""

    def __init__(self, board, found, context, clock, tell):
        from edge.tap import keep, link, send, tap  # here, as what reads settings has left the memory by now

        self._link = link.Link
        self._board = board
        self._settings = settings = found.settings
        self._time = clock
        self._tell = tell
        self._context = context
        self._clock_is_set = board.has_clock
        self._clock_due_ms = 0
        kept = keep.Keep(settings.flash["folder"], os, settings.flash["reserve_octets"], os.urandom)
        kept.open()
        line, self._stream = board.open_line(settings.serial)
        self._is_online = board.open_network(settings.wifi)
        now_ms = clock.now_ms()
        sender = send.Sender(kept, settings.box, self._dial, now_ms)
        front_octets = settings.object["front_octets"]
        self._tap = tap.Tap(
            found.rule, found.shape, front_octets, sender, kept, board.unique_id, line, self._local, now_ms
        )
        self._poll = select.poll()
        self._poll.register(self._stream, select.POLLIN)
        gc.collect()
        tell(
            "ready: %d records kept, %d octets of flash free, %d of memory"
            % (kept.waiting(), kept.free_octets(), gc.mem_free())
        )

    def turn(self):
        """Take one step, and wait for the next one to be worth it."""
        now_ms = self._time.now_ms()
        is_online = self._is_online(now_ms)
        self._tap.step(now_ms)
        for each in self._tap.news:
            self._tell(each)
        self._tap.news = []
        if is_online and now_ms >= self._clock_due_ms and self._tap.is_quiet(now_ms):
            self._ask_clock(now_ms)
        self._board.light(lamp.is_lit(self._tap.sign(now_ms, is_online), now_ms))
        self._board.feed()
        wait_ms = min(self._tap.wait_ms(now_ms), _SLICE_MS)
        if wait_ms:
            self._wait(wait_ms)

    def _wait(self, wait_ms):
        """Sleep until the line or the link has something, `wait_ms` at most."""
        stream = self._tap.link().stream() if self._tap.link() else None
        if stream is not None:
            self._poll.register(stream, select.POLLIN | (select.POLLOUT if self._tap.is_blocked() else 0))
        self._poll.poll(wait_ms)
        if stream is not None:
            self._poll.unregister(stream)

    def _dial(self):
        box = self._settings.box
        if not self._is_online(self._time.now_ms()):
            raise OSError("there is no network")
        return self._link(box["host"], box["port"], self._context, box["server_name"] or box["host"])

    def _ask_clock(self, now_ms):
        host = self._settings.clock["host"]
        self._clock_due_ms = now_ms + _CLOCK_EVERY_MS
        if not host:
            return
        try:
            self._board.set_clock(host)
            self._clock_is_set = True
        except OSError as error:
            self._clock_due_ms = now_ms + _CLOCK_AGAIN_MS
            self._tell("the clock was not set by %s: %s" % (host, error))

    def _local(self):
        """Return the local time, None where the clock was never set."""
        if not self._clock_is_set:
            return None
        return time.gmtime(time.time() + self._settings.clock["utc_offset_minutes"] * 60)[:6]
