"""Every script of examples/ runs and prints what it promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "examples"
PRINTS = {
    "analyze": "0 of 12 layers marked",
    "build": "16 nodes on integers",
    "diff": "the board is wrong in /reduce/Conv",
    "estimate": "ax650-npu1: 448640 MACs",
    "evaluate": "riscv reference: 0.9",
    "quantize": "tensors are quantized",
    "run": "reference logits: class 7",
}
"""A line of each script's output."""


@pytest.mark.parametrize("name", PRINTS)
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    words = [sys.executable, "-W", "error", str(FOLDER / f"{name}.py"), str(tmp_path / "out")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert PRINTS[name] in done.stdout


def test_no_example_is_left_out() -> None:
    known = {path.stem for path in FOLDER.glob("*.py")}
    assert known == set(PRINTS)
