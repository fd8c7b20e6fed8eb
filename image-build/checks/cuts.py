"""The plug is pulled while objects come, and what the disk may hold then is held against what was acknowledged."""

import random
import shutil
import time

from checks import blocks
from checks.box import Load
from checks.guest import partition
from tests.support import process

_MOST_S = 3  # that objects come on after those that were waited for


def pull_the_plug(guest, objects, least, limit_s=240):
    """Send objects until at least `least` were acknowledged and a moment longer; pull the plug; return the Load."""
    with Load(guest, objects) as load:
        process.wait_until(lambda: len(load.acknowledged) >= least, limit_s, f"{least} acknowledged objects")
        moment = time.monotonic() + random.SystemRandom().uniform(0, _MOST_S)
        process.wait_until(lambda: time.monotonic() > moment, 2 * _MOST_S, "a moment that nobody chose")
        guest.power_cut()
    return load


def lost(guest, objects, load, folder, points):
    """Replay the cut at `points` entries of the guest's log of writes, and as it was in the end.

    Returns (number of acknowledged objects that are lost at each point, number of those that are lost in the end).
    Raises RuntimeError where a file system is broken.
    """
    chance = random.SystemRandom()
    start, _ = partition(guest.image, "data")
    size = (guest.disk_gib << 30) - start
    replay = blocks.Replay(guest.image, guest.writes_path, start, size, folder)
    whole = len(replay.entries)
    first = next((n for n, each in enumerate(replay.entries) if each.end >= min(load.acknowledged.values())), whole)
    tails = {uid: objects[uid].read_bytes()[-blocks.TAIL_BYTES :] for uid in load.acknowledged}

    def count(number, dice):
        came_to = replay.entries[number - 1].end
        found = blocks.pixels_in(replay.cut(number, dice), folder / "found")
        shutil.rmtree(folder / "found")
        return sum(tails[uid] not in found for uid, log_bytes in load.acknowledged.items() if log_bytes <= came_to)

    numbers = sorted(chance.choices(range(min(first + 1, whole), whole + 1), k=points))
    at_points = [count(number, chance) for number in numbers]
    return at_points, count(whole, None)
