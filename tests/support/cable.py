"""A serial cable: two pseudo terminals, and a thread that carries octets between them until it is pulled."""

import os
import select
import threading
import tty


class Cable:
    """`near` and `far` are names of devices, of which `near` stays the same when the cable is plugged in again."""

    def __init__(self, folder):
        self.near = str(folder / "ttyBOX")
        self.far = None
        self._masters = []
        self._thread = None
        self._stop = None

    def plug(self):
        """Connect both ends."""
        pairs = [os.openpty(), os.openpty()]
        for pair in pairs:
            for each in pair:
                tty.setraw(each)
        names = [os.ttyname(slave) for _, slave in pairs]
        if os.path.lexists(self.near):
            os.unlink(self.near)
        os.symlink(names[0], self.near)
        self.far = names[1]
        self._ends = pairs
        self._stop, stopper = os.pipe()
        self._stopper = stopper
        self._thread = threading.Thread(target=self._carry, args=([pair[0] for pair in pairs],), daemon=True)
        self._thread.start()

    def _carry(self, masters):
        for each in masters:
            os.set_blocking(each, False)
        way = dict(zip(masters, reversed(masters)))
        waiting = {each: b"" for each in masters}
        while True:
            reading = [self._stop] + [each for each in masters if not waiting[way[each]]]
            writing = [each for each in masters if waiting[each]]
            readable, writable, _ = select.select(reading, writing, [])
            if self._stop in readable:
                return
            for each in writable:
                waiting[each] = waiting[each][os.write(each, waiting[each]) :]
            for each in readable:
                waiting[way[each]] = os.read(each, 4096)

    def pull(self):
        """Cut it: both ends hang up."""
        os.close(self._stopper)
        self._thread.join()
        os.close(self._stop)
        for pair in self._ends:
            for each in pair:
                os.close(each)
        self._ends = []
