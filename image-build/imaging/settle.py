"""What the packages' own scripts would have done to the root, done from outside: users, certificates, units, links.

The packages are unpacked and not installed, since their scripts would have to run under emulation. Few of them matter
to a root that is never written to, and these are here.
"""

import re
import shutil

from imaging import boards, steps

ENABLED = "systemd-networkd systemd-resolved systemd-timesyncd nftables fstrim.timer edge-grow edge-reset edge-data edge-clock".split()
OWN = "usr/lib/systemd/system-preset/50-edge.preset"  # says which of the box's own units are enabled
# What would ask, wait, write to /etc, or serve a terminal that the box's own service has.
MASKED = tuple(
    """
    getty@.service serial-getty@.service console-getty.service container-getty@.service autovt@.service
    systemd-firstboot.service systemd-hwdb-update.service systemd-journal-catalog-update.service
    systemd-update-done.service ldconfig.service systemd-sysusers.service systemd-machine-id-commit.service
    systemd-pcrphase.service systemd-pcrphase-initrd.service systemd-pcrphase-sysinit.service systemd-pcrmachine.service
    systemd-tpm2-setup.service systemd-tpm2-setup-early.service systemd-ask-password-wall.path
    systemd-ask-password-console.path systemd-networkd-wait-online.service systemd-binfmt.service
    proc-sys-fs-binfmt_misc.automount sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount
    dev-mqueue.mount systemd-quotacheck-root.service systemd-homed.service systemd-userdbd.socket
    systemd-network-generator.service systemd-random-seed.service systemd-rfkill.socket systemd-boot-random-seed.service
    e2scrub_all.timer e2scrub_reap.service xfs_scrub_all.timer rauc-mark-good.service rauc-slot-status.service
    systemd-pstore.service systemd-bless-boot.service systemd-creds.socket systemd-hibernate-clear.service
    modprobe@drm.service kmod-static-nodes.service systemd-logind.service systemd-user-sessions.service
    systemd-journal-flush.service sys-kernel-config.mount sys-fs-fuse-connections.mount modprobe@efi_pstore.service cryptdisks.service cryptdisks-early.service
    """.split()
)
REMOVED = ("usr/lib/udev/hwdb.bin", "usr/share/dbus-1/interfaces", "etc/init.d", "etc/rc0.d", "etc/cron.d",
           "etc/cron.daily", "etc/default/useradd", "etc/apt", "etc/dpkg", "etc/update-motd.d", "usr/include",
           "usr/lib/dracut", "usr/share/bug", "usr/lib/kernel", "etc/kernel", "usr/lib/sysusers.d/README",
           "usr/lib/tmpfiles.d/credstore.conf", "usr/lib/tmpfiles.d/provision.conf", "usr/lib/tmpfiles.d/home.conf",
           "usr/lib/file", "usr/lib/tc", "usr/sbin/tc", "usr/bin/rdma", "usr/sbin/devlink", "usr/sbin/dcb",
           "usr/sbin/tipc", "usr/sbin/vdpa", "usr/sbin/genl", "usr/sbin/rtmon", "usr/bin/isoinfo", "usr/bin/isovfy",
           "usr/bin/isodump", "usr/bin/devdump", "usr/bin/dir", "usr/bin/vdir", "usr/sbin/debugfs")  # fmt: skip
# Of glibc's tables of encodings those that a FAT file system, or a label on it, may be in.
ENCODINGS = "gconv-modules gconv-modules.d UTF-16.so UTF-32.so ISO8859-1.so IBM850.so IBM437.so CP1252.so".split()
LINKS = {
    "etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf",
    "etc/mtab": "../proc/self/mounts",
    "etc/localtime": "/usr/share/zoneinfo/Etc/UTC",
    "usr/sbin/init": "../lib/systemd/systemd",
}


def settle(root):
    """Do it all; the overlay, which has sysusers of its own, lies in the root already."""
    for name in REMOVED:
        path = root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for path in sorted(root.glob("usr/lib/*/gconv/*")):
        if path.name not in ENCODINGS and path.is_file():
            path.unlink()
    _users(root)
    _certificates(root)
    _units(root)
    for name, target in LINKS.items():
        path = root / name
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    (root / "etc/machine-id").write_bytes(b"")  # each start makes one of its own in /run
    for name in ("data", "boot/firmware"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.rmtree(root / "var")
    (root / "var").mkdir()


def _users(root):
    """Write passwd and group as base-passwd has them, then what sysusers.d asks for; nobody has a password."""
    for name in ("passwd", "group"):
        shutil.copyfile(root / f"usr/share/base-passwd/{name}.master", root / f"etc/{name}")
    for path in sorted((root / "usr/lib/sysusers.d").glob("*.conf")):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"^u!", "u", text, flags=re.M), encoding="utf-8")  # older than the mark is the host's
    steps.run("systemd-sysusers", f"--root={root}")
    for name in ("passwd", "group", "shadow", "gshadow"):
        (root / f"etc/{name}-").unlink(missing_ok=True)
    passwd = root / "etc/passwd"
    lines = [line.split(":") for line in passwd.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line[1], line[6] = "x", "/usr/sbin/nologin"
    passwd.write_text("".join(":".join(line) + "\n" for line in lines), encoding="utf-8")
    shadow = root / "etc/shadow"
    days = steps.EPOCH_S // 86400
    shadow.write_text("".join(f"{line[0]}:!*:{days}::::::\n" for line in lines), encoding="utf-8")
    shadow.chmod(0o600)
    groups = [line.split(":") for line in (root / "etc/group").read_text(encoding="utf-8").splitlines()]
    gshadow = root / "etc/gshadow"
    gshadow.write_text("".join(f"{line[0]}:!*::{line[3]}\n" for line in groups), encoding="utf-8")
    gshadow.chmod(0o600)


def _certificates(root):
    """Gather whom TLS believes as `system`, as ca-certificates' own script does."""
    folder = root / "etc/ssl/certs"
    folder.mkdir(parents=True, exist_ok=True)
    gathered = []
    for path in sorted((root / "usr/share/ca-certificates").rglob("*.crt")):
        (folder / f"{path.stem}.pem").symlink_to("/" + str(path.relative_to(root)))
        gathered.append(path.read_text(encoding="ascii").strip() + "\n")
    bundle = folder / "ca-certificates.crt"
    bundle.write_text("".join(gathered), encoding="ascii")


def _units(root):
    """Enable and mask units; those that the overlay brings say themselves where they belong."""
    units = root / "etc/systemd/system"
    shutil.rmtree(units / "multi-user.target.wants", ignore_errors=True)
    own = [line.split()[1] for line in (root / OWN).read_text(encoding="ascii").splitlines() if line.startswith("enable")]
    found = [path.name for each in own for path in sorted((root / "usr/lib/systemd/system").glob(each))]
    steps.run("systemctl", f"--root={root}", "enable", *ENABLED, *found)
    for name in MASKED:
        path = units / name
        path.unlink(missing_ok=True)
        path.symlink_to("/dev/null")
    steps.run("systemctl", f"--root={root}", "set-default", "multi-user.target")


def describe(root, board, version, packages):
    """Write down in the root what it is, of what it consists, and for which board."""
    for name, text in {
        "etc/edge/board": f"{board.name}\n",
        "etc/edge/release": f"version={version}\nboard={board.name}\nbuild={steps.EPOCH_S}\n",
        "usr/share/edge/packages": "".join(f"{each.name} {each.version}\n" for each in packages),
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    target = root / "usr/share/edge/boards" / board.name
    target.mkdir(parents=True)
    shutil.copyfile(board.folder / "profile.toml", target / "profile.toml")
    watchdog_s = min(20, boards.value(board, "watchdog.max_s", 20))
    path = root / "etc/systemd/system.conf.d/watchdog.conf"
    path.write_text(f"[Manager]\nRuntimeWatchdogSec={watchdog_s}\n", encoding="ascii")
    names = [*boards.value(board, "boot.modules", ()), boards.value(board, "watchdog.driver", "")]
    loaded = "".join(f"{name}\n" for name in dict.fromkeys(names) if name)
    (root / "etc/modules-load.d/edge.conf").write_text(loaded, encoding="ascii")
    settings = root / "usr/share/edge/edge.toml"
    settings.write_text(_settings(board), encoding="utf-8")


def _settings(board):
    """Return the configuration that a box begins with."""
    tty, baud = boards.value(board, "console.tty"), boards.value(board, "console.baud", 115200)
    serial = f'\n# The menus, on the board\'s serial console.\n[serial]\nport = "/dev/{tty}"\nbaud = {baud}\n' if tty else ""
    return f'[box]\nstate_dir = "/var/lib/edge"\n{serial}'
