"""The machine below the box, as the kernel tells of it: heat, power, the storage that the state lies on, memory, load.

Everything is read from files below one root, which a test may be given a folder for. What a machine does not tell is
None: no board tells everything. A reading is taken when somebody asks, and stands for a second.

Storage: the block device of the state folder is found by its number, and from the partition, or the encrypted or
logical volume, down to the disk. An eMMC tells how much of its life is used in tenths (JEDEC JESD84-B51, 7.4.88 f.),
with eleven for more than all of it; what was ever written is counted by ext4, what was since the start by the kernel.
"""

import os
import time
from _thread import allocate_lock
from collections import namedtuple

from edge.board import kernel
from edge.spool.health import Health

HOT_C, COOL_C = 90.0, 85.0  # a trouble from the first on, until below the second
WORN_PERCENT = 80
_STANDS_S = 1.0
_POWER_S = 600  # how long a supply that was too weak for a moment stays a trouble
_SECTOR_BYTES = 512
_DEEPEST = 8  # volumes upon volumes
_STOPPED = {"ro", "emergency_ro", "shutdown"}  # of a file system as a whole, in mountinfo
_SPENT = {2: 80, 3: 90}  # pre-EOL: what at least is used of the reserve
_UNDER_NOW, _UNDER_BEFORE = 1 << 0, 1 << 16  # of get_throttled
_THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"

# temperature_c: of the hottest zone; undervoltage: whether power is too weak now; undervoltage_before: whether it was,
# since the machine started; storage: Storage; memory_bytes, memory_free_bytes: of the machine; load: of the last minute
Readings = namedtuple(
    "Readings",
    "temperature_c undervoltage undervoltage_before storage memory_bytes memory_free_bytes load",
)
# device: name of the disk, None where none was found; wear_percent: of its life, in tenths; written_bytes: ever, to the
# file system; written_since_start_bytes: to the disk; read_only; faults: errors that the file system has counted
Storage = namedtuple("Storage", "device wear_percent written_bytes written_since_start_bytes read_only faults")


class Board:
    """Readings of this machine. state_dir: the folder whose storage counts; root: where the kernel's files are."""

    def __init__(self, state_dir, root="/", now=time.time):
        self._state_dir = state_dir
        self._root = root
        self._now = now
        self._lock = allocate_lock()
        self._readings = None
        self._read_at = 0.0
        self._is_hot = False
        self._weak_at = None  # when power was last too weak
        self._health = Health(now)

    def readings(self):
        """Return the Readings of now."""
        with self._lock:
            at = time.monotonic()
            if self._readings is None or at - self._read_at >= _STANDS_S:
                self._readings = self._read()
                self._read_at = at
            return self._readings

    def _read(self):
        temperature = self._temperature()
        now, before = self._power()
        total, free = self._memory()
        load = kernel.text(self._path("proc/loadavg")).split()
        return Readings(
            temperature, now, before, self._storage(), total, free, kernel.number(load[0], float) if load else None
        )  # fmt: skip

    def _path(self, name):
        return os.path.join(self._root, name)

    def _temperature(self):
        zones = self._path("sys/class/thermal")
        found = []
        for name in kernel.names(zones):
            if name.startswith("thermal_zone"):
                value = kernel.number(kernel.text("%s/%s/temp" % (zones, name)), int)
                if value is not None and -40000 <= value <= 150000:
                    found.append(value / 1000)
        return max(found, default=None)

    def _power(self):
        """Return whether power is too weak now, and whether it was since the machine started; None for unknown."""
        bits = kernel.number(kernel.text(self._path(_THROTTLED)), _hexadecimal)
        now = None if bits is None else bool(bits & _UNDER_NOW)
        before = None if bits is None else bool(bits & _UNDER_BEFORE)
        sensors = self._path("sys/class/hwmon")
        for name in kernel.names(sensors):
            if kernel.text("%s/%s/name" % (sensors, name)) == "rpi_volt":
                alarm = kernel.text("%s/%s/in0_lcrit_alarm" % (sensors, name))
                if alarm in ("0", "1"):
                    now = now or alarm == "1"
        return now, before

    def _memory(self):
        found = {}
        for line in kernel.text(self._path("proc/meminfo")).splitlines():
            name, _, value = line.partition(":")
            if name in ("MemTotal", "MemAvailable"):
                found[name] = (kernel.number(value.split()[0], int) or 0) << 10
        return found.get("MemTotal"), found.get("MemAvailable")

    # Storage

    def _storage(self):
        try:
            read_only = bool(os.statvfs(self._state_dir).f_flag & os.ST_RDONLY)
            number = os.stat(self._state_dir).st_dev
        except OSError:
            return Storage(None, None, None, None, False, None)
        read_only = read_only or self._is_stopped(number)
        volume = self._volume(number)
        if volume is None:
            return Storage(None, None, None, None, read_only, None)
        disk = self._disk(volume)
        system = self._path("sys/fs/ext4/" + os.path.basename(volume))
        written = kernel.number(kernel.text(system + "/lifetime_write_kbytes"), int)
        fields = kernel.text(disk + "/stat").split()
        since = kernel.number(fields[6], int) if len(fields) > 6 else None
        return Storage(
            os.path.basename(disk),
            self._wear(disk),
            None if written is None else written << 10,
            None if since is None else since * _SECTOR_BYTES,
            read_only,
            kernel.number(kernel.text(system + "/errors_count"), int),
        )

    def _is_stopped(self, number):
        """Say whether the file system with this number has stopped to write by itself, which statvfs does not tell."""
        wanted = "%d:%d" % (os.major(number), os.minor(number))
        for line in kernel.text(self._path("proc/self/mountinfo")).splitlines():
            fields = line.split()
            if len(fields) > 6 and fields[2] == wanted and not _STOPPED.isdisjoint(fields[-1].split(",")):
                return True
        return False

    def _volume(self, number):
        """Return the folder of the block device with this number, None where there is none."""
        link = self._path("sys/dev/block/%d:%d" % (os.major(number), os.minor(number)))
        return os.path.realpath(link) if os.path.exists(link) else None

    def _disk(self, folder):
        """Return the folder of the disk that a volume lies on, by way of what it is made of."""
        for _ in range(_DEEPEST):
            if os.path.exists(folder + "/partition"):
                return os.path.dirname(folder)
            below = sorted(kernel.names(folder + "/slaves"))
            if not below:
                return folder
            folder = os.path.realpath("%s/slaves/%s" % (folder, below[0]))
        return folder

    def _wear(self, disk):
        tenths = [kernel.number(word, _hexadecimal) for word in kernel.text(disk + "/device/life_time").split()]
        worn = max([each * 10 for each in tenths if each], default=None)
        spent = _SPENT.get(kernel.number(kernel.text(disk + "/device/pre_eol_info"), _hexadecimal))
        if spent is not None:
            worn = max(worn or 0, spent)
        return worn

    # What is wrong

    def troubles(self):
        """Return a health.Trouble for whatever a person has to see to."""
        found = self.readings()
        now = self._now()
        self._judge_heat(found.temperature_c)
        self._judge_power(found.undervoltage, now)
        self._judge_storage(found.storage)
        return self._health.troubles()

    def _say(self, key, is_wrong, words):
        if is_wrong:
            self._health.report(key, words)
        else:
            self._health.clear(key)

    def _judge_heat(self, temperature):
        self._is_hot = temperature is not None and temperature >= (COOL_C if self._is_hot else HOT_C)
        words = "the box is at %.0f degrees C, too hot to last: see to its fan, its cooler, and what it stands on"
        self._say("temperature", self._is_hot, words % (temperature or 0))

    def _judge_power(self, is_weak, now):
        if is_weak:
            self._weak_at = now
        is_wrong = self._weak_at is not None and 0 <= now - self._weak_at < _POWER_S
        words = "the power supply of the box is too weak: use one that is made for it, with a short cable"
        self._say("undervoltage", is_wrong, words)

    def _judge_storage(self, storage):
        words = (
            "the file system of %s cannot be written any more, nothing new is taken: the kernel makes it so when the "
            "storage fails; see `dmesg`, save what is there, replace the card or disk"
        )
        self._say("read-only", storage.read_only, words % self._state_dir)
        worn = storage.wear_percent or 0
        words = "%d %% of the life of %s, the storage of the box, is used up: plan to replace it"
        if worn > 100:
            words = "%d %% of the life of %s, the storage of the box, is used up, which is more than it was made for: "
            words += "replace it now"
        self._say("wear", worn >= WORN_PERCENT, words % (worn, storage.device))
        words = "the file system on %s has found %d errors in itself: have it checked (fsck), and look at the storage"
        self._say("file system", bool(storage.faults), words % (storage.device, storage.faults or 0))


def _hexadecimal(words):
    return int(words, 16)
