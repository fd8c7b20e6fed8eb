"""An alert on a line of a GPIO chip says what is wrong with the chip."""

import pytest

from edge.box import load
from edge.watch import channels
from edge.watch.failed import Failed

def alert(tmp_path, chip):
    text = '[[alert]]\nname = "lamp"\nkind = "gpio"\nline = 17\nchip = "%s"\n' % chip
    settings = load.parse(text, str(tmp_path / "edge.toml")).config
    return channels.make(settings, settings.alerts[0])


@pytest.mark.parametrize("chip", ["/dev/no-such-chip", "/dev/null"])
def test_a_chip_that_is_none_is_said_with_what_to_look_at(tmp_path, chip):
    with pytest.raises(Failed, match=f"line 17 of {chip} cannot be set: .*; check chip and line"):
        alert(tmp_path, chip).show(True)
