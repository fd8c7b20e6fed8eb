"""An emulated machine that boots a board's image: started, watched, talked to, and cut off from its power.

with Guest("qemu-amd64", folder) as guest:
    guest.await_ready()
    ... send to guest.dicom_port, read guest.console(), open guest.serial_path with pyserial ...

The image itself is never written to: the disk is a layer over it. Emulation is slow, and takes as long as it takes; the
limits here only end what will not come any more.
"""

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import threading
import time
import tomllib
from pathlib import Path

from tests.support import process
from tests.support.dcmtk import ECHOSCU

PROJECT = Path(__file__).resolve().parents[2]
IMAGES = PROJECT / "build" / "image"
READY_LIMIT_S = 240
HOST = "10.0.2.2"  # what the guest calls the machine that emulates it
PORTS = {"dicom": 11112, "web": 8443}
_UBOOT = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")
_OVMF = Path("/usr/share/OVMF")


def image_of(board):
    """Return the path of a board's image, or fail with what makes it."""
    path = IMAGES / board / f"edge-{board}.img"
    if not path.exists():
        raise RuntimeError(f"{path} is missing: type `make image BOARD={board}`")
    return path


class Guest:
    """One emulated board. It may be started, cut off and started again on the same disk.

    folder: for its disk, its log and its sockets; disk_gib: larger than the image, as a card is; image: instead of the
    board's; log_writes: write down at `writes_path` what it writes to its disk, until the plug is pulled (checks/blocks.py).
    """

    def __init__(self, board, folder, memory_mib=256, disk_gib=2, image=None, log_writes=False):
        profile = PROJECT / "boards" / board / "profile.toml"
        self.board = board
        self.arch = tomllib.loads(profile.read_text(encoding="utf-8"))["board"]["arch"]
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.memory_mib = memory_mib
        self.disk = self.folder / "disk.qcow2"
        self.log_path = self.folder / "console.log"
        self.disk_gib = disk_gib
        self.writes_path = self.folder / "writes.log"
        self.ports = {name: (process.free_port(), inside) for name, inside in PORTS.items()}
        self.process = None
        self.pid = None
        self.serial_path = None
        self._qmp = None
        self._told = []
        self._is_on = False
        self._switch = threading.RLock()  # between who pulls the plug and who starts anew after a reset
        self._began = None
        self._logs_writes = log_writes
        self.image = Path(image or image_of(board)).resolve()
        _run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", self.image, self.disk, f"{disk_gib}G")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.power_cut()

    @property
    def dicom_port(self):
        """The port here that leads to the guest's DICOM port."""
        return self.ports["dicom"][0]

    @property
    def web_port(self):
        """The port here that leads to the guest's console."""
        return self.ports["web"][0]

    def start(self):
        """Switch it on. Where it resets itself afterwards, its emulator ends, and a new one goes on with the same disk.

        Code that was translated before a reset makes what runs after it several times slower in QEMU 7.2.
        """
        self.log_path.write_bytes(b"")
        self._told = []
        self._is_on = True
        self._launch()

    def _launch(self):
        self._began = time.monotonic()
        with open(self.folder / "qemu.log", "ab") as log:
            self.process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.pid = self.process.pid
        path = self.folder / "qmp"
        try:
            process.wait_until(lambda: path.exists() or self.process.poll() is not None, 30, "the emulator")
            self._qmp = _Qmp(path, self._told)
        except (OSError, TimeoutError) as error:
            words = (self.folder / "qemu.log").read_text(encoding="utf-8", errors="replace")
            self.power_cut()
            raise RuntimeError(f"the emulator did not start: {words}") from error
        found = next(each for each in self.qmp("query-chardev") if each["label"] == "serial0")
        self.serial_path = found["filename"].removeprefix("pty:")
        threading.Thread(target=self._go_on_after, args=(self.process,), daemon=True).start()

    def _go_on_after(self, emulator):
        """Start anew when the machine has reset itself."""
        if emulator.wait() == 0:
            with self._switch:
                if self._is_on and self.process is emulator:
                    self._qmp.close()
                    self._launch()

    def _command(self):
        forwards = ",".join(
            f"hostfwd=tcp:127.0.0.1:{here}-:{inside}" for here, inside in self.ports.values()
        )
        (self.folder / "qmp").unlink(missing_ok=True)
        return [
            *self._machine(),
            "-accel", "tcg,thread=multi", "-smp", "2", "-m", str(self.memory_mib),
            "-display", "none", "-nodefaults", "-no-user-config",
            *self._drive(), "-device", "virtio-blk-pci,drive=disk",
            "-netdev", f"user,id=net,{forwards}", "-device", "virtio-net-pci,netdev=net,romfile=",
            "-chardev", f"pty,id=serial0,logfile={self.log_path},logappend=on", "-serial", "chardev:serial0",
            "-device", "i6300esb", "-watchdog-action", "reset", "-action", "reboot=shutdown",
            "-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng",
            "-device", "virtio-balloon-pci,id=memory",
            "-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off",
        ]  # fmt: skip

    def _drive(self):
        """Name the disk; its writes go through to the system here, which keeps them when the emulator is killed."""
        if not self._logs_writes:
            return ["-drive", f"file={self.disk},if=none,id=disk,format=qcow2,cache=writeback,discard=unmap"]
        goes_on = "on" if self.writes_path.exists() else "off"
        self.writes_path.touch()
        disk = f"driver=qcow2,node-name=below,discard=unmap,file.driver=file,file.filename={self.disk}"
        log = f"log.driver=file,log.filename={self.writes_path},log-append={goes_on}"
        return ["-blockdev", disk, "-blockdev", f"driver=blklogwrites,node-name=disk,file=below,{log}"]

    def _machine(self):
        if self.arch == "arm64":
            return ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a53", "-bios", _present(_UBOOT, "u-boot-qemu")]
        names = ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd")
        code, variables = [_present(_OVMF / name, "ovmf") for name in names]
        own = self.folder / "variables.fd"
        if not own.exists():
            shutil.copyfile(variables, own)
        drives = [f"if=pflash,format=raw,unit=0,readonly=on,file={code}", f"if=pflash,format=raw,unit=1,file={own}"]
        # A processor of a vendor whose kernels need not change page tables at each system call, which is slow to emulate.
        return ["qemu-system-x86_64", "-machine", "q35", "-cpu", "Opteron_G2", *[w for d in drives for w in ("-drive", d)]]

    def qmp(self, command, **arguments):
        """Give the emulator a command of QMP and return what it answers."""
        return self._qmp(command, arguments)

    @property
    def is_on(self):
        """Whether it was switched on, and its plug was not pulled since."""
        return self._is_on

    def events(self):
        """Return the names of what the emulator has told of the machine since it was switched on, such as WATCHDOG."""
        return list(self._told)

    def reset(self):
        """Press the reset button."""
        before = self.process
        self.qmp("system_reset")
        process.wait_until(lambda: self.process is not before, 60, "the machine to begin again")
        with self._switch:  # until the new one is there as a whole
            pass

    def power_cut(self):
        """Pull the plug: the emulator is killed by its id, and with it all that was not on the disk."""
        with self._switch:
            self._is_on = self._logs_writes = False
            if self.process is not None and self.process.poll() is None:
                os.kill(self.process.pid, signal.SIGKILL)
            if self.process is not None:
                self.process.wait()
            if self._qmp is not None:
                self._qmp.close()
                self._qmp = None

    def memory_used_mib(self):
        """Return what the guest's kernel says is not available, in MB; None while it has said nothing yet."""
        place = "/machine/peripheral/memory"
        self.qmp("qom-set", path=place, property="guest-stats-polling-interval", value=2)
        stats = self.qmp("qom-get", path=place, property="guest-stats")["stats"]
        if stats["stat-available-memory"] > 1 << 50 or stats["stat-total-memory"] > 1 << 50:
            return None
        return (stats["stat-total-memory"] - stats["stat-available-memory"]) / 1e6

    def console(self):
        """Return all that came over the serial line since the machine was switched on, as text."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def await_console(self, text, limit_s=READY_LIMIT_S, after=0):
        """Wait until the serial line has shown `text`, beyond the first `after` characters of it."""
        self._await(lambda: text in self.console()[after:], limit_s, f"{text!r} on the serial line")

    def await_ready(self, limit_s=READY_LIMIT_S):
        """Wait until the box answers C-ECHO; return the seconds since it was switched on or reset."""
        self._await(self.answers, limit_s, "an answer to C-ECHO", pause_s=0.5)
        return time.monotonic() - self._began

    def answers(self):
        """Say whether the box answers C-ECHO."""
        command = [ECHOSCU, "-to", "5", "-ta", "5", "-td", "5", "-aec", "EDGE", "127.0.0.1", str(self.dicom_port)]
        return subprocess.run(command, capture_output=True).returncode == 0

    def _await(self, condition, limit_s, what, pause_s=0.1):
        def met():
            if self.process.poll() not in (None, 0):
                raise RuntimeError(f"the emulator ended while waiting for {what}:\n{self.console()[-3000:]}")
            return condition()

        try:
            process.wait_until(met, limit_s, what, pause_s)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the serial line's last words:\n{self.console()[-3000:]}") from None


class _Qmp:
    """The emulator's control channel; a thread reads it, so that no event is lost when the emulator ends."""

    def __init__(self, path, events):
        self._events = events
        self._answers = queue.SimpleQueue()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rb")
        self._file.readline()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self("qmp_capabilities", {})

    def _read(self):
        try:
            for line in self._file:
                said = json.loads(line)
                if "event" in said:
                    self._events.append(said["event"])
                else:
                    self._answers.put(said)
        except (OSError, ValueError):
            pass  # it ended in the middle of a line
        self._answers.put(None)

    def __call__(self, command, arguments):
        words = {"execute": command, "arguments": {key.replace("_", "-"): value for key, value in arguments.items()}}
        try:
            self._socket.sendall(json.dumps(words).encode() + b"\n")
            answer = self._answers.get(timeout=60)
        except (OSError, queue.Empty) as error:
            raise RuntimeError(f"the emulator does not answer {command}: {error!r}") from error
        if answer is None:
            raise RuntimeError(f"the emulator ended at {command}")
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']['desc']}")
        return answer["return"]

    def close(self):
        """Let go of the channel, of which nothing more comes."""
        self._reader.join(10)
        self._file.close()
        self._socket.close()


def partition(image, label):
    """Return (start, size) in bytes of the partition `label` of an image."""
    listed = json.loads(_run("sfdisk", "--json", image))["partitiontable"]["partitions"]
    found = next(each for each in listed if each["name"] == label)
    return found["start"] * 512, found["size"] * 512


def image_with_arguments(image, path, words):
    """Write a copy of an image to `path`, whose boot loader gives the kernel these words as well."""
    _run("cp", "--sparse=always", image, path)
    env = Path(path).with_suffix(".env")
    firmware = f"{path}@@{partition(path, 'firmware')[0]}"
    _run("mcopy", "-n", "-o", "-i", firmware, "::/firmware.env", env)
    env.write_text(env.read_text(encoding="ascii").rstrip("\n") + f" {words}\n", encoding="ascii")
    _run("mcopy", "-o", "-i", firmware, env, "::/firmware.env")


def _present(path, package):
    if not path.exists():
        raise RuntimeError(f"{path} is missing: apt-get install {package}")
    return str(path)


def _run(*command):
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr}")
    return done.stdout
