"""The order of the system calls, as strace sees it: data, name, journal, and only then the word that it is stored."""

import re
import subprocess
import sys

from tests.crash.oracle import PROJECT

_CALLS = "trace=mkdir,openat,pwritev2,pwrite64,renameat,fsync,fdatasync,write"
_WHOLE = re.compile(r"^(\d+)\s+(\w+)\((.*)\)\s+= (-?\d+)")
_BEGUN = re.compile(r"^(\d+)\s+(\w+)\((.*) <unfinished \.\.\.>$")
_ENDED = re.compile(r"^(\d+)\s+<\.\.\. (\w+) resumed>")


def traced(tmp_path, *options):
    """Run a driver under strace; return its calls as (name, arguments), descriptors shown with their paths.

    Each stands where it was done, but what the driver says where it was begun.
    """
    log = tmp_path / "strace.log"
    state = str(tmp_path / "state")
    command = ["strace", "-f", "-y", "-s", "8192", "-o", str(log), "-e", _CALLS]
    command += [sys.executable, "-m", "tests.crash.driver", state, "--again", "0", *options]
    subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    calls, begun = [], {}
    for line in log.read_text().splitlines():
        if whole := _WHOLE.match(line):
            calls.append(whole.groups()[1:3])
        elif start := _BEGUN.match(line):
            begun[start[1]] = start.groups()[1:]
            if start[2] == "write":
                calls.append(begun.pop(start[1]))
        elif (end := _ENDED.match(line)) and end[1] in begun:
            calls.append(begun.pop(end[1]))
    return calls


def place(calls, name, pattern, after=-1):
    """The place of the first such call behind `after`; AssertionError when there is none."""
    for at in range(after + 1, len(calls)):
        if calls[at][0] == name and re.search(pattern, calls[at][1]):
            return at
    raise AssertionError(f"no {name} of {pattern} behind call {after}")


def test_data_name_and_journal_are_durable_before_an_object_is_acknowledged(tmp_path):
    calls = traced(tmp_path, "--objects", "3")
    for number in (1, 2, 3):
        uid = re.escape("1.2.3.%d" % number)
        renamed = place(calls, "renameat", r'"%s\.dcm"' % uid)
        told = place(calls, "write", r'^1<.*"stored %s ' % uid)
        data = place(calls, "fsync", r"/objects/[-\d]+/%s\.dcm>" % uid, renamed)
        name = place(calls, "fsync", r"/objects/[-\d]+>", data)
        line = place(calls, "pwrite64", r"/journal/\d+\.log>", name)
        journal = place(calls, "fdatasync", r"/journal/\d+\.log>", line)
        assert renamed < data < name < line < journal < told
        written = place(calls, "pwritev2", r"/partial/%d\.part>" % number)
        assert written < renamed


def test_a_new_folder_is_durable_before_the_first_object_in_it_is_acknowledged(tmp_path):
    calls = traced(tmp_path, "--objects", "1")
    made = place(calls, "mkdir", r"/objects/[-\d]+\"")
    parent = place(calls, "fsync", r"/state/objects>", made)
    assert parent < place(calls, "write", r'^1<.*"stored ')


def test_everything_the_spool_is_made_of_is_durable_before_it_is_ready(tmp_path):
    calls = traced(tmp_path, "--objects", "1")
    ready = place(calls, "write", r'^1<.*"ready')
    for folder in ("partial", "objects", "journal"):
        made = place(calls, "mkdir", r'/state/%s"' % folder)
        assert place(calls, "fsync", r"/state>", made) < ready
    first = place(calls, "renameat", r'"0000000001\.log"')
    assert place(calls, "fdatasync", r"/journal/spare>") < first
    assert place(calls, "fsync", r"/journal>", first) < ready


def test_an_outcome_is_durable_before_it_is_relied_on(tmp_path):
    calls = traced(tmp_path, "--objects", "3", "--deliver")
    told = place(calls, "write", r'^1<.*"delivered ')
    synced = max(at for at, (name, what) in enumerate(calls[:told]) if name == "fdatasync" and "/journal/" in what)
    outcome = max(
        at for at, (name, what) in enumerate(calls[:synced]) if name == "pwrite64" and re.search(r'\d+ job ', what)
    )
    assert outcome < synced < told
