"""The table of all keys of a board's profile: what is checked, documented and built from is this and nothing else."""

from edge.toml.kinds import NAME, PATTERN, TRUTH, WORDS, Kind, choice, read_text, several, toml, whole
from edge.toml.section import REQUIRED, Section, key

ARCHITECTURES = ("arm64", "amd64")
TIERS = ("ci-booted", "emulated", "hardware-unverified")
METHODS = ("uboot", "tryboot", "systemd-boot")
KERNELS = ("debian", "vendor")
SERIAL_ROLES = ("console", "modality", "modem", "free")
INTERFACE_KINDS = ("ethernet", "wifi", "cellular")
INTERFACE_ROLES = ("modality", "uplink", "any")
LAMPS = ("ready", "busy", "error", "held")


def _read_device(value):
    if not read_text(value).startswith("/dev/") or len(value) > 128 or ".." in value or not value.isprintable():
        raise ValueError
    return value


DEVICE = Kind("device", 'a device, "/dev/NAME"', _read_device, toml)


def _read_tty(value):
    if not read_text(value).isascii() or not value.isalnum() or len(value) > 32:
        raise ValueError
    return value


TTY = Kind("tty", 'a tty without its folder, like "ttyS0"', _read_tty, toml)


def _read_lamp_name(value):
    if not read_text(value) or len(value) > 64 or "/" in value or not value.isprintable():
        raise ValueError
    return value


LED_NAME = Kind("name", "the name of a folder in /sys/class/leds", _read_lamp_name, toml)
LINE = whole(0, 1023)

BOARD = Section(
    "board",
    False,
    "What the board is.",
    (
        key("id", NAME, REQUIRED, "Its name, the one of its folder.", example='"pi-4"'),
        key("name", WORDS, REQUIRED, "What people call it.", example='"Raspberry Pi 4 Model B"'),
        key(
            "kind",
            choice("linux", "micropython"),
            "linux",
            "What runs on it: `linux` the whole box; `micropython` the serial tap, whose profile has keys of its own.",
        ),
        key("arch", choice(*ARCHITECTURES), REQUIRED, "Its processor's architecture, as Debian calls it."),
        key(
            "tier",
            choice(*TIERS),
            REQUIRED,
            "How it is known to work: `ci-booted`: its image is booted and tested by the project's own run, emulated; "
            "`emulated`: an emulator has booted it, by hand or in the long form; `hardware-unverified`: written from "
            "what its makers and its kernel say, never seen to run.",
        ),
        key(
            "dt_compatible",
            several(WORDS),
            (),
            "Words of the device tree's `compatible` that mean this board, the closest first.",
            example='["raspberrypi,4-model-b"]',
        ),
        key(
            "dmi",
            several(WORDS),
            (),
            "Of a machine without a device tree: what its DMI says as maker or product; * stands for any characters.",
            example='["QEMU"]',
        ),
        key("notes", several(WORDS), (), "What somebody has to know who uses it, each a sentence."),
    ),
)

BOOT = Section(
    "boot",
    False,
    "How it starts, and of what.",
    (
        key(
            "method",
            choice(*METHODS),
            REQUIRED,
            "Who chooses the slot: U-Boot by its script, the Pi's firmware (tryboot), or systemd-boot (UEFI).",
        ),
        key(
            "kernel",
            choice(*KERNELS),
            "debian",
            "Whose kernel: Debian's, or one of the board's vendor where Debian's lacks what the board needs.",
        ),
        key("kernel_package", NAME, REQUIRED, "The package that has it.", example='"linux-image-arm64"'),
        key(
            "uboot",
            WORDS,
            None,
            "With `uboot`: its binary in `uboot_package`.",
            example='"usr/lib/u-boot/rpi_arm64/u-boot.bin"',
        ),
        key("uboot_package", NAME, None, "With `uboot`: the package that has it.", example='"u-boot-rpi"'),
        key(
            "firmware_packages",
            several(NAME),
            (),
            "Packages with what has to lie on the firmware partition.",
            example='["raspi-firmware"]',
        ),
        key(
            "device_trees",
            several(WORDS),
            (),
            "Device trees of the kernel's package that the board's firmware reads.",
            example='["broadcom/bcm2711-rpi-4-b.dtb"]',
        ),
        key("command_line", WORDS, None, "What is added to the kernel's command line.", example='"cma=32M"'),
        key("initramfs_modules", several(NAME), (), "Kernel modules without which the root is not found."),
        key("modules", several(NAME), (), "Kernel modules that have to be loaded by name, as nothing asks for them."),
    ),
)

CONSOLE = Section(
    "console",
    False,
    "Where the kernel's messages go, and the box's menus behind them.",
    (
        key("tty", TTY, REQUIRED, "The tty.", example='"ttyS1"'),
        key("baud", choice(9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600), 115200, "Its bits per second."),
    ),
)

SERIAL = Section(
    "serial",
    True,
    "A serial port that can be reached from outside.",
    (
        key("name", NAME, REQUIRED, "What it is called, on the case or in its manual.", example='"header"'),
        key("path", DEVICE, REQUIRED, "Its device.", example='"/dev/ttyS1"'),
        key("role", choice(*SERIAL_ROLES), "free", "What it is for, unless the configuration says otherwise."),
        key("rs485", TRUTH, False, "Whether it is a bus of two wires, whose driver has to be switched (RS-485)."),
    ),
)

GPIO = Section(
    "gpio",
    False,
    "Lamps and a button on lines of a GPIO chip. Without `chip` there are none.",
    (
        key("chip", WORDS, None, "The chip, by its label or its device.", example='"pinctrl-bcm2711"'),
        *[
            key("%s_line" % lamp, LINE, None, "The line of the lamp that says %s." % words, example=str(number))
            for lamp, words, number in (
                ("ready", "that the box is ready and nothing is wrong", 5),
                ("busy", "that objects come in or go out", 6),
                ("error", "that something is wrong", 13),
                ("held", "that something is held and waits for a person", 19),
            )
        ],
        key("active_low", TRUTH, False, "Whether a lamp is lit by a low level."),
        key("button_line", LINE, None, "The line of the button.", example="26"),
        key("button_active_low", TRUTH, True, "Whether the button pulls its line low; its pull-up is switched on."),
        key("hold_s", whole(3, 60), 10, "How many seconds it is held to ask for a factory reset."),
    ),
)

LEDS = Section(
    "leds",
    False,
    "Lamps that the kernel drives, in /sys/class/leds; one that has a GPIO line as well is driven by that.",
    tuple(
        [
            key(lamp, LED_NAME, None, "The lamp that says %s." % words, example='"%s"' % name)
            for lamp, words, name in (
                ("ready", "ready", "PWR"),
                ("busy", "busy", "ACT"),
                ("error", "error", "red:fault"),
                ("held", "held", "amber:status"),
            )
        ]
    ),
)

WATCHDOG = Section(
    "watchdog",
    False,
    "What resets the board when it hangs. Without `driver` there is none.",
    (
        key("device", DEVICE, "/dev/watchdog0", "Its device."),
        key("driver", NAME, None, "Its kernel module.", example='"bcm2835_wdt"'),
        key("max_s", whole(1, 3600), None, "The longest time that it can be set to, in seconds.", example="15"),
    ),
)

STORAGE = Section(
    "storage",
    False,
    "What it starts from and keeps its objects on.",
    (
        key("device", DEVICE, REQUIRED, "The disk.", example='"/dev/mmcblk0"'),
        key("kind", choice("sd", "emmc", "ssd", "disk", "virtual"), REQUIRED, "What it is."),
        key("min_gib", whole(1, 65536), 4, "How large it has to be, in GiB."),
        key(
            "partition_table",
            choice("gpt", "hybrid"),
            "gpt",
            "`hybrid` where the board's firmware reads nothing but an MBR: a GPT with one beside it.",
        ),
        key("reserve_mib", whole(64, 1 << 20), 512, "Space on the data partition that objects never take, in MiB."),
    ),
)

NETWORK = Section(
    "network",
    False,
    "What its network needs.",
    (
        key(
            "firmware_packages",
            several(NAME),
            (),
            "Packages with firmware that the interfaces load.",
            example='["firmware-brcm80211"]',
        ),
        key(
            "firmware_files",
            several(PATTERN),
            (),
            "Which of their files the board needs, by name; without any, all.",
            example='["*43455-sdio*"]',
        ),
    ),
)

INTERFACE = Section(
    "interface",
    True,
    "A network interface.",
    (
        key("name", PATTERN, REQUIRED, "Its name, as systemd names it.", example='"end0"'),
        key("kind", choice(*INTERFACE_KINDS), REQUIRED, "What it is."),
        key("driver", NAME, REQUIRED, "Its kernel module.", example='"bcmgenet"'),
        key("role", choice(*INTERFACE_ROLES), "any", "What it is for, unless the network's settings say otherwise."),
    ),
)

RTC = Section(
    "rtc",
    False,
    "Its clock. Without one that runs on while it is off, time goes on from where it was saved until it is set.",
    (
        key("present", TRUTH, False, "Whether it has one that runs on while it is off."),
        key("device", DEVICE, "/dev/rtc0", "Its device."),
        key("needs_battery", TRUTH, False, "Whether it runs on only with a battery that has to be bought and put in."),
    ),
)

BURNER = Section(
    "burner",
    True,
    "A burner that was seen to work on it.",
    (
        key("id", NAME, REQUIRED, "USB vendor and product, or what it is.", example='"0e8d-1887"'),
        key("media", several(choice("CD-R", "CD-RW", "DVD-R", "DVD+R", "DVD-RW", "DVD+RW", "BD-R")), REQUIRED, "What "
            "it was seen to burn."),
        key("speed", whole(1, 100), None, "The fastest that it did without an error, as a factor.", example="8"),
    ),
)  # fmt: skip

LIMITS = Section(
    "limits",
    False,
    "What the box may ask of it.",
    (
        key("memory_mib", whole(64, 1 << 20), REQUIRED, "Memory for the service, in MiB: its unit's MemoryMax."),
        key("associations", whole(1, 1000), 32, "Associations at a time: what `max_associations` should not exceed."),
        key("workers", whole(1, 64), 4, "Associations with destinations at a time, of all of them together."),
        key("upload_mib", whole(1, 1 << 20), 2048, "The largest file that is taken through the console, in MiB."),
        key("hot_c", whole(40, 120), 85, "From how many degrees Celsius on it slows down, or is in danger."),
    ),
)

QEMU = Section(
    "qemu",
    False,
    "How QEMU stands in for it. Without `machine` it cannot.",
    (
        key("machine", WORDS, None, "QEMU's -machine.", example='"virt"'),
        key("cpu", WORDS, None, "QEMU's -cpu.", example='"cortex-a53"'),
        key("cpus", whole(1, 64), 2, "How many processors."),
        key("memory_mib", whole(64, 1 << 20), 256, "How much memory, in MiB."),
        key("extra", several(WORDS), (), "Further arguments of QEMU.", example='["-device", "i6300esb"]'),
        key("command_line", WORDS, None, "What is added to the kernel's command line under QEMU only.",
            example='"systemd.watchdog_sec=0"'),
    ),
)  # fmt: skip

SECTIONS = (
    BOARD, BOOT, CONSOLE, SERIAL, GPIO, LEDS, WATCHDOG, STORAGE, NETWORK, INTERFACE, RTC, BURNER, LIMITS, QEMU,
)  # fmt: skip
