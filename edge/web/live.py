"""Pages that are up to date: what has changed of them is sent on, once a second, to all who look.

What they look at is rendered once for all of them, however many they are, and only as long as somebody looks. Receiving
goes first: long lists are rendered the less often the longer that takes.

Source: HTML, server-sent events
"""

import asyncio
import json
import logging
import time

from edge.verbs.verb import LIVE, Asker, Refused
from edge.web.workers import Busy

_log = logging.getLogger("edge.web")

TICK_S = 1.0
_PING_S = 15.0
_VIEWS = 40  # different ones at a time
_BEHIND = 2  # messages that one may be behind
_REST = 100  # times as long as lists took they are left alone,
_REST_LIMIT_S = 5.0  # but no longer than this


class TooMany(Exception):
    """There are more different views than are kept up to date at a time."""


class _View:
    __slots__ = ("live", "args", "parts", "lookers", "lists_due")

    def __init__(self, live, args):
        self.live = live
        self.args = args
        self.parts = {}
        self.lookers = set()
        self.lists_due = 0.0  # in the time of the loop


class Broadcast:
    """Renders views, and hands on what has changed. make_ask: function of an Asker that returns what renders ask."""

    def __init__(self, workers, make_ask):
        self._workers = workers
        self._make_ask = make_ask
        self._views = {}
        self._task = None

    async def look(self, live, args, may_go_on):
        """Yield events (bytes) of a page.Live, with these `args` (dict of str), while `may_go_on()`. Raises TooMany.

        The first has all of it.
        """
        key = (live.name, *sorted(args.items()))
        view = self._views.get(key)
        if view is None:
            if len(self._views) >= _VIEWS:
                raise TooMany("more pages of different kinds are open than this box keeps up to date")
            view = self._views[key] = _View(live, args)
        events = asyncio.Queue(_BEHIND)
        if view.parts:
            events.put_nowait(_event(view.parts))
        view.lookers.add(events)
        view.lists_due = 0.0  # whoever comes may have changed something just now
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._go_on())
        try:
            yield b"retry: 2000\n\n"
            while may_go_on():
                try:
                    async with asyncio.timeout(_PING_S):
                        event = await events.get()
                except TimeoutError:
                    event = b":\n\n"
                if event is None or not may_go_on():
                    return  # too far behind, and its browser comes again; or logged out meanwhile
                yield event
        finally:
            view.lookers.discard(events)
            if not view.lookers:
                self._views.pop(key, None)

    async def _go_on(self):
        loop = asyncio.get_running_loop()
        while self._views:
            began = loop.time()
            for view in list(self._views.values()):
                await self._renew(view)
            await asyncio.sleep(max(0.05, began + TICK_S - loop.time()))

    async def _renew(self, view):
        now = self._workers.loop.time()
        has_lists = view.live.lists is not None and view.lists_due <= now
        try:
            parts, took_s = await self._workers.run(lambda: self._render(view, has_lists))
        except (Refused, Busy) as error:
            _log.debug("the view %s cannot be had: %s", view.live.name, error)
            return
        except Exception:
            _log.exception("the view %s failed inside this box", view.live.name)
            return
        if has_lists:
            view.lists_due = now + min(_REST * took_s, _REST_LIMIT_S)
        changed = {id: html for id, html in parts.items() if view.parts.get(id) != html}
        view.parts = {**view.parts, **parts}
        if not changed:
            return
        event = _event(changed)
        for events in view.lookers:
            if events.full():
                while not events.empty():
                    events.get_nowait()
                events.put_nowait(None)
            else:
                events.put_nowait(event)

    def _render(self, view, has_lists):
        """Return the parts of a view, and how long (s) a core was busy with its lists, if they are among them."""
        ask = self._make_ask(Asker("", view.live.role, LIVE))
        parts = view.live.render(ask, view.args)
        begun = time.thread_time()
        if has_lists:
            parts = {**parts, **view.live.lists(ask, view.args)}
        return parts, time.thread_time() - begun


def _event(parts):
    return b"data: %s\n\n" % json.dumps(parts, separators=(",", ":")).encode()
