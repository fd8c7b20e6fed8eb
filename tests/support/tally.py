"""What a test saw, for the table at the end of `make torture`: one line of JSON each, where EDGE_TORTURE_REPORT says.

fault: the file of the test, without its ending; times: how often the fault was made; acknowledged, lost, partial,
duplicates: objects; memory_mb: more than idle, recovery_s: until ready again. What is not said was not looked at.
"""

import json
import os

RUN, FAILED = "run", "failed"  # tests
FIELDS = ("times", "acknowledged", "lost", "partial", "duplicates", "memory_mb", "recovery_s")


def note(**figures):
    """Put down figures of FIELDS for the test that is running; without a report to come they are printed."""
    if unknown := set(figures) - set(FIELDS):
        raise ValueError("no such figures: %s" % sorted(unknown))
    _put(os.environ.get("PYTEST_CURRENT_TEST", "?"), figures)


def ran(test, is_good):
    """Put down that a test, given by its name, ran, and whether it passed."""
    if "EDGE_TORTURE_REPORT" in os.environ:
        _put(test, {RUN: 1, FAILED: int(not is_good)})


def _put(test, figures):
    line = {"fault": test.partition("::")[0].removeprefix("tests/").removesuffix(".py"), **figures}
    path = os.environ.get("EDGE_TORTURE_REPORT")
    if path:
        with open(path, "ab") as file:  # in one write: several tests at once have this file
            file.write(json.dumps(line).encode() + b"\n")
    else:
        print(json.dumps(line))


def table(path, names):
    """Return the lines of a Markdown table of what was put down in the file at `path`.

    names: {fault: in words}, in the order of the table; what did not run is said to be so. memory, recovery: the worst.
    """
    found = {}
    with open(path, "rb") as file:
        for line in file:
            said = json.loads(line)
            found.setdefault(said.pop("fault"), []).append(said)
    rows = ["| fault | tests | failed | made | acknowledged | lost | partial | duplicates | memory | recovery |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]  # fmt: skip
    others = {fault for fault, said in found.items() if any(FIELDS[0] in each or each.get(FAILED) for each in said)}
    for fault in [*names, *sorted(others - set(names))]:
        said = found.get(fault, [])
        cells = [_sum(said, name) for name in (RUN, FAILED, *FIELDS[:5])]
        cells += [_worst(said, "memory_mb", "%.1f MB"), _worst(said, "recovery_s", "%.2f s")]
        rows.append("| %s | %s |" % (names.get(fault, fault), " | ".join(cells if said else ["not run"] + [""] * 8)))
    return rows


def _sum(said, name):
    values = [each[name] for each in said if name in each]
    return f"{sum(values):,}" if values else ""


def _worst(said, name, shape):
    values = [each[name] for each in said if name in each]
    return shape % max(values) if values else ""
