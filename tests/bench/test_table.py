"""The table says pass and miss by the target, in the terminal and in the README alike."""

from tests.bench import measure, table
from tests.bench.table import Row

RATIO = Row("receive", "receive 10 CT", "objects/s", "storescp +B", 200.0, 210.0, 1.0, True, "a note")
SLOW = RATIO._replace(ours=100.0)
MEMORY = Row("memory", "memory, idle", "MB", "", None, 30.0, 24, False, "")
UNBOUND = RATIO._replace(target=None)


def test_a_ratio_is_held_against_its_target():
    assert table.passed(RATIO)
    assert not table.passed(SLOW)


def test_a_number_without_a_peer_is_held_against_its_target_itself():
    assert not table.passed(MEMORY)
    assert table.passed(MEMORY._replace(ours=23.0))


def test_a_row_without_a_target_passes_and_says_neither():
    assert table.passed(UNBOUND)
    assert "pass" not in table.plain([UNBOUND])
    assert "MISS" not in table.plain([UNBOUND])


def test_the_printed_table_has_a_line_a_row_and_its_note_below():
    lines = table.plain([RATIO, MEMORY]).splitlines()
    assert len(lines) == 5
    assert lines[2].endswith("pass")
    assert lines[3].strip() == "a note"
    assert lines[4].endswith("MISS")


def test_the_markdown_table_has_as_many_columns_in_every_line():
    lines = [line for line in table.markdown([RATIO, MEMORY]).splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1


def test_runs_take_turns_and_the_best_of_them_is_returned():
    order = []

    def run(name, figures):
        def measured():
            order.append(name)
            return figures.pop(0)

        return measured

    best = measure.interleave(3, run("peer", [1, 3, 2]), run("ours", [(1, 20), (5, 10), (3, 90)]), costs=(1,))
    assert best == [3, (5, 10)]
    assert order == ["peer", "ours"] * 3
