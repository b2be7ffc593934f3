"""The same inputs give the same bytes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import toolchain

QUICKSTART = Path(__file__).parents[2] / "configs" / "quickstart.toml"
RULES = [
    {"op_types": ["Relu", "Gemm"], "method": "percentile", "percentile": 0.99},
    {"nodes": ["pool"], "output_dtype": "uint8"},
]


def test_two_processes_with_other_hashes_and_threads(evaluated: Any) -> None:
    project = evaluated.changed(mixed_precision__rules=RULES, check__scope="layers")
    found = []
    for number, seed in enumerate(("1", "2")):
        one = project.changed(output=f"out{number}", calibration__threads=number + 1)
        with one.start("-q", PYTHONHASHSEED=seed, OMP_NUM_THREADS=seed) as process:
            _, err = process.communicate()
        assert process.returncode == 0, err
        found.append(one.files())
    assert found[0] == found[1]
    assert len(found[0]) == 9


@pytest.mark.parametrize("threads", [1, 2, 0])
def test_threads_have_no_influence(evaluated: Any, threads: int) -> None:
    base = evaluated.changed(output="base", calibration__threads=3, calibration__batch_size=2)
    base.build()
    other = base.changed(output="other", calibration__threads=threads)
    other.build()
    assert other.files() == base.files()


def test_another_place_and_another_time(evaluated: Any, tmp_path: Path) -> None:
    evaluated.build()
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("tiny.onnx", "calibration.npy", "evaluation.npz"):
        shutil.copy(tmp_path / name, moved / name)
        os.utime(moved / name, ns=(10**18, 10**18))
    other = evaluated.changed(
        model="moved/tiny.onnx",
        calibration__data="moved/calibration.npy",
        evaluation__data="moved/evaluation.npz:x",
        evaluation__labels="moved/evaluation.npz:y",
        output="elsewhere",
    )
    assert other.build().cached == ()
    assert other.files() == evaluated.files()


def test_the_quickstart(tmp_path: Path) -> None:
    found = []
    for threads in (1, 2):
        output = tmp_path / str(threads)
        settings = {"output": str(output), "evaluation.samples": 40, "calibration.threads": threads}
        (one,) = toolchain.build(QUICKSTART, targets=["riscv"], settings=settings).targets
        manifest = json.loads((output / "riscv" / "manifest.json").read_text())
        found.append((manifest, one.check, one.accuracy))
    assert found[0] == found[1]
