"""The serial tap on a Raspberry Pi Pico 2 W (boards/TAP.md): UART 0 on GP0 and GP1, the LED of the board."""

from machine import Pin

from edge.tap import microcontroller, running

# RP2350: its watchdog waits 8388 ms at most
running.run(microcontroller.Board(uart=0, tx=0, rx=1, led=Pin("LED", Pin.OUT), watchdog_ms=8000))
