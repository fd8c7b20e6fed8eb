"""What every file keeps to, whoever wrote it."""

import ast

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


def test_there_are_files_enough():
    assert len(source.edge_sources()) > 200 and len(source.all_sources()) > 500


def test_a_file_is_a_comfortable_room():
    source.none(
        f"{each.path} has {each.lines} lines; cut it where a second concept begins"
        for each in source.all_sources()
        if each.lines > MAX_LINES and str(each.path) not in LONG
    )


def test_a_line_fits_the_page():
    source.none(
        f"{each.path}:{number}: more than {MAX_COLUMNS} columns"
        for each in source.all_sources()
        if str(each.path) not in LONG
        for number, line in enumerate((source.PROJECT / each.path).read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > MAX_COLUMNS
    )


def test_a_file_says_what_it_is_for():
    source.none(
        f"{each.path} has no docstring"
        for each in source.edge_sources()
        if each.tree.body and not ast.get_docstring(each.tree)
    )


def test_no_shell_runs_anything():
    source.none(
        f"{each.path}:{call.lineno}: {name} goes through a shell"
        for each in source.all_sources()
        for name, call in source.calls(each)
        if name in SHELLS or any(_asks_for_a_shell(keyword) for keyword in call.keywords)
    )


def _asks_for_a_shell(keyword):
    return keyword.arg == "shell" and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)


def test_a_library_room_prints_nothing():
    source.none(
        f"{each.path}:{call.lineno}: prints"
        for each in source.edge_sources()
        if each.room in QUIET_ROOMS
        for name, call in source.calls(each)
        if name == "print"
    )


def test_only_octets_packs():
    source.none(
        f"{each.path}:{line}: uses struct"
        for each in source.edge_sources()
        if each.room in ("dicom", "protocol") and each.name != "octets"
        for target, line in source.imports(each)
        if target == "struct"
    )


def test_input_is_never_checked_by_an_assertion():
    source.none(
        f"{each.path}:{node.lineno}: assert; raise an error that says what and where"
        for each in source.edge_sources()
        for node in ast.walk(each.tree)
        if isinstance(node, ast.Assert)
    )
