"""Power cuts between any two steps of the keeper: the file is whole, and the box starts with the one that is right."""

import os
import shutil

import pytest

from edge.box import load
from edge.settings import keeper
from edge.spool.disk import Disk

BEFORE = '[box]\nae_title = "ONE"\n'
AFTER = '[box]\nae_title = "TWO"\n'


class PowerCut(BaseException):
    """The power is gone."""


class CuttingDisk(Disk):
    """A disk whose power goes after so many calls; what was not synced may be lost, and is, where `loses`.

    What a folder's sync has made durable is copied aside: names as of the last sync of their folder, octets as of the
    last sync of their file.
    """

    CALLS = ("open", "write", "fsync", "rename", "unlink", "mkdir", "flock", "listdir", "read", "stat")

    def __init__(self, calls_left):
        super().__init__()
        self.left = calls_left
        self._paths = {}
        self._octets = {}  # inode: octets that are durable
        self.names = {}  # folder: {name: inode}
        for name in self.CALLS:
            setattr(self, name, self._counted(name, getattr(self, name)))

    def _counted(self, name, call):
        def counted(*arguments, **named):
            self.left -= 1
            if self.left < 0:
                raise PowerCut
            result = call(*arguments, **named)
            if name == "open":
                self._paths[result] = os.path.realpath(arguments[0])
            elif name == "fsync":
                self._synced(arguments[0])
            return result

        return counted

    def _synced(self, fd):
        path = self._paths[fd]
        if os.path.isdir(path):
            self.names[path] = inodes(path)
        else:
            with open(path, "rb") as file:
                self._octets[os.fstat(fd).st_ino] = file.read()

    def lose(self, root, before):
        """Leave in the folder `root` only what is durable; `before`: CuttingDisk.durable of the start."""
        names = {**before[0], **self.names}
        octets = {**before[1], **self._octets}
        folders = {folder for folder, _, _ in os.walk(root)}
        shutil.rmtree(root)
        self._put(root, folders, names, octets)

    def _put(self, folder, folders, names, octets):
        os.mkdir(folder)
        for name, inode in names.get(folder, {}).items():
            path = os.path.join(folder, name)
            if path in folders:
                self._put(path, folders, names, octets)
            else:
                with open(path, "wb") as file:
                    file.write(octets.get(inode, b""))


def inodes(folder):
    with os.scandir(folder) as entries:
        return {each.name: each.inode() for each in entries}


def durable(root):
    """({folder: names}, {inode: octets}) of all that lies below a folder."""
    names, octets = {}, {}
    for folder, _, files in os.walk(root):
        names[folder] = inodes(folder)
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                octets[os.fstat(file.fileno()).st_ino] = file.read()
    return names, octets


def run(folder, what, disk):
    """Do what is cut: a change, then its confirmation or its way back; return how far it came."""
    path = os.path.join(folder, "edge.toml")
    came = "nothing"
    try:
        kept = keeper.Keeper(load.load(path), lambda loaded: None, disk)
        kept.begin(AFTER, "anna", "another title")
        came = "begun"
        getattr(kept, what)("in a test") if what == "revert" else kept.confirm(None, "anna")
        came = "over"
    except PowerCut:
        pass
    return came


def start(folder):
    """Start a box: return the title that it goes by, after what is on the disk was settled."""
    return keeper.settle(load.load(os.path.join(folder, "edge.toml"))).config.box.ae_title


@pytest.mark.parametrize("loses", [False, True], ids=["all written", "only what was synced"])
@pytest.mark.parametrize("what", ["confirm", "revert"])
def test_a_power_cut_between_any_two_steps_leaves_a_whole_file_and_the_right_one(tmp_path, what, loses):
    seen = set()
    for steps in range(1, 1000):
        folder = str(tmp_path / str(steps))
        os.makedirs(os.path.join(folder, "var"))
        with open(os.path.join(folder, "edge.toml"), "w", encoding="utf-8") as file:
            file.write(BEFORE)
        before = durable(folder)
        disk = CuttingDisk(steps)
        came = run(folder, what, disk)
        if loses:
            disk.lose(folder, before)
        with open(os.path.join(folder, "edge.toml"), encoding="utf-8") as file:
            assert file.read() in (BEFORE, AFTER)
        title = start(folder)
        seen.add((came, title))
        if came == "nothing" or what == "revert":
            assert title == "ONE", steps
        elif came == "over":
            assert title == "TWO", steps
        assert start(folder) == title  # and that is how it stays
        assert not os.path.exists(os.path.join(folder, "var", "settings", "trial.json"))
        versions = keeper.Keeper(load.load(os.path.join(folder, "edge.toml"))).history.versions()
        assert all(each.text in (BEFORE, AFTER) for each in versions)
        if came == "over":
            break
    assert ("nothing", "ONE") in seen and ("begun", "ONE") in seen
    assert ("over", "TWO" if what == "confirm" else "ONE") in seen


def test_a_power_cut_while_it_goes_back_is_gone_back_from_again(tmp_path):
    with open(tmp_path / "edge.toml", "w", encoding="utf-8") as file:
        file.write(BEFORE)
    path = str(tmp_path / "edge.toml")
    keeper.Keeper(load.load(path), lambda loaded: None).begin(AFTER, "anna", "another title")
    for steps in range(1, 1000):
        try:
            keeper.settle(load.load(path), CuttingDisk(steps))
            break
        except PowerCut:
            assert (tmp_path / "edge.toml").read_text() in (BEFORE, AFTER)
    assert steps > 10
    assert start(tmp_path) == "ONE"


class FullDisk(Disk):
    """A disk on which writing and syncing fail from the call with this number on, counted from 1."""

    def __init__(self, first):
        super().__init__()
        self.first = first
        for name in ("write", "fsync", "rename"):
            setattr(self, name, self._failing(getattr(self, name)))

    def _failing(self, call):
        def failing(*arguments, **named):
            self.first -= 1
            if self.first == 0:
                raise OSError(28, "No space left on device")
            return call(*arguments, **named)

        return failing


def test_a_disk_that_refuses_any_one_step_leaves_what_was_before_and_it_is_said(tmp_path):
    path = tmp_path / "edge.toml"
    failed = 0
    for step in range(1, 100):
        path.write_text(BEFORE)
        titles = []
        kept = keeper.Keeper(
            load.load(str(path)), lambda loaded, to=titles: to.append(loaded.config.box.ae_title), FullDisk(step)
        )
        try:
            trial = kept.begin(AFTER, "anna", "another title")
        except (OSError, keeper.Refusal) as error:
            failed += 1
            assert "o space left" in str(error)
            assert (path.read_text(), kept.trial, titles) == (BEFORE, None, [])
            assert start(tmp_path) == "ONE"
            continue
        assert trial.who == "anna"
        break
    assert failed > 8
