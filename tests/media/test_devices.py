"""Burners, sticks and mounts as the kernel tells of them: a tree of sysfs and proc as three machines had it."""

import os

import pytest

from edge.media import devices

INFO = """CD-ROM information, Id: cdrom.c 3.20 2003/12/17

drive name:\t\tsr1\tsr0
drive speed:\t\t48\t24
Can write CD-R:\t\t1\t0
Can write CD-RW:\t1\t0
Can read DVD:\t\t1\t1
Can write DVD-R:\t1\t0
Can write DVD-RAM:\t0\t0

"""
MOUNTS = r"""22 1 254:0 / / rw,relatime - ext4 /dev/vda1 rw
30 22 8:17 / /media/usb\040stick rw,nosuid - vfat /dev/sdb1 rw,fmask=0022
31 22 0:25 / /run/lock rw,nosuid shared:5 master:1 - tmpfs tmpfs rw,size=5120k
32 22 179:1 / /media/card ro,nosuid - vfat /dev/mmcblk0p1 ro
broken line
"""


@pytest.fixture
def root(tmp_path):
    """A machine with a burner, a reader, a disk, a USB stick with a partition, a hard disk on USB, an empty slot."""

    def put(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text + "\n")

    put("proc/sys/dev/cdrom/info", INFO)
    (tmp_path / "proc/self").mkdir()
    (tmp_path / "proc/self/mountinfo").write_text(MOUNTS)
    for name, usb, removable, blocks, vendor, model, number in (
        ("sr0", 0, 1, 0, "ASUS", "DVD-E616A  ", "11:0"),
        ("sr1", 0, 1, 2097151, "HL-DT-ST", "DVDRAM GP57", "11:1"),
        ("sda", 0, 0, 1000, "ATA", "SAMSUNG", "8:0"),
        ("sdb", 1, 1, 31_250_000, "Kingston", "DataTraveler 3.0", "8:16"),
        ("sdc", 1, 0, 2_000_000, "WD", "My  Passport", "8:32"),
        ("sdd", 1, 1, 0, "Generic", "Card Reader", "8:48"),
    ):
        real = f"sys/devices/pci0/{'usb1/1-2' if usb else 'ata1'}/block/{name}"
        put(f"{real}/removable", str(removable))
        put(f"{real}/size", str(blocks))
        put(f"{real}/dev", number)
        put(f"{real}/device/vendor", vendor)
        put(f"{real}/device/model", model)
        for folder in ("sys/block", "sys/class/block"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            os.symlink(tmp_path / real, tmp_path / folder / name)
    put("sys/devices/pci0/usb1/1-2/block/sdb/sdb1/dev", "8:17")
    return str(tmp_path)


def test_a_burner_is_listed_with_its_make_and_what_it_writes_and_a_reader_is_not(root):
    assert devices.burners(root) == [
        devices.Burner("/dev/sr1", "HL-DT-ST DVDRAM GP57", ("CD-R", "CD-RW", "DVD-R")),
    ]


def test_sticks_are_what_is_removable_or_on_usb_and_has_a_medium(root):
    stick, disk = devices.sticks(root)
    assert stick[:4] == ("/dev/sdb", "Kingston DataTraveler 3.0", 16_000_000_000, ("/dev/sdb1",))
    assert [each.folder for each in stick.mounts] == ["/media/usb stick"]
    assert disk == devices.Stick("/dev/sdc", "WD My Passport", 1_024_000_000, ("/dev/sdc",), ())


def test_the_mount_of_a_path_is_the_innermost_with_its_escapes_undone(root):
    found = devices.mount_of("/media/usb stick/DICOM", root)
    assert found == devices.Mount("/dev/sdb1", "8:17", "/media/usb stick", "vfat", False)
    assert devices.mount_of("/media/card", root).is_read_only
    assert devices.mount_of("/media/usb stick too", root).folder == "/"


def test_file_sets_are_found_on_sticks_and_discs_alone(root):
    assert devices.file_sets(root) == frozenset()
    for folder in ("/media/usb stick", "/run/lock"):
        os.makedirs(root + folder)
        open(root + folder + "/dicomdir", "w").close()
    assert devices.file_sets(root) == {"/media/usb stick"}


def test_a_device_is_used_when_it_or_a_partition_of_it_is_mounted(root):
    assert devices.is_used("/dev/sdb", root) == "/media/usb stick"
    assert devices.is_used("/dev/mmcblk0", root) == "/media/card"
    assert devices.is_used("/dev/sd", root) == ""


def test_this_machine_s_own_mounts_can_be_read():
    assert devices.mount_of("/proc/self").kind == "proc"
    assert devices.burners() == [] or all(os.path.exists(each.path) for each in devices.burners())


def test_a_machine_that_tells_nothing_has_nothing(tmp_path):
    assert devices.burners(tmp_path) == devices.sticks(tmp_path) == devices.mounts(tmp_path) == []
