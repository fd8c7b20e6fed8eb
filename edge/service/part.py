"""What the running box consists of: things that start, stop, and take another configuration while they work.

A change of the configuration has two steps. In the first, `prepare`, each part that the change concerns gets all that
may be refused: a port, a key. If one of them is refused something, those before it `forget` what they got, and nothing
has changed. In the second, `renew`, each goes over to the new configuration, which nothing should keep it from; if
something does, the parts that have gone over are brought back in the same way.
"""


class Part:
    """One part of a running.Running. `name` is what the log calls it; without more, it has nothing to do."""

    name = ""
    is_late = False  # whether it starts behind the others, when the box is ready, and may fail to without harm

    def __init__(self, running):
        self.running = running

    def start(self):
        """Begin to work."""

    def stop(self):
        """Work no more; also called when it was never started."""

    def lines(self):
        """Return lines for the greeting."""
        return ()

    def wants(self, old, new):
        """Say whether anything changes for it between two config.Configs."""
        return False

    def prepare(self, new):
        """Get what the config.Config `new` needs, and may not be had: raises OSError or DicomError then."""

    def forget(self):
        """Let go of what `prepare` got, or as far as it came: the change does not take place."""

    def renew(self, old, new):
        """Work by the config.Config `new` from now on, no more by `old`."""
