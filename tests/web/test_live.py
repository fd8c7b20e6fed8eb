"""What pages that are up to date cost the box: lists that take long are not made each time."""

import asyncio
import time

from edge.web import live, page
from edge.web.workers import Workers


class _Counted:
    """A page whose list takes a core 50 ms; it counts how often each part was made."""

    def __init__(self):
        self.shorts = self.lists = 0
        self.live = page.Live("counted", "viewer", self._short, self._list)

    def _short(self, ask, args):
        self.shorts += 1
        return {"short": str(self.shorts)}

    def _list(self, ask, args):
        self.lists += 1
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
        return {"list": str(self.lists)}


def _look(monkeypatch, looking):
    monkeypatch.setattr(live, "TICK_S", 0.05)
    counted = _Counted()

    async def run():
        broadcast = live.Broadcast(Workers(asyncio.get_running_loop(), 1), lambda who: None)
        async with asyncio.timeout(20):
            await looking(counted, lambda: broadcast.look(counted.live, {}, lambda: True))

    asyncio.run(run())


async def _until(events, words):
    async for event in events:
        if words in event:
            return event


def test_a_list_that_takes_long_is_made_less_often_than_what_is_short(monkeypatch):
    async def looking(counted, look):
        events = look()
        assert b'"list":"1"' in await _until(events, b'"short":"1"')
        await _until(events, b'"short":"5"')
        assert counted.lists == 1
        await events.aclose()

    _look(monkeypatch, looking)


def test_who_comes_to_look_finds_lists_as_they_are_then(monkeypatch):
    async def looking(counted, look):
        events = look()
        await _until(events, b'"short":"2"')
        another = look()
        await _until(another, b'"list":"2"')
        await another.aclose()
        await events.aclose()

    _look(monkeypatch, looking)
