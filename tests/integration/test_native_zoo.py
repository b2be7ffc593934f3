"""Real models as C with sanitizers, against the reference; needs the zoo named by TC_ZOO."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolchain.core.samples import SampleStore
from toolchain.pipeline.run import build
from toolchain.program.serialize import load_program
from toolchain.testing import compiled

CONFIGS = Path(__file__).parents[2] / "configs"
TARGETS = ("riscv", "dpu")

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif("TC_ZOO" not in os.environ, reason="TC_ZOO does not name the model zoo"),
    pytest.mark.skipif(compiled.COMPILER is None, reason="there is no C compiler"),
]


@pytest.mark.parametrize("model", ["kws_dscnn", "cifar10_resnet20"])
def test_generated_c_is_clean_and_exact(tmp_path: Path, model: str) -> None:
    settings = {"output": str(tmp_path), "calibration.samples": 16, "compile.sources": False}
    build(CONFIGS / f"{model}.toml", targets=TARGETS, settings=settings, until="compile")
    (folder,) = (tmp_path / ".cache" / "samples").iterdir()
    samples = SampleStore.open(folder)
    for target in TARGETS:
        (file,) = (tmp_path / target).glob("*.program.json")
        program = load_program(file.parent, file.name.removesuffix(".program.json"))
        for index in range(2):
            compiled.assert_same(program, samples.batch(index))
