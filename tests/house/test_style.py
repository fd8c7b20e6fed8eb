"""What every file keeps to, whoever wrote it."""

import ast

import pytest

from tests.house import source

MAX_LINES = 500
MAX_COLUMNS = 120
# Tables and generated files: long by nature, not by habit.
LONG = {
    "edge/dicom/tag_table.py",
    "edge/dicom/keyword_table.py",
    "edge/dicom/sop_class_table.py",
    "edge/morph/identity_table.py",
}
SHELLS = {
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell",
}
QUIET_ROOMS = {"dicom", "protocol", "pixels", "morph", "spool", "board", "net", "forward", "media", "modality", "box"}

ALL = source.all_sources()
EDGE = [each for each in ALL if each.path.parts[0] == "edge"]


def ids(each):
    return str(each.path)


@pytest.mark.parametrize("each", ALL, ids=ids)
def test_a_file_is_a_comfortable_room(each):
    if str(each.path) not in LONG:
        assert each.lines <= MAX_LINES, f"{each.path} has {each.lines} lines; cut it where a second concept begins"


@pytest.mark.parametrize("each", ALL, ids=ids)
def test_a_line_fits_the_page(each):
    if str(each.path) in LONG:
        return
    lines = (source.PROJECT / each.path).read_text(encoding="utf-8").splitlines()
    wide = [number for number, line in enumerate(lines, 1) if len(line) > MAX_COLUMNS]
    assert not wide, f"{each.path}: more than {MAX_COLUMNS} columns in line {wide}"


@pytest.mark.parametrize("each", EDGE, ids=ids)
def test_a_file_says_what_it_is_for(each):
    if each.tree.body:
        assert ast.get_docstring(each.tree), f"{each.path} has no docstring"


@pytest.mark.parametrize("each", ALL, ids=ids)
def test_no_shell_runs_anything(each):
    for name, call in source.calls(each):
        assert name not in SHELLS, f"{each.path}:{call.lineno}: {name} goes through a shell"
        for keyword in call.keywords:
            through = keyword.arg == "shell" and not (
                isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            )
            assert not through, f"{each.path}:{call.lineno}: shell= goes through a shell"


@pytest.mark.parametrize("each", [each for each in EDGE if each.room in QUIET_ROOMS], ids=ids)
def test_a_library_room_prints_nothing(each):
    for name, call in source.calls(each):
        assert name != "print", f"{each.path}:{call.lineno}: prints"


@pytest.mark.parametrize("each", [each for each in EDGE if each.room in ("dicom", "protocol")], ids=ids)
def test_only_octets_packs(each):
    if each.name != "octets":
        assert "struct" not in {target for target, _ in source.imports(each)}, f"{each.path} uses struct"


@pytest.mark.parametrize("each", EDGE, ids=ids)
def test_input_is_never_checked_by_an_assertion(each):
    found = [node.lineno for node in ast.walk(each.tree) if isinstance(node, ast.Assert)]
    assert not found, f"{each.path}: assert in line {found}; raise an error that says what and where"
