"""libFuzzer on every target of native/fuzz, under ASan and UBSan: seconds here, minutes in `make torture`.

EDGE_FUZZ_SECONDS is the time of each target, without it some runs will do; EDGE_TORTURE_SEED is the seed. What
libFuzzer found worth a second look is kept in the folder EDGE_FUZZ_FOUND, and the next time goes on from there.
"""

import os
from pathlib import Path

import pytest

from tests.native import built

SECONDS = os.environ.get("EDGE_FUZZ_SECONDS")
SEED = int(os.environ.get("EDGE_TORTURE_SEED", "1"))
TARGETS = sorted(path.stem for path in (built.NATIVE / "fuzz").glob("*.c") if path.stem != "replay")


def test_there_is_a_target_for_every_decoder():
    declared = built.recipe().declarations()
    decoders = {name for name in ("rle", "jpeg_lossless", "jpeg_ls") if f"edge_{name}_decode(" in declared}
    assert declared.count("_decode(void *state") == len(decoders)
    assert {f"{name}_decode" for name in decoders} <= set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_no_octets_break_a_promise(target, tmp_path):
    found = Path(os.environ.get("EDGE_FUZZ_FOUND", tmp_path)) / target
    found.mkdir(parents=True, exist_ok=True)
    corpus = [folder for folder in [built.NATIVE / "fuzz" / "corpus" / target] if folder.is_dir()]
    long = f"-max_total_time={max(1, round(float(SECONDS)))}" if SECONDS else "-runs=1500"
    built.run(built.fuzzer(target), long, f"-seed={SEED % 2**32 or 1}", "-max_len=4096", "-timeout=20",
              "-rss_limit_mb=1024", f"-artifact_prefix={found}/broken-", found, *corpus)  # fmt: skip
