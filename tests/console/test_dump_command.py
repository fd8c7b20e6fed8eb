"""`edge dump` prints what is in a file, in small memory, and says where it cannot go on."""

import resource
import struct
import subprocess

import pydicom.data

from edge.dicom import part10, syntax
from tests.support import warm
from tests.support.service import EDGE

CT = "1.2.840.10008.5.1.4.1.1.2"


def dump(path, **more):
    return warm.run(["dump", path], **more)


def test_every_element_of_a_real_file_is_printed():
    path = pydicom.data.get_testdata_file("CT_small.dcm")
    said = dump(path)
    assert said.returncode == 0 and said.stderr == ""
    for element in pydicom.dcmread(path):
        assert "(%04X,%04X) %s" % (element.tag.group, element.tag.element, element.VR) in said.stdout


def test_a_file_that_breaks_off_is_printed_up_to_there_and_the_place_is_named(tmp_path):
    path = tmp_path / "short.dcm"
    path.write_bytes(part10.head(CT, "1.2.3", syntax.EXPLICIT_LITTLE) + b"\x10\0\x20\0LO\x04\x004711\x10\0")
    said = dump(path)
    assert said.returncode == 1
    assert "4711" in said.stdout
    assert said.stderr.startswith("edge: %s: the data set ends within" % path)


def test_what_is_no_dicom_file_is_said(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("not an image " * 30)
    said = dump(path)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("edge: %s: this is not a DICOM file" % path)


def test_a_file_that_is_not_there_is_said(tmp_path):
    path = tmp_path / "none.dcm"
    said = dump(path)
    assert (said.returncode, said.stderr) == (1, "edge: %s cannot be read: no such file or directory\n" % path)


def test_a_reader_that_has_seen_enough_is_no_error():
    path = pydicom.data.get_testdata_file("CT_small.dcm")
    with subprocess.Popen([EDGE, "dump", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as dumping:
        dumping.stdout.readline()
        dumping.stdout.close()
        assert dumping.stderr.read() == b""
        assert dumping.wait(20) == 0


def test_a_file_of_four_gigabytes_needs_no_more_memory_than_a_small_one(memory_path):
    path = memory_path / "large.dcm"
    length = 0xFFFFFFFE
    with open(path, "wb") as file:
        file.write(part10.head(CT, "1.2.3", syntax.EXPLICIT_LITTLE))
        file.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, length))
        file.truncate(file.tell() + length)

    def little_memory():
        resource.setrlimit(resource.RLIMIT_AS, (80 << 20, 80 << 20))

    said = subprocess.run([EDGE, "dump", path], preexec_fn=little_memory, capture_output=True, text=True, timeout=120)
    assert said.returncode == 0, said.stderr
    assert "(7FE0,0010) OW" in said.stdout
