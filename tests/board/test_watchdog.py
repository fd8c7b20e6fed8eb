"""The watchdog of the machine is armed, fed and disarmed by the calls that its driver knows."""

import pytest

from edge.board import watchdog
from edge.board.watchdog import INFO, Watchdog


class Driver:
    """Answers as a driver does. It sets no more than `most_s`; options: what it can."""

    def __init__(self, options, most_s=15):
        self.options = options
        self.most_s = most_s
        self.calls = []

    def __call__(self, fd, number, octets):
        self.calls.append(number)
        if number == watchdog.GET_SUPPORT:
            INFO.pack_into(octets, 0, self.options, 1, b"Broadcom BCM2835 Watchdog timer")
        elif number == watchdog.SET_TIMEOUT:
            octets[:] = min(int.from_bytes(octets, "little"), self.most_s).to_bytes(4, "little")
        elif number == watchdog.GET_TIMEOUT:
            octets[:] = self.most_s.to_bytes(4, "little")


@pytest.fixture
def device(tmp_path):
    path = tmp_path / "watchdog0"
    path.write_bytes(b"")
    return path


def test_the_time_is_what_the_driver_could_do(device):
    armed = Watchdog(str(device), 60, Driver(watchdog.CAN_SET_TIMEOUT | watchdog.CAN_STOP))
    assert (armed.period_s, armed.support.can_stop) == (15, True)
    assert armed.support.identity == "Broadcom BCM2835 Watchdog timer"
    armed.close()


def test_a_driver_whose_time_is_fixed_is_asked_for_it(device):
    driver = Driver(0, 30)
    armed = Watchdog(str(device), 10, driver)
    assert armed.period_s == 30 and watchdog.SET_TIMEOUT not in driver.calls
    armed.close()


def test_it_is_fed_by_the_call_and_disarmed_by_the_magic_alone(device):
    driver = Driver(watchdog.CAN_SET_TIMEOUT)
    armed = Watchdog(str(device), 10, driver)
    armed.feed()
    armed.feed()
    assert driver.calls.count(watchdog.KEEP_ALIVE) == 2 and device.read_bytes() == b""
    armed.close()
    assert device.read_bytes() == b"V"


def test_what_is_no_watchdog_cannot_be_had(tmp_path, device):
    for path in (tmp_path / "none", device):
        with pytest.raises(OSError):
            Watchdog(str(path), 10)
    assert device.read_bytes() == b""
