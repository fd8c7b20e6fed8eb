"""The order of the system calls, as strace sees it: data, name, journal, and only then the word that it is stored."""

import re
import subprocess
import sys

from tests.crash import strace
from tests.crash.oracle import PROJECT
from tests.crash.strace import place

_CALLS = "trace=mkdir,openat,pwritev2,pwrite64,renameat,fsync,fdatasync,write"


def traced(tmp_path, *options):
    """Run a driver under strace; return its calls as (name, arguments), descriptors shown with their paths.

    Each stands where it was done, but what the driver says where it was begun.
    """
    log = tmp_path / "strace.log"
    state = str(tmp_path / "state")
    command = ["strace", "-f", "-y", "-s", "8192", "-o", str(log), "-e", _CALLS]
    command += [sys.executable, "-m", "tests.crash.driver", state, "--again", "0", *options]
    subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    return strace.calls(log, "write")


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
