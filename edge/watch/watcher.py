"""What watches the box while it runs, put together: the parts that its verbs ask, and the one function to tell."""

import time

from edge.watch.past import Past


class Watcher:
    """The parts of a running box that know how it does. `tell` takes events of edge.net.witness; `close` at the end.

    settings: config.Config; spool: Spool.
    """

    def __init__(self, settings, spool):
        self.began = time.time()
        self.past = Past(settings.box.state_dir, spool.now)

    def tell(self, event):
        """Take note of an event; quick, and never raises."""
        self.past.witness(event)

    def parts(self):
        """Return the parts by the names that box.Box has for them."""
        return {"past": self.past, "began": self.began}

    def close(self):
        """Leave on disk what is to survive."""
        self.past.close()
