"""Debian's kernel with the modules that a box may need: unpacked and indexed on the host, never installed."""

import concurrent.futures
import lzma
import os
import re
import shutil

from imaging import steps
from imaging.steps import BuildError

# What a box has no use for: folders and beginnings of names, below the folder of modules. A module that the profile names
# is kept all the same, and so is whatever those that are kept need.
LEFT_OUT = tuple(
    """
    sound drivers/gpu drivers/media drivers/infiniband drivers/iio drivers/staging drivers/comedi drivers/isdn
    drivers/platform/x86 drivers/platform/chrome drivers/platform/surface drivers/hwtracing drivers/remoteproc
    drivers/accessibility drivers/devfreq drivers/interconnect drivers/net/dsa drivers/net/wwan drivers/net/ipa
    drivers/net/vxlan drivers/net/wireguard drivers/net/bonding drivers/net/ppp drivers/net/pcs drivers/net/mdio
    drivers/usb/musb drivers/usb/mtu3 drivers/usb/cdns3 drivers/usb/chipidea drivers/usb/mon drivers/input/misc
    drivers/input/rmi4 drivers/input/mouse drivers/input/serio drivers/speakup drivers/pci/controller/vmd drivers/misc
    drivers/power/supply drivers/extcon drivers/hsi drivers/ipack drivers/mcb drivers/nfc drivers/vme drivers/bus/mhi
    drivers/block/zram drivers/block/mtip32xx drivers/md/raid drivers/scsi/device_handler net/dsa net/mptcp net/xdp
    net/bridge/netfilter net/qrtr net/nsh net/psample net/handshake net/tls net/key net/xfrm net/lapb net/x25 net/kcm
    net/dns_resolver net/mctp net/ncsi net/vsock net/wireless/tests fs/orangefs fs/crypto fs/ksmbd fs/verity
    drivers/atm drivers/mtd drivers/target drivers/accel drivers/bluetooth drivers/firewire drivers/ntb drivers/nvdimm
    drivers/dma/idxd drivers/edac drivers/crypto drivers/vdpa drivers/vfio drivers/vhost drivers/xen drivers/hv
    drivers/message drivers/memstick drivers/parport drivers/pcmcia drivers/soundwire drivers/thunderbolt drivers/uio
    drivers/ufs drivers/w1 drivers/counter drivers/dca drivers/fpga drivers/ptp drivers/rapidio drivers/perf
    drivers/gnss drivers/greybus drivers/siox drivers/slimbus drivers/most drivers/dax drivers/cxl drivers/auxdisplay
    drivers/net/wireless drivers/net/can drivers/net/hamradio drivers/net/wan drivers/net/arcnet drivers/net/fddi
    drivers/net/ieee802154 drivers/net/hyperv drivers/net/xen-netback drivers/net/team drivers/net/fjes drivers/net/plip
    drivers/net/hippi drivers/usb/gadget drivers/usb/misc drivers/usb/atm drivers/usb/usbip drivers/usb/image
    drivers/input/joystick drivers/input/tablet drivers/input/touchscreen drivers/input/gameport drivers/video
    drivers/block/drbd drivers/block/rnbd drivers/block/aoe drivers/nvme/target drivers/md/bcache drivers/md/dm-vdo
    net/batman-adv net/bluetooth net/ceph net/dccp net/sctp net/smc net/sunrpc net/tipc net/rxrpc net/nfc net/can
    net/ieee802154 net/6lowpan net/mac802154 net/ax25 net/netrom net/rose net/appletalk net/atm net/rds net/9p
    net/openvswitch net/sched net/ife net/hsr net/phonet net/caif net/l2tp net/mpls net/netfilter/ipvs net/vmw_vsock
    fs/9p fs/afs fs/adfs fs/affs fs/bcachefs fs/befs fs/bfs fs/btrfs fs/cachefiles fs/ceph fs/coda fs/cramfs fs/dlm
    fs/ecryptfs fs/efs fs/erofs fs/f2fs fs/freevxfs fs/gfs2 fs/hfs fs/hfsplus fs/hpfs fs/jffs2 fs/jfs fs/minix fs/netfs
    fs/nfs fs/nfs_common fs/nfsd fs/nilfs2 fs/ntfs3 fs/ocfs2 fs/omfs fs/orangefs fs/qnx4 fs/qnx6 fs/reiserfs fs/romfs
    net/wireless net/mac80211 lib/test_ lib/notifier-error lib/pm-notifier crypto/tcrypt drivers/thunderbolt
    drivers/platform drivers/hwmon drivers/hid/hid- drivers/hid/wacom drivers/hid/amd-sfh drivers/hid/intel-ish
    drivers/hid/surface drivers/hid/i2c-hid drivers/block/rbd drivers/block/pktcdvd drivers/block/ublk
    drivers/block/virtio_blk_ drivers/block/xen drivers/nvme/host/nvme-rdma drivers/nvme/host/nvme-fc
    drivers/nvme/host/nvme-tcp drivers/md/md- drivers/md/dm-cache drivers/md/dm-thin drivers/md/dm-zoned
    drivers/md/dm-snapshot drivers/md/dm-writecache drivers/md/dm-clone drivers/md/dm-era drivers/md/dm-mirror
    drivers/md/dm-raid drivers/md/persistent-data drivers/md/dm-log drivers/md/dm-ebs drivers/md/dm-switch
    drivers/ata/pata_ drivers/net/gtp drivers/net/geneve drivers/net/macsec drivers/net/ipvlan drivers/net/vrf
    drivers/net/veth drivers/net/xen drivers/net/thunderbolt drivers/net/ethernet/3com drivers/net/ethernet/8390
    drivers/net/ethernet/dec drivers/net/ethernet/dlink drivers/net/ethernet/via drivers/net/ethernet/sis
    fs/overlayfs fs/binfmt_misc fs/fuse fs/dlm net/phonet net/802/
    fs/smb fs/sysv fs/quota fs/pstore fs/ubifs fs/ufs fs/vboxsf fs/xfs fs/zonefs fs/lockd fs/fscache
    """.split()
)
_ETHERNET_OF_RACKS = tuple(
    """
    mellanox chelsio qlogic broadcom/bnx2x broadcom/bnxt broadcom/bnx2 emulex cisco huawei netronome sfc cavium brocade
    amazon pensando fungible microsoft google mucse wangxun neterion hisilicon marvell/octeontx2 marvell/prestera
    marvell/octeon_ep marvell/octeon_ep_vf intel/ice intel/i40e intel/fm10k intel/idpf intel/iavf sun alteon tehuti
    """.split()
)
_KEPT = ("hid_generic", "coretemp", "k10temp", "drivetemp", "raspberrypi_hwmon")
_WIFI = "/drivers/net/wireless/"
_SCSI_KEPT = ("scsi_mod", "scsi_common", "sd_mod", "sr_mod", "sg", "scsi_transport_spi", "virtio_scsi")


def release_of(folder):
    """Return the release of the kernel that was unpacked into `folder`, such as 6.12.117+deb13-amd64."""
    found = sorted(path.name for path in (folder / "usr/lib/modules").glob("*"))
    if len(found) != 1:
        raise BuildError(f"one kernel was expected in {folder}, not {len(found)}")
    return found[0]


def image_of(folder):
    """Return the kernel's own file."""
    return folder / "boot" / f"vmlinuz-{release_of(folder)}"


def trees_of(folder):
    """Return the folder of the kernel's device trees, on architectures that have any."""
    return folder / "usr/lib" / f"linux-image-{release_of(folder)}"


def index(folder):
    """Write the indexes that modprobe reads."""
    steps.run("depmod", "-b", folder / "usr", release_of(folder))


class Modules:
    """The modules of an indexed kernel: what each needs, and where it lies."""

    def __init__(self, folder):
        self.base = folder / "usr/lib/modules" / release_of(folder)
        self._needs, self._path = {}, {}
        for line in (self.base / "modules.dep").read_text(encoding="ascii").splitlines():
            path, _, needs = line.partition(":")
            self._path[_name(path)] = path
            self._needs[_name(path)] = [_name(each) for each in needs.split()]
        builtin = (self.base / "modules.builtin").read_text(encoding="ascii").split()
        self._builtin = {_name(each) for each in builtin}

    def has(self, name):
        """Say whether there is such a module, as a file or in the kernel itself."""
        return _word(name) in self._path or _word(name) in self._builtin

    def closure(self, names):
        """Return the paths of these modules and all that they need, in an order in which they can be loaded.

        What is built in, or does not exist for this architecture, is passed over.
        """
        order = []

        def add(name):
            if name not in self._path or self._path[name] in order:
                return
            for each in reversed(self._needs[name]):
                add(each)
            order.append(self._path[name])

        for name in names:
            add(_word(name))
        return order


def prune(folder, kept_names, watchdog=None):
    """Remove modules that a box has no use for, beside the folders of those named; index the rest.

    watchdog: where the board's is known, it alone stays, beside those named: systemd takes the first it finds.
    """
    base = folder / "usr/lib/modules" / release_of(folder)
    modules = {str(path.relative_to(base)): path for path in sorted((base / "kernel").rglob("*.ko*"))}
    wanted = {_word(name) for name in (*kept_names, *_KEPT, watchdog or "")}
    # A driver of Wi-Fi asks for its companions by name, below its own folder.
    radios = [name.rpartition("/")[0] for name in modules if _name(name) in wanted and _WIFI in name]
    left_out = [f"kernel/{each}" for each in LEFT_OUT]
    left_out += [f"kernel/drivers/net/ethernet/{each}/" for each in _ETHERNET_OF_RACKS]
    gone = {}
    for name, path in modules.items():
        rack = name.startswith("kernel/drivers/scsi/") and _name(name) not in _SCSI_KEPT
        other = watchdog and name.startswith("kernel/drivers/watchdog/")
        useless = name.startswith(tuple(left_out)) and not name.startswith(tuple(radios))
        if (rack or other or useless) and _name(name) not in wanted:
            gone[_name(name)] = path
    todo = [path for path in modules.values() if _name(path.name) not in gone]
    while todo:  # what the kept ones need stays as well, wherever it lies
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            needed = set().union(*pool.map(_unpack, todo))
        todo = [gone.pop(name) for name in sorted(needed & set(gone))]
    for path in gone.values():
        path.unlink()
    for each in sorted(base.rglob("*"), reverse=True):
        if each.is_dir() and not any(each.iterdir()):
            each.rmdir()
    index(folder)


def _unpack(path):
    """Unpack a module and return the names of those that it needs.

    The root is compressed as a whole, and a small processor unpacks that faster than modules packed one by one.
    """
    octets = path.read_bytes()
    if path.suffix == ".xz":
        octets = lzma.decompress(octets)
        path.with_suffix("").write_bytes(octets)
        path.unlink()
    needs = re.search(rb"\0depends=([^\0]*)\0", octets)
    return {_word(each) for each in needs[1].decode("ascii").split(",")} if needs else set()


def install(folder, root):
    """Move the modules into the root."""
    target = root / "usr/lib/modules"
    target.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder / "usr/lib/modules", target, symlinks=True, dirs_exist_ok=True)


def _name(path):
    return _word(path.rpartition("/")[2].partition(".ko")[0])


def _word(name):
    return name.replace("-", "_")
