"""What a target with a machine hands over; docs/npu-tutorial.md executes what it compiles to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tc_target_npu.facts import SPEC as NPU
from tc_target_riscv.facts import SPEC as RISCV
from toolchain.accelerator.container.file import read_container
from toolchain.core.artifacts import ModelArtifact
from toolchain.core.dtypes import DType
from toolchain.core.options import CompileOptions
from toolchain.core.quant import Rounding
from toolchain.core.target import NoOptions, TargetSpec
from toolchain.errors import CompileError
from toolchain.plugin.machine_compile import compile_for_machine
from toolchain.plugin.requests import CompileRequest
from toolchain.program.records import Program, Table, Tensor


def request(folder: Path, target: TargetSpec, options: CompileOptions) -> CompileRequest:
    """A table of four elements."""
    source = folder / "source.onnx"
    source.write_bytes(b"a model")
    program = Program(
        name="halve",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={n: Tensor(name=n, dtype=DType.INT8, shape=(1, 4), scale=0.5) for n in "xy"},
        constants={"halves": (np.arange(-128, 128) // 2).astype(np.int8)},
        operations=(Table(name="halve", inputs=("x",), outputs=("y",), table="halves"),),
    )
    (folder / "out").mkdir()
    return CompileRequest(
        target=target,
        platform=target.platforms[0].name,
        model=ModelArtifact(path=source, digest=""),
        program=program,
        folder=folder / "out",
        sources=None,
        name="halve",
        options=options,
        target_options=NoOptions(),
    )


def test_model_program_and_code(tmp_path: Path) -> None:
    options = CompileOptions(static_batch_sizes=(3, 1))
    artifact = compile_for_machine(request(tmp_path, NPU.on("ax650"), options))
    names = {path.name for path in artifact.folder.iterdir()}
    assert names == {"halve.qdq.onnx", "halve.program.json", "halve.program.bin", "halve.tcm"}
    assert artifact.files.keys() == names
    assert (artifact.folder / "halve.qdq.onnx").read_bytes() == b"a model"
    container = read_container(artifact.folder / "halve.tcm")
    assert (container.name, container.machine) == ("halve", "ax650-npu1")
    assert [variant.batch for variant in container.variants] == [1, 3]


def test_a_chip_without_a_machine(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="no machine to compile for") as caught:
        compile_for_machine(request(tmp_path, RISCV.on("k1"), CompileOptions()))
    (problem,) = caught.value.problems
    assert problem.where == "riscv, platform k1"
    assert not list((tmp_path / "out").iterdir())
