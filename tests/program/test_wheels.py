"""What the packaged program is made of is what was tested."""

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def test_the_wheels_of_a_packaged_program_are_the_pinned_ones():
    locked = set(re.findall(
        r"^([a-z0-9-]+==\S+)", (PROJECT / "image-build/program/requirements.txt").read_text(encoding="ascii"), re.M
    ))  # fmt: skip
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = {*project["dependencies"], *project["optional-dependencies"]["label"]}
    assert pinned and pinned <= locked


def test_every_wheel_is_known_by_its_hash():
    text = (PROJECT / "image-build/program/requirements.txt").read_text(encoding="ascii")
    blocks = re.split(r"\n(?=[a-z])", text)[1:]
    assert len(blocks) > 8 and all("--hash=sha256:" in each for each in blocks)
