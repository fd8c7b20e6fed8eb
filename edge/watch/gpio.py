"""A line of a GPIO chip that is set while something is wrong: a relay, a lamp, a horn."""

from edge.board.lines import Outputs
from edge.watch.failed import Failed


class Gpio:
    """One line of one chip. alert: config.Alert of that kind."""

    def __init__(self, alert):
        self._alert = alert
        self._line = Outputs(alert.chip, (alert.line,), alert.active_low)

    def show(self, is_on):
        """Set the line, unless it is so already. Raises Failed."""
        try:
            self._line.set(int(is_on))
        except OSError as error:
            words = (
                "line %d of %s cannot be set: %s; check chip and line (`gpioinfo` lists them), and that the box may "
                "write to the chip"
            )
            raise Failed(words % (self._alert.line, self._alert.chip, error.strerror.lower())) from error

    def close(self):
        """Let the line go."""
        self._line.close()
