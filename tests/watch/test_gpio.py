"""The numbers of the GPIO device, held against the kernel's own header; a chip, where this machine has one."""

import struct
import subprocess

import pytest

from edge.box import load
from edge.watch import channels, gpio
from edge.watch.failed import Failed

_PROGRAM = """
#include <stdio.h>
#include <string.h>
#include <linux/gpio.h>
int main(void) {
    struct gpio_v2_line_request asked;
    memset(&asked, 0, sizeof asked);
    asked.offsets[0] = 17;
    strcpy(asked.consumer, "edge");
    asked.config.flags = GPIO_V2_LINE_FLAG_OUTPUT | GPIO_V2_LINE_FLAG_ACTIVE_LOW;
    asked.config.num_attrs = 1;
    asked.config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
    asked.config.attrs[0].attr.values = 1;
    asked.config.attrs[0].mask = 1;
    asked.num_lines = 1;
    fwrite(&asked, sizeof asked, 1, stdout);
    fprintf(stderr, "%lu %lu %zu %zu\\n", (unsigned long)GPIO_V2_GET_LINE_IOCTL,
            (unsigned long)GPIO_V2_LINE_SET_VALUES_IOCTL, sizeof(struct gpio_v2_line_values),
            (size_t)((char *)&asked.fd - (char *)&asked));
    return 0;
}
"""


def alert(tmp_path, chip):
    text = '[[alert]]\nname = "lamp"\nkind = "gpio"\nline = 17\nchip = "%s"\n' % chip
    settings = load.parse(text, str(tmp_path / "edge.toml")).config
    return channels.make(settings, settings.alerts[0])


def test_the_request_for_a_line_is_what_the_kernel_header_makes_of_it(tmp_path):
    (tmp_path / "asked.c").write_text(_PROGRAM)
    subprocess.run(["gcc", "-o", tmp_path / "asked", tmp_path / "asked.c"], check=True)
    said = subprocess.run([tmp_path / "asked"], capture_output=True, check=True)
    assert said.stdout == gpio.request(17, is_active_low=True, is_on=True)
    numbers = [int(each) for each in said.stderr.split()]
    assert numbers == [gpio.GET_LINE, gpio.SET_VALUES, gpio.VALUES.size, struct.calcsize("=592x") - 4]


@pytest.mark.parametrize("chip", ["/dev/no-such-chip", "/dev/null"])
def test_a_chip_that_is_none_is_said_with_what_to_look_at(tmp_path, chip):
    with pytest.raises(Failed, match=f"line 17 of {chip} cannot be set: .*; check chip and line"):
        alert(tmp_path, chip).show(True)
