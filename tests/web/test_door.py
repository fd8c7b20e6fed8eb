"""A console that nobody looks at takes no memory worth speaking of; who knocks finds it there."""

from pathlib import Path

from tests.support import process
from tests.support.console import Console


def _libraries(pid):
    return {Path(line.split()[-1]).name for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if ".so" in line}


def _has_tls(pid):
    return any(name.startswith("libssl") for name in _libraries(pid))


def test_tls_and_pages_are_loaded_with_the_first_connection(tmp_path):
    with Console(tmp_path, cold=True) as made:
        assert not _has_tls(made.box.pid)
        assert made.get("/claim").status == 200
        assert _has_tls(made.box.pid)


def test_a_console_at_which_nobody_has_knocked_stops_with_the_box(tmp_path):
    with Console(tmp_path) as made:
        assert made.box.stop(10) == 0


def test_a_console_at_which_nobody_has_knocked_moves_to_another_port(tmp_path):
    with Console(tmp_path) as made:
        before, made.port = made.port, process.free_port()
        made.origin = f"https://127.0.0.1:{made.port}"
        made.box.document["console"]["port"] = made.port
        assert made.box.reload()
        made.await_listening()
        assert made.get("/claim").status == 200
        process.wait_until(lambda: not process.is_listening(before), 10, "the port before to be left")
