"""The numbers and layouts of the kernel's devices, held against the kernel's own headers by a program in C."""

import subprocess

import pytest

from edge.board import lines, watchdog

_PROGRAM = r"""
#include <stdio.h>
#include <string.h>
#include <linux/gpio.h>
#include <linux/watchdog.h>
static void put(const void *octets, size_t size) { fwrite(octets, size, 1, stdout); }
int main(void) {
    struct gpio_v2_line_request asked;
    memset(&asked, 0, sizeof asked);
    asked.offsets[0] = 17;
    asked.offsets[1] = 4;
    strcpy(asked.consumer, "edge");
    asked.config.flags = GPIO_V2_LINE_FLAG_OUTPUT | GPIO_V2_LINE_FLAG_ACTIVE_LOW;
    asked.config.num_attrs = 1;
    asked.config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
    asked.config.attrs[0].attr.values = 2;
    asked.config.attrs[0].mask = 3;
    asked.num_lines = 2;
    put(&asked, sizeof asked);
    memset(&asked, 0, sizeof asked);
    asked.offsets[0] = 26;
    strcpy(asked.consumer, "edge");
    asked.config.flags = GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_EDGE_RISING | GPIO_V2_LINE_FLAG_EDGE_FALLING
        | GPIO_V2_LINE_FLAG_ACTIVE_LOW | GPIO_V2_LINE_FLAG_BIAS_PULL_UP;
    asked.config.num_attrs = 1;
    asked.config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_DEBOUNCE;
    asked.config.attrs[0].attr.values = 0;
    asked.config.attrs[0].attr.debounce_period_us = 20000;
    asked.config.attrs[0].mask = 1;
    asked.num_lines = 1;
    put(&asked, sizeof asked);
    struct gpio_v2_line_event event;
    memset(&event, 0, sizeof event);
    event.timestamp_ns = 1;
    event.id = GPIO_V2_LINE_EVENT_RISING_EDGE;
    event.offset = 26;
    event.seqno = 2;
    event.line_seqno = 3;
    put(&event, sizeof event);
    struct gpiochip_info chip;
    memset(&chip, 0, sizeof chip);
    strcpy(chip.name, "gpiochip0");
    strcpy(chip.label, "pinctrl-bcm2711");
    chip.lines = 58;
    put(&chip, sizeof chip);
    struct watchdog_info info;
    memset(&info, 0, sizeof info);
    info.options = WDIOF_SETTIMEOUT | WDIOF_MAGICCLOSE;
    strcpy((char *)info.identity, "i6300ESB timer");
    put(&info, sizeof info);
    unsigned long numbers[] = {
        GPIO_GET_CHIPINFO_IOCTL, GPIO_V2_GET_LINE_IOCTL, GPIO_V2_LINE_GET_VALUES_IOCTL, GPIO_V2_LINE_SET_VALUES_IOCTL,
        sizeof(struct gpio_v2_line_values), (size_t)((char *)&asked.fd - (char *)&asked),
        WDIOC_GETSUPPORT, WDIOC_KEEPALIVE, WDIOC_SETTIMEOUT, WDIOC_GETTIMEOUT, WDIOF_SETTIMEOUT, WDIOF_MAGICCLOSE,
    };
    for (size_t at = 0; at < sizeof numbers / sizeof *numbers; at++)
        fprintf(stderr, "%lu\n", numbers[at]);
    return 0;
}
"""


@pytest.fixture(scope="module")
def header(tmp_path_factory):
    """What the kernel's headers make of it: (octets, numbers)."""
    folder = tmp_path_factory.mktemp("header")
    (folder / "said.c").write_text(_PROGRAM)
    subprocess.run(["gcc", "-o", folder / "said", folder / "said.c"], check=True)
    said = subprocess.run([folder / "said"], capture_output=True, check=True)
    return said.stdout, [int(each) for each in said.stderr.split()]


def test_requests_events_and_descriptions_are_laid_out_as_the_headers_have_them(header):
    ours = (
        lines.outputs((17, 4), True, 2)
        + lines.button(26, True)
        + lines.EVENT.pack(1, lines.ROSE, 26, 2, 3)
        + lines.CHIP.pack(b"gpiochip0", b"pinctrl-bcm2711", 58)
        + watchdog.INFO.pack(watchdog.CAN_SET_TIMEOUT | watchdog.CAN_STOP, 0, b"i6300ESB timer")
    )
    assert header[0] == ours


def test_the_numbers_of_the_calls_are_those_of_the_headers(header):
    assert header[1] == [
        lines.GET_CHIP, lines.GET_LINE, lines.GET_VALUES, lines.SET_VALUES, lines.VALUES.size, lines.REQUEST.size - 4,
        watchdog.GET_SUPPORT, watchdog.KEEP_ALIVE, watchdog.SET_TIMEOUT, watchdog.GET_TIMEOUT,
        watchdog.CAN_SET_TIMEOUT, watchdog.CAN_STOP,
    ]  # fmt: skip
