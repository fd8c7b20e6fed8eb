"""What is removable is mounted, with nothing on it that could run; everything else is not touched."""

import pytest

from edge.steward import mounts
from edge.steward.errors import Misused, Refused
from edge.steward.shapes import checked

MOUNTINFO = "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n"


class Machine:
    """A machine's sysfs and mounts, as files, and the programs that are run on it."""

    def __init__(self, folder):
        self.folder = folder
        self.words = []
        self.kind = "vfat"
        self.failing = None
        self.mounted = MOUNTINFO
        for name, removable in (("sda", "0"), ("sdb", "1"), ("sdb1", None)):
            place = folder / "sys/block" / ("sdb/sdb1" if name == "sdb1" else name)
            place.mkdir(parents=True)
            (place / "size").write_text("2048", encoding="ascii")
            (place / "dev").write_text({"sda": "8:0", "sdb": "8:16", "sdb1": "8:17"}[name], encoding="ascii")
            if removable:
                (place / "removable").write_text(removable, encoding="ascii")
        (folder / "proc/self").mkdir(parents=True)
        self.media = folder / "media"
        self.mounts = mounts.Mounts("nobody", str(self.media), str(folder), self.run)
        self.show()

    def show(self):
        """Have the kernel's table say what is mounted."""
        (self.folder / "proc/self/mountinfo").write_text(self.mounted, encoding="ascii")

    def run(self, words, within_s):
        """Do what a program would, as far as it is seen here."""
        self.words.append(" ".join(words))
        if self.failing and self.failing in words[0]:
            raise Refused(f"{self.failing} ended with 32")
        if words[0] == "/usr/bin/mount":
            mode = words[4].partition(",")[0]
            self.mounted += f"23 22 8:17 / {words[-1]} {mode} - {words[2]} {words[-2]} {mode}\n"
        if words[0] == "/usr/bin/umount":
            self.mounted = MOUNTINFO
        self.show()
        return self.kind + "\n" if "blkid" in words[0] else ""


@pytest.fixture
def machine(tmp_path):
    """A machine with a disk of its own and a stick."""
    return Machine(tmp_path)


def test_a_stick_is_mounted_so_that_nothing_on_it_runs(machine):
    assert machine.mounts.mount("sdb1", False) == str(machine.media / "sdb1")
    assert machine.words[-1] == (
        "/usr/bin/mount -t vfat -o ro,nosuid,nodev,noexec,uid=65534,gid=65534,umask=0077,utf8=1 "
        f"/dev/sdb1 {machine.media}/sdb1"
    )
    assert machine.mounts.rows() == [{"device": "sdb1", "path": f"{machine.media}/sdb1"}]


def test_one_that_is_mounted_to_be_read_is_mounted_anew_to_be_written(machine):
    machine.mounts.mount("sdb1", False)
    machine.mounts.mount("sdb1", False)
    assert len([each for each in machine.words if each.startswith("/usr/bin/mount")]) == 1
    machine.mounts.mount("sdb1", True)
    assert machine.words[-2].startswith("/usr/bin/umount ") and "-o rw,nosuid,nodev,noexec" in machine.words[-1]


@pytest.mark.parametrize("name", ["sda", "sda2", "loop0", "none"])
def test_what_is_not_removable_is_not_mounted(machine, name):
    with pytest.raises(Refused, match="is no stick, card or disc that is in"):
        machine.mounts.mount(name, False)
    assert machine.words == []


def test_what_somebody_else_has_mounted_is_left_alone(machine):
    machine.mounted += "24 22 8:17 / /mnt/mine rw - vfat /dev/sdb1 rw\n"
    machine.show()
    with pytest.raises(Refused, match="is mounted on /mnt/mine already, and not by the box"):
        machine.mounts.mount("sdb1", False)
    with pytest.raises(Refused, match="is not mounted by the box"):
        machine.mounts.unmount("sdb1")
    assert machine.words == []


def test_no_part_is_mounted_of_the_disk_that_the_box_itself_lives_on(machine):
    (machine.folder / "sys/block/sdb/sdb2").mkdir()
    (machine.folder / "sys/block/sdb/sdb2/dev").write_text("8:18", encoding="ascii")
    machine.mounted += "24 22 8:18 / /data rw - ext4 /dev/sdb2 rw\n"
    machine.show()
    with pytest.raises(Refused, match="is mounted on /data already"):
        machine.mounts.mount("sdb1", False)


@pytest.mark.parametrize("kind, words", [("ext4", "has ext4; the box reads vfat"), ("", "has no file system")])
def test_a_file_system_that_no_medium_has_is_refused(machine, kind, words):
    machine.kind = kind
    with pytest.raises(Refused, match=words):
        machine.mounts.mount("sdb1", False)
    assert not machine.media.exists()


def test_a_disc_cannot_be_mounted_to_be_written(machine):
    machine.kind = "iso9660"
    with pytest.raises(Refused, match="what goes on a disc is burned"):
        machine.mounts.mount("sdb1", True)


def test_a_mount_that_fails_leaves_no_folder(machine):
    machine.failing = "mount"
    with pytest.raises(Refused):
        machine.mounts.mount("sdb1", False)
    assert not (machine.media / "sdb1").exists()


def test_letting_go_writes_out_first_and_says_when_it_is_in_use(machine):
    machine.mounts.mount("sdb1", True)
    machine.failing = "umount"
    with pytest.raises(Refused, match="sdb1 is in use: wait until"):
        machine.mounts.unmount("sdb1")
    machine.failing = None
    machine.mounts.unmount("sdb1")
    assert machine.words[-2:] == [f"/usr/bin/sync -f {machine.media}/sdb1", f"/usr/bin/umount {machine.media}/sdb1"]
    assert machine.mounts.rows() == [{"device": "sdb1", "path": ""}] and not (machine.media / "sdb1").exists()


def test_the_device_of_a_request_is_a_name_and_no_path():
    verb = [each for each in mounts.ROLE.verbs if each.name == "mount"][0]
    for name in ("../sda", "/dev/sda", "-o", "sdb1\n", "SDB"):
        with pytest.raises(Misused):
            checked(verb, {"device": name})
