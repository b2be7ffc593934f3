"""A compiled model beside its program: layers of one sample, and the same sample in batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolchain.accelerator.container.file import write_container
from toolchain.accelerator.container.records import Container, HostSegment
from toolchain.analysis.lockstep import compare_in_lockstep
from toolchain.core.dtypes import DType
from toolchain.core.machine import (
    ConvolutionEngine,
    Ddr,
    MacArray,
    Machine,
    OnChipMemory,
    TensorEngine,
    TransferEngine,
)
from toolchain.core.options import CompiledCheckOptions, Scope
from toolchain.core.quant import Rounding
from toolchain.core.runner import BatchRunner
from toolchain.errors import CompileError, InternalError, ToolchainError
from toolchain.plugin.machine_runner import machine_runner
from toolchain.plugin.runners import RunnerRequest
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import (
    Dequantize,
    FloatOp,
    Move,
    MoveKind,
    Program,
    Quantize,
    Table,
    Tensor,
)
from toolchain.testing.containers import MACHINE, sample_container

X = np.array([[1, -2, 300]], np.float32)
RUNNER = machine_runner("machine", ("toy",))
TOY = Machine(
    name=MACHINE,
    summary="a toy",
    cores=1,
    clock_mhz=100,
    convolution=ConvolutionEngine(
        count=1, array=MacArray(pixels=4, inputs=8, outputs=16), passes={8: 1}
    ),
    tensor=TensorEngine(count=1, lanes=5),
    transfer=TransferEngine(count=1, bytes_per_cycle=2, burst_bytes=64, alignment=16),
    memory=OnChipMemory(bytes=4096, banks=4, ports=1),
    ddr=Ddr(megabytes_per_second=300, latency_cycles=0),
    sync_cycles=0,
)


def program() -> Program:
    """What `sample_container` was made of."""

    def tensor(name: str) -> Tensor:
        if name in "qh":
            return Tensor(name=name, dtype=DType.INT8, shape=(1, 3), scale=0.5)
        return Tensor(name=name, dtype=DType.FLOAT32, shape=(1, 3))

    add = FloatOp(
        name="add", inputs=("d", ""), outputs=("y",), op_type="Add", constants={1: "bias"}
    )
    return Program(
        name="sample",
        rounding=Rounding.HALF_EVEN,
        inputs=("x",),
        outputs=("y",),
        tensors={name: tensor(name) for name in "xqhdy"},
        constants={
            "halves": (np.arange(-128, 128) // 2).astype(np.int8),
            "bias": np.array([10, 20, 30], np.float32),
        },
        operations=(
            Quantize(name="quantize", inputs=("x",), outputs=("q",)),
            Table(name="halve", inputs=("q",), outputs=("h",), table="halves"),
            Dequantize(name="dequantize", inputs=("h",), outputs=("d",)),
            add,
        ),
    )


def request(folder: Path, container: Container, **changes: Any) -> RunnerRequest:
    write_container(container, folder / "sample.tcm")
    made = RunnerRequest(
        folder=folder,
        files={"sample.tcm": "the compiled model"},
        program=program(),
        name="sample",
        platform="toy",
        sources=folder,
        layers=True,
        scratch=folder,
        machines=(TOY,),
    )
    return replace(made, **changes)


def test_layers_are_those_of_the_program(tmp_path: Path) -> None:
    expected = Interpreter(program()).run({"x": X}, ("q", "h", "d", "y"))
    with RUNNER.open(request(tmp_path, sample_container((1, 2, 4)))) as opened:
        found = opened.run({"x": X})
    for name in ("q", "h", "d", "y"):
        np.testing.assert_array_equal(found[name], expected[name])


def test_outputs_alone(tmp_path: Path) -> None:
    with RUNNER.open(request(tmp_path, sample_container(), layers=False)) as opened:
        found = opened.run({"x": X})
    assert set(found) == {"y"}


def biased(container: Container, batch: int) -> Container:
    """The same with another bias in one batch."""
    variants = []
    for variant in container.variants:
        *others, last = variant.segments
        assert isinstance(last, HostSegment)
        if variant.batch == batch:
            constants = {"bias": np.array([10, 20, 31], np.float32)}
            last = replace(last, program=replace(last.program, constants=constants))
        variants.append(replace(variant, segments=(*others, last)))
    return replace(container, variants=tuple(variants))


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_layers_of_several_samples(tmp_path: Path, batch: int) -> None:
    samples = np.concatenate([X + k for k in range(batch)])
    expected = {
        "q": np.clip(np.rint(samples * 2), -128, 127).astype(np.int8),
        "y": np.clip(np.rint(samples * 2), -128, 127) // 2 / 2 + [10, 20, 30],
    }
    with RUNNER.open(request(tmp_path, sample_container((1, 2, 4)))) as opened:
        assert isinstance(opened, BatchRunner)
        assert opened.batches == (1, 2, 4)
        found = opened.run({"x": samples})
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_batch_that_computes_something_else(tmp_path: Path, scope: Scope) -> None:
    options = CompiledCheckOptions(scope=scope)
    asked = request(tmp_path, biased(sample_container((1, 2, 4)), 4), layers=scope is Scope.LAYERS)
    failures = {}
    with RUNNER.open(asked) as opened:
        for batch in (1, 2, 4):
            run = [{"x": X + k} for k in range(batch)]
            found = compare_in_lockstep(program(), opened, [run], options)
            assert found.samples == batch
            failures[batch] = found.failure
    assert failures[1] is None
    assert failures[2] is None
    failure = failures[4]
    assert failure is not None
    # The last of every three elements is one larger.
    assert (failure.divergence.tensor, failure.divergence.index) == ("y", (0, 2))
    assert (failure.metric, failure.value, failure.limit) == ("exact", 4.0, 0.0)


def test_a_layer_that_cannot_be_seen(tmp_path: Path) -> None:
    more = program()
    inner = Table(name="again", inputs=("h",), outputs=("i",), table="halves")
    tensors = {**more.tensors, "i": replace(more.tensors["h"], name="i")}
    more = replace(more, tensors=tensors, operations=(*more.operations, inner))
    with (
        RUNNER.open(request(tmp_path, sample_container(), program=more)) as opened,
        pytest.raises(InternalError, match="another tensor than the program"),
    ):
        opened.run({"x": X})


def test_a_movement_that_is_nowhere_is_made_of_what_is_there(tmp_path: Path) -> None:
    more = program()
    split = Move(
        name="split", inputs=("h",), outputs=("a", "b"), kind=MoveKind.SPLIT,
        arguments={"axis": (1,), "sizes": (1, 2)},
    )  # fmt: skip
    parts = {
        name: replace(more.tensors["h"], name=name, shape=(1, n))
        for name, n in (("a", 1), ("b", 2))
    }
    more = replace(more, tensors=more.tensors | parts, operations=(*more.operations, split))
    with RUNNER.open(request(tmp_path, sample_container(), program=more)) as opened:
        found = opened.run({"x": X})
    # 1 and -2 are 2 and -4 in steps of 0.5, 300 is the largest; then halved.
    assert found["a"].tolist() == [[1]]
    assert found["b"].tolist() == [[-2, 63]]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"machines": ()}, CompileError, "a machine that the chip does not have"),
        ({"name": "other"}, CompileError, "cannot be read"),
    ],
)
def test_what_cannot_be_opened(
    tmp_path: Path, change: dict[str, Any], error: type[ToolchainError], message: str
) -> None:
    with (
        pytest.raises(error, match=message),
        RUNNER.open(request(tmp_path, sample_container(), **change)),
    ):
        pass


def test_what_is_missing() -> None:
    assert RUNNER.missing(("a.tcm", "a.onnx")) == ()
    (problem,) = RUNNER.missing(("a.onnx",))
    assert problem.where == "*.tcm"
    assert RUNNER.executes("toy")
    assert not RUNNER.executes("riscv")
