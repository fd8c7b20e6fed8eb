"""Threads for what blocks, so that the event loop does not: a few that share the verbs, one for each long answer.

All of them are daemons: a verb that does not return keeps nobody from stopping the box.
"""

import asyncio
import queue
import threading

_WAITING = 64  # verbs at a time that may wait for a thread
_STREAMS = 8
_CHUNK_BYTES = 32 << 10
_AHEAD = 4  # chunks that a stream may be ahead of who takes them
_PATIENCE_S = 60  # for who takes them


class Busy(Exception):
    """There is no thread for it now."""


class Workers:
    """`size` threads, begun when they are needed."""

    def __init__(self, loop, size):
        self.loop = loop
        self._size = size
        self._tasks = queue.SimpleQueue()
        self._idle = 0
        self._threads = 0
        self._lock = threading.Lock()
        self._streams = threading.BoundedSemaphore(_STREAMS)

    def run(self, work):
        """Return a future of what `work()` returns or raises. Raises Busy."""
        if self._tasks.qsize() >= _WAITING:
            raise Busy("the box is busy with other requests; try again in a moment")
        future = self.loop.create_future()
        with self._lock:
            if not self._idle and self._threads < self._size:
                self._threads += 1
                threading.Thread(target=self._serve, name="console verb", daemon=True).start()
        self._tasks.put((work, future))
        return future

    def _serve(self):
        while True:
            with self._lock:
                self._idle += 1
            work, future = self._tasks.get()
            with self._lock:
                self._idle -= 1
            result = error = None
            try:
                result = work()
            except BaseException as raised:
                error = raised
            try:
                self.loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:  # the loop has ended meanwhile
                return
            del work, future, result, error  # or they live on until the next one

    async def stream(self, work):
        """Return a Stream of what `work(file)` writes, begun; raises what it raises before it writes, and Busy."""
        if not self._streams.acquire(blocking=False):
            raise Busy("the box sends as much as it does at a time; try again when another download is over")
        made = Stream(self.loop, work, self._streams.release)
        await made.begin()
        return made


def _settle(future, result, error):
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


class Stream:
    """What a thread writes, as an asynchronous iterator of bytes. The thread's side is `write` and `flush`."""

    def __init__(self, loop, work, ended):
        self._loop = loop
        self._work = work
        self._ended = ended
        self._chunks = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD)
        self._collected = bytearray()
        self._first = None
        self._is_cut = False
        self._is_over = False

    async def begin(self):
        """Begin, and wait until there is something; raises what the work raises before that."""
        threading.Thread(target=self._run, name="console stream", daemon=True).start()
        self._first = await self._chunks.get()
        if isinstance(self._first, BaseException):
            raise self._first
        self._is_over = self._first is None
        self.first = self._first or b""

    def _run(self):
        end = None
        try:
            self._work(self)
            self.flush()
        except BaseException as error:
            end = error
        finally:
            self._ended()
        try:
            self._loop.call_soon_threadsafe(self._chunks.put_nowait, end)
        except RuntimeError:  # the loop has ended meanwhile
            pass

    def write(self, octets):
        """Take octets from the thread; raises BrokenPipeError when nobody wants them any more."""
        self._collected += octets
        if len(self._collected) >= _CHUNK_BYTES:
            self.flush()
        return len(octets)

    def flush(self):
        """Let go of what was collected."""
        if not self._collected:
            return
        if self._is_cut or not self._room.acquire(timeout=_PATIENCE_S) or self._is_cut:
            raise BrokenPipeError("nobody takes it any more")
        octets, self._collected = bytes(self._collected), bytearray()
        self._loop.call_soon_threadsafe(self._chunks.put_nowait, octets)

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self._is_over:
            raise StopAsyncIteration
        found, self._first = self._first, None
        if found is None:
            found = await self._chunks.get()
        if isinstance(found, bytes):
            self._room.release()
            return found
        self._is_over = True
        if found is None:
            raise StopAsyncIteration
        raise found

    async def aclose(self):
        """Take no more; the thread's next `write` fails."""
        self._is_cut = True
        self._room.release()
