"""Lamps follow what is said, and a button means what it was meant to: by the kernel's events and files."""

import time
from pathlib import Path

import pytest

from edge.board import profile
from edge.board.indicators import (
    ARMED, CONFIRM_S, DARK, DROPPED, ORDERED, SILENT_S, STUCK_S, Hold, Indicators, Panel, Shown, lit,
)  # fmt: skip
from tests.support.button import Pressed
from tests.support.process import wait_until

BOARDS = Path(__file__).parents[2] / "boards"
HOLD_S = 10
READY = DARK._replace(ready=True)


def after(*happenings):
    """What a button's machine says of each of (seconds, True for pressed, False for let go or None for time alone)."""
    hold = Hold(HOLD_S)
    return [hold.tick(at) if pressed is None else hold.changed(pressed, at) for at, pressed in happenings], hold


@pytest.mark.parametrize(
    "happenings, said",
    (
        (((0, True), (9.9, None), (9.9, False), (100, None)), [None] * 4),
        (((0, True), (10, None), (11, False), (15, True)), [None, ARMED, None, ORDERED]),
        (((0, True), (12, False), (15, True)), [None, ARMED, ORDERED]),
        (((0, True), (10, None), (11, False), (11 + CONFIRM_S, None), (30, True)), [None, ARMED, None, DROPPED, None]),
        (((0, True), (10, None), (10 + STUCK_S, None), (80, False), (81, True)), [None, ARMED, DROPPED, None, None]),
        (((0, True), (1, False), (2, True), (11, None), (12, None)), [None, None, None, None, ARMED]),
        (((0, False), (1, True), (2, False)), [None] * 3),
        (((0, True), (10, None), (11, False), (12, True), (30, None), (40, False), (41, True)),
         [None, ARMED, None, ORDERED, None, None, None]),
    ),
)  # fmt: skip
def test_only_a_button_that_is_held_let_go_and_pressed_again_in_time_orders_anything(happenings, said):
    assert after(*happenings)[0] == said


def test_the_machine_says_when_it_has_something_to_do():
    hold = Hold(HOLD_S)
    assert hold.deadline() is None
    hold.changed(True, 5.0)
    assert hold.deadline() == 15.0 and not hold.is_armed
    hold.tick(15.0)
    hold.changed(False, 16.0)
    assert hold.deadline() == 16.0 + CONFIRM_S and hold.is_armed


def test_lamps_say_what_they_are_told_without_a_beat():
    assert lit(READY, False, False, 12.3) == (READY, None)


def test_an_armed_reset_blinks_all_lamps_and_a_silent_box_the_one_for_errors():
    seen = {lit(READY, True, False, at / 16)[0] for at in range(16)}
    assert seen == {DARK, Shown(True, True, True, True)}
    seen = {lit(READY, False, True, at / 4)[0] for at in range(16)}
    assert seen == {DARK, DARK._replace(error=True)}
    assert lit(READY, False, True, 3.1)[1] == 3.5


# With files and events as the kernel has them


def led(root, name, most=255):
    folder = root / "sys/class/leds" / name
    folder.mkdir(parents=True)
    for file, words in (("brightness", "0"), ("max_brightness", f"{most}\n"), ("trigger", "[heartbeat] none")):
        (folder / file).write_text(words)
    return folder


def board(**more):
    """A profile with lamps that the kernel drives, and no chip unless said."""
    found = profile.load(BOARDS / "pi-4")
    gpio = found.gpio._replace(chip=None, **{each: None for each in found.gpio._fields if each.endswith("_line")})
    return found._replace(gpio=gpio._replace(**more))


def test_lamps_of_the_kernel_are_taken_from_their_trigger_and_lit_as_bright_as_they_get(tmp_path):
    power, activity = led(tmp_path, "PWR"), led(tmp_path, "ACT", 1)
    panel = Panel(board(), {}, str(tmp_path))
    assert (panel.lamps, panel.faults) == (["ready", "busy"], [])
    panel.show(Shown(True, True, False, False))
    assert [(each / "brightness").read_text() for each in (power, activity)] == ["255", "1"]
    panel.show(READY)
    assert [(each / "brightness").read_text() for each in (power, activity)] == ["255", "0"]
    assert (power / "trigger").read_text() == "none"


def test_a_lamp_that_is_missing_is_a_fault_and_the_others_are_lit(tmp_path):
    power = led(tmp_path, "PWR")
    panel = Panel(board(), {}, str(tmp_path))
    assert panel.lamps == ["ready"] and "the lamp busy cannot be lit" in panel.faults[0]
    panel.show(READY)
    assert (power / "brightness").read_text() == "255"


def test_a_chip_that_is_none_is_a_fault_that_ends_nothing(tmp_path):
    led(tmp_path, "PWR"), led(tmp_path, "ACT")
    wanted = board(chip="pinctrl-bcm2711", ready_line=5, error_line=13, button_line=26)
    assert Panel(wanted, {}, str(tmp_path)).faults == ["there is no GPIO chip pinctrl-bcm2711, or it may not be used"]
    panel = Panel(wanted, {"pinctrl-bcm2711": "/dev/null"}, str(tmp_path))
    assert panel.faults[0].startswith("the button cannot be heard: ")
    panel.show(READY)
    assert panel.faults[1].startswith("the lamps' lines cannot be set: ") and panel.lamps == ["busy"]


class Clock:
    """Time that a test sets."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def panel(tmp_path):
    """A panel with two lamps, and a button at a pipe."""
    for name in ("PWR", "ACT"):
        led(tmp_path, name)
    made = Panel(board(), {}, str(tmp_path))
    made.button = Pressed()
    return made


@pytest.fixture
def running(panel):
    """Indicators that run, with what they told and their clock."""
    clock, told = Clock(), []
    made = Indicators(panel, HOLD_S, told.append, clock)
    made.start()
    yield made, told, clock
    made.stop()


def lamp(tmp_path, name):
    return (tmp_path / "sys/class/leds" / name / "brightness").read_text()


def test_what_is_shown_is_lit_and_goes_out_at_the_end(panel, tmp_path):
    made = Indicators(panel, HOLD_S, print, time.monotonic)
    made.start()
    made.show(READY)
    wait_until(lambda: lamp(tmp_path, "PWR") == "255", 10, "the lamp")
    made.stop()
    assert lamp(tmp_path, "PWR") == "0"


def test_a_reset_is_ordered_by_the_events_of_the_kernel(running, panel):
    made, told, clock = running
    panel.button.happen(True)
    wait_until(lambda: made._hold.deadline() is not None, 10, "the press")
    clock.now += HOLD_S
    made.show(READY)
    wait_until(lambda: told == [ARMED], 10, "ten seconds")
    assert made.is_armed
    panel.button.happen(False, True)
    wait_until(lambda: told == [ARMED, ORDERED], 10, "the second press")


def test_a_box_that_says_nothing_for_a_minute_is_not_shown_as_ready(running, tmp_path):
    made, told, clock = running
    made.show(READY)
    wait_until(lambda: lamp(tmp_path, "PWR") == "255", 10, "the lamp")
    clock.now += SILENT_S
    made._knock()
    wait_until(lambda: lamp(tmp_path, "PWR") == "0", 10, "the lamp to go out")
