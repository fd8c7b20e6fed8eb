"""Every key of a TOML text is found with its line."""

import tomllib

from edge.toml import positions


def test_positions_are_found_through_every_kind_of_string_and_bracket():
    text = """# [no.table]
a = "# no comment \\" [" # comment ]
'b c'."d" = '''
[not a table]
x = 1'''''
[t.u] # comment
e = [
  "]", # ]
  { f = 1 }, ["g = 1"],
]
h = \"\"\"\\\\\"\"\"
[[v]]
i = { j = "}" }
[[v.w]]
k = 1
[[v]]
[v.x]
l = 2
"""
    tomllib.loads(text)
    assert positions.find(text) == {
        ("a",): 2,
        ("b c",): 3,
        ("b c", "d"): 3,
        ("t", "u"): 6,
        ("t", "u", "e"): 7,
        ("t", "u", "h"): 11,
        ("v", 0): 12,
        ("v", 0, "i"): 13,
        ("v", 0, "w", 0): 14,
        ("v", 0, "w", 0, "k"): 15,
        ("v", 1): 16,
        ("v", 1, "x"): 17,
        ("v", 1, "x", "l"): 18,
    }


def test_positions_survive_a_file_without_a_last_line_end_and_windows_line_ends():
    assert positions.find("a = 1\r\n[b]\r\nc = 2") == {("a",): 1, ("b",): 2, ("b", "c"): 3}
