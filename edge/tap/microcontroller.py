"""A board with MicroPython's `machine` and `network`: UART, LED, watchdog, Wi-Fi and clock, as running wants them."""

import machine
import network
import ntptime

from edge.tap import wifi as stations

_NTP_S = 1  # what the serial line waits meanwhile has to fit its buffer
_RECEIVE_OCTETS = 8192  # buffer of the UART: 0.7 s at 115200 baud, for while the flash is erased or TLS begins
_PARITY = {"none": None, "even": 0, "odd": 1}


class Line:
    """A UART, read and written without waiting for what has not come."""

    def __init__(self, uart):
        self._uart = uart

    def read(self, view):
        """Read into `view`; return the octets that came, None for none."""
        return self._uart.readinto(view)

    def write(self, octets):
        """Write; the UART's buffer takes answers whole."""
        self._uart.write(octets)


class Board:
    """What edge/tap/running asks for. uart, tx, rx: numbers of the usual UART and its pins; led: a Pin."""

    has_clock = False
    path = ""

    def __init__(self, uart, tx, rx, led, watchdog_ms):
        self.unique_id = machine.unique_id()
        self._usual = (uart, tx, rx)
        self._led = led
        self._watchdog = machine.WDT(timeout=watchdog_ms)

    def open_line(self, serial):
        """Open the UART; return the line, and what can be polled."""
        chosen = (serial["uart"], serial["tx_pin"], serial["rx_pin"])
        number, tx, rx = [usual if own < 0 else own for own, usual in zip(chosen, self._usual)]
        more = {}
        if serial["flow"] == "rts/cts":
            more["flow"] = machine.UART.RTS | machine.UART.CTS
            more["rts"] = machine.Pin(serial["rts_pin"])
            more["cts"] = machine.Pin(serial["cts_pin"])
        uart = machine.UART(
            number,
            baudrate=serial["baud"],
            bits=serial["bits"],
            parity=_PARITY[serial["parity"]],
            stop=serial["stop"],
            tx=machine.Pin(tx),
            rx=machine.Pin(rx),
            rxbuf=_RECEIVE_OCTETS,
            timeout=0,
            **more
        )
        return Line(uart), uart

    def open_network(self, wifi):
        """Begin to connect; return a function of now_ms that says whether there is a network."""
        if wifi["country"]:
            network.country(wifi["country"])
        network.hostname(wifi["hostname"])
        return stations.Wifi(network.WLAN(network.STA_IF), wifi).is_up

    def set_clock(self, host):
        """Set the clock by NTP; OSError when nothing answers."""
        ntptime.host = host
        ntptime.timeout = _NTP_S
        ntptime.settime()

    def light(self, is_lit):
        """Switch the LED."""
        self._led.value(is_lit)

    def feed(self):
        """Tell the watchdog that all is well."""
        self._watchdog.feed()
