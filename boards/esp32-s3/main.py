"""The serial tap on an ESP32-S3 (boards/TAP.md): UART 1 on GPIO 17 and 18, an LED at GPIO 4."""

from machine import Pin

from edge.tap import microcontroller, running

running.run(microcontroller.Board(uart=1, tx=17, rx=18, led=Pin(4, Pin.OUT), watchdog_ms=30000))
