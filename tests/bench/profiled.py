"""Run a Python script with every thread under cProfile: python profiled.py FILE SCRIPT ARGUMENT...

When the script ends, the profiles of all threads are merged into FILE, as pstats reads it. Each call costs more under
a profile, so its times are for comparing lines with each other, not for a table.
"""

import cProfile
import pstats
import runpy
import sys
import threading

_profiles = []
_run = threading.Thread.run


def _profiled(thread):
    profile = cProfile.Profile()
    _profiles.append(profile)
    profile.enable()
    try:
        _run(thread)
    finally:
        profile.disable()


def main():
    """Profile sys.argv[2] with the arguments after it into sys.argv[1]."""
    into, script = sys.argv[1:3]
    sys.argv = sys.argv[2:]
    threading.Thread.run = _profiled
    main_profile = cProfile.Profile()
    _profiles.append(main_profile)
    try:
        main_profile.runcall(runpy.run_path, script, run_name="__main__")
    finally:
        total = None
        for profile in _profiles:
            profile.create_stats()
            if profile.stats:
                total = pstats.Stats(profile) if total is None else total.add(profile)
        if total is not None:
            total.dump_stats(into)


if __name__ == "__main__":
    main()
