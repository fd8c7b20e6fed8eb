"""Run the tests of the rooms in FOLDERS with whichever interpreter this is: run.py [PART OF A NAME...]

Prints what failed and why, then "N passed, M failed". CPython and MicroPython run the same functions, so both print
the same number. Only what the two have in common is used here: no pytest, no traceback module.
"""

import gc
import os
import sys

FOLDERS = ("tests/dicom", "tests/protocol", "tests/tap")


def main(root, wanted):
    """Run the tests whose module's name holds one of `wanted`, or all; return how many failed."""
    sys.path.insert(0, root)
    passed = failed = 0
    for folder in FOLDERS:
        for file in sorted(os.listdir(root + "/" + folder)):
            if not file.startswith("test_") or not file.endswith(".py"):
                continue
            name = folder.replace("/", ".") + "." + file[:-3]
            if wanted and not [part for part in wanted if part in name]:
                continue
            module = __import__(name, None, None, ("tests",))
            for test in sorted([each for each in dir(module) if each.startswith("test_")]):
                if run(name, test, getattr(module, test)):
                    passed += 1
                else:
                    failed += 1
            module = None
            forget()
    print("%d passed, %d failed" % (passed, failed))
    return failed


def forget():
    """Unload what the last tests brought along, as a microcontroller has no room for all of it at once."""
    for name in list(sys.modules):
        if name.split(".")[0] in ("edge", "tests"):
            del sys.modules[name]
    gc.collect()


def run(name, test, function):
    """Run one test; say whether it passed."""
    try:
        function()
        return True
    except Exception as error:
        print("FAILED %s.%s" % (name, test))
        if hasattr(sys, "print_exception"):
            sys.print_exception(error)
        else:
            sys.excepthook(type(error), error, error.__traceback__)
    return False


if __name__ == "__main__":
    here = __file__.replace("\\", "/").split("/")[:-3]
    sys.exit(1 if main("/".join(here) or ".", sys.argv[1:]) else 0)
