"""Files of stored objects read ahead, in a thread: whether they are what was received, by the time somebody asks.

The checksum and the reading leave the interpreter to others, so that a second core does this while the first one looks
at what is in the files.
"""

import threading
from collections import deque

_MOST = 64  # results that wait to be asked for


class Ahead:
    """What is wrong with each of some StoredObjects, one after the other; a context manager, which ends the thread.

    fault: as in edge.spool.files; listing: iterable of StoredObject, gone through in the thread.
    """

    def __init__(self, fault, listing):
        self._fault = fault
        self._listing = listing
        self._found = deque()  # (fault, OSError or None)
        self._change = threading.Condition()
        self._is_wanted = True
        self._thread = threading.Thread(target=self._run, name="check", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with self._change:
            self._is_wanted = False
            self._change.notify_all()
        self._thread.join()

    def next(self):
        """Return in words what is wrong with the file of the next object, or None; raises what `fault` does."""
        with self._change:
            while not self._found:
                self._change.wait()
            fault, error = self._found.popleft()
            if len(self._found) == _MOST // 2:
                self._change.notify_all()
        if error is not None:
            raise error
        return fault

    def _run(self):
        try:
            for stored in self._listing:
                try:
                    found = self._fault(stored), None
                except OSError as error:
                    found = None, error
                if not self._put(found):
                    return
        except Exception as error:  # whoever asks next meets it
            self._put((None, error))

    def _put(self, found):
        with self._change:
            while len(self._found) >= _MOST and self._is_wanted:
                self._change.wait()
            self._found.append(found)
            self._change.notify_all()
            return self._is_wanted
