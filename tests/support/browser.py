"""Chromium, driven by a script of tests/browser: a task goes in as JSON, and what it saw comes out."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).parents[1] / "browser"


def drive(script, task, limit_s):
    """Let Chromium go its way; return what it saw. Pictures go to the folder EDGE_SCREENSHOTS, where that is set."""
    shots = os.environ.get("EDGE_SCREENSHOTS")
    if shots:
        os.makedirs(shots, exist_ok=True)
    task = {**task, "chromium": shutil.which("chromium"), "shots": shots}
    done = subprocess.run(
        ["node", script], cwd=HERE, input=json.dumps(task), capture_output=True, text=True, timeout=limit_s
    )
    assert done.returncode == 0 and done.stdout, done.stderr
    found = SimpleNamespace(**json.loads(done.stdout))
    if shots:
        (Path(shots) / (Path(script).stem + ".json")).write_text(done.stdout)
    assert not getattr(found, "failed", None), found.failed
    return found
