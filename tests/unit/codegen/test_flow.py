"""What happens between operations: outputs, views, memory that is used again, names, limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from toolchain.codegen.generate import generate
from toolchain.codegen.native.tools import Compiler
from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
from toolchain.core.target import Requantization
from toolchain.errors import CompileError
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import (
    Binary,
    BinaryKind,
    BlockedMatMul,
    Move,
    MoveKind,
    Operation,
    Program,
    Quantize,
    Reduce,
    ReduceKind,
    Requantize,
    Softmax,
    Table,
    Tensor,
)
from toolchain.testing.compiled import (
    COMPILER,
    SANITIZERS,
    assert_same,
    executable,
    run_command,
)

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler `cc`")


def program(
    operations: list[Operation],
    shapes: Mapping[str, tuple[int, ...]],
    outputs: tuple[str, ...],
    *,
    inputs: tuple[str, ...] = ("x",),
    types: Mapping[str, DType] | None = None,
    constants: Mapping[str, Array] | None = None,
    requantization: Requantization = Requantization.FLOAT32_MULTIPLIER,
) -> Program:
    """Tensors of int8 but for those in `types`."""
    dtypes = types or {}
    return Program(
        name="flow",
        rounding=Rounding.HALF_EVEN,
        requantization=requantization,
        inputs=inputs,
        outputs=outputs,
        tensors={
            name: Tensor(name=name, dtype=dtypes.get(name, DType.INT8), shape=shape, scale=0.5)
            for name, shape in shapes.items()
        },
        constants=dict(constants or {}),
        operations=tuple(operations),
    )


def add(a: str, b: str, y: str) -> Binary:
    return Binary(
        name=f"to {y}",
        inputs=(a, b),
        outputs=(y,),
        kind=BinaryKind.ADD,
        a_zero_point=3,
        b_zero_point=3,
        a_factor=0.5,
        b_factor=0.25,
        zero_point=3,
        low=-128,
        high=127,
    )


def move(kind: MoveKind, x: str, *results: str, **arguments: tuple[int, ...]) -> Move:
    return Move(
        name=f"to {results[0]}", inputs=(x,), outputs=results, kind=kind, arguments=arguments
    )


def assert_right(made: Program) -> None:
    random = np.random.default_rng(0)
    feeds = {}
    for name in made.inputs:
        tensor = made.tensors[name]
        values = random.integers(tensor.dtype.qmin, tensor.dtype.qmax + 1, tensor.shape)
        feeds[name] = values.astype(tensor.dtype.numpy)
    assert_same(made, feeds)


@needs_compiler
@pytest.mark.parametrize("outputs", [("x",), ("x", "x", "x")])
def test_inputs_are_handed_out_without_an_operation(outputs: tuple[str, ...]) -> None:
    assert_right(program([], {"x": (2, 3)}, outputs))


def test_an_output_has_a_place_as_often_as_it_is_listed() -> None:
    made = generate(program([add("x", "x", "y")], {"x": (6,), "y": (6,)}, ("y", "y", "y")))
    assert set(made.external.values()) == {"inputs[0]", *(f"outputs[{i}]" for i in range(3))}
    assert len(made.closing) == 2


@needs_compiler
def test_outputs_are_views_of_others_and_read_again() -> None:
    operations = [
        add("x", "x", "y"),
        move(MoveKind.RESHAPE, "y", "flat"),
        move(MoveKind.TRANSPOSE, "x", "turned", perm=(1, 0)),
        add("y", "y", "z"),
    ]
    shapes = {"x": (2, 3), "y": (2, 3), "flat": (6,), "turned": (3, 2), "z": (2, 3)}
    assert_right(program(operations, shapes, ("y", "flat", "turned", "z")))


@needs_compiler
def test_results_that_nothing_reads_are_there_when_they_are_shown() -> None:
    operations = [
        add("x", "x", "y"),
        move(MoveKind.SPLIT, "y", "a", "b", "c", axis=(1,), sizes=(50, 50, 50)),
        add("c", "x0", "d"),
        add("d", "x0", "e"),
        move(MoveKind.TRANSPOSE, "c", "turned", perm=(1, 0)),
        add("e", "x0", "z"),
    ]
    part = (2, 50)
    shapes = {"x": (2, 150), "x0": part, "y": (2, 150), "turned": (50, 2)}
    made = program(operations, shapes | dict.fromkeys("abcdez", part), ("z",), inputs=("x", "x0"))
    assert_right(made)


@needs_compiler
def test_two_views_of_one_buffer_are_not_overwritten() -> None:
    operations = [
        add("x", "x", "y"),
        move(MoveKind.RESHAPE, "y", "flat"),
        move(MoveKind.TRANSPOSE, "flat", "turned", perm=(1, 0)),
        add("y", "turned", "sum"),
        add("sum", "sum", "z"),
    ]
    whole = dict.fromkeys(("x", "y", "sum", "z"), (1, 16, 16))
    assert_right(program(operations, whole | dict.fromkeys(("flat", "turned"), (16, 16)), ("z",)))


@needs_compiler
def test_tensors_may_be_called_like_buffers() -> None:
    names = ("x", "y", "y as (1, 0)", "output 1", "soft", "z")
    operations = [
        add("x", "x", "y"),
        add("x", "y", "y as (1, 0)"),
        Softmax(
            name="soft",
            inputs=("y",),
            outputs=("soft",),
            axis=0,
            exponentials="exponentials",
            factor=100.0,
            zero_point=0,
        ),
        add("y as (1, 0)", "soft", "output 1"),
        add("output 1", "y", "z"),
    ]
    constants = {"exponentials": np.arange(2**20, 2**20 - 256, -1, dtype=np.int32)}
    made = program(
        operations, dict.fromkeys(names, (5, 6)), ("z", "z", "output 1"), constants=constants
    )
    assert_right(made)


@needs_compiler
def test_a_scalar_is_repeated() -> None:
    assert_right(program([move(MoveKind.TILE, "x", "y", repeats=())], {"x": (), "y": ()}, ("y",)))


@needs_compiler
@pytest.mark.parametrize("dtype", [DType.INT4, DType.UINT4])
def test_tables_of_narrow_integers_begin_at_the_smallest(dtype: DType) -> None:
    table = np.random.default_rng(1).integers(-128, 128, 256).astype(np.int8)
    look_up = Table(name="table", inputs=("x",), outputs=("y",), table="entries")
    made = program(
        [look_up],
        {"x": (80,), "y": (80,)},
        ("y",),
        types={"x": dtype},
        constants={"entries": table},
    )
    assert_right(made)


@needs_compiler
def test_exact_results_of_32_bits_have_any_zero_point() -> None:
    product = Binary(
        name="product",
        inputs=("x", "x"),
        outputs=("y",),
        kind=BinaryKind.MUL,
        a_zero_point=3,
        b_zero_point=3,
        a_factor=2.0**18,
        b_factor=1.0,
        zero_point=-(2**31) + 5,
        low=-(2**31),
        high=2**31 - 1,
    )
    made = program(
        [product],
        {"x": (40,), "y": (40,)},
        ("y",),
        types={"y": DType.INT32},
        requantization=Requantization.SHIFT,
    )
    assert_right(made)


@pytest.mark.parametrize(
    "operation",
    [
        Quantize(name="op", inputs=("x",), outputs=("y",), rounding=Rounding.HALF_EVEN),
        Reduce(
            name="op",
            inputs=("n",),
            outputs=("y",),
            kind=ReduceKind.SUM,
            axes=(0,),
            x_zero_point=0,
            factor=1.0,
            zero_point=0,
        ),
    ],
)
def test_float32_makes_no_integers_of_32_bits(operation: Operation) -> None:
    made = program(
        [operation],
        {"x": (1,), "n": (1,), "y": (1,)},
        ("y",),
        inputs=("x", "n"),
        types={"x": DType.FLOAT32, "y": DType.INT32},
        requantization=Requantization.SHIFT,
    )
    with pytest.raises(CompileError, match="at most 16 bits"):
        generate(made)


@needs_compiler
def test_a_model_without_inputs_runs_once(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.int8)
    made = program([add("c", "c", "y")], {"y": (6,)}, ("y",), inputs=(), constants={"c": values})
    assert_right(made)
    run_command([str(executable(made)), "--dump", str(tmp_path)])
    (sample,) = json.loads((tmp_path / "index.json").read_text())["samples"]
    assert [row["kind"] for row in sample["tensors"]] == ["layer", "output"]


@needs_compiler
def test_vectors_read_nothing_behind_blocks_of_odd_length(host: Compiler) -> None:
    random = np.random.default_rng(0)
    product = BlockedMatMul(
        name="op",
        inputs=("x",),
        outputs=("y",),
        a_zero_point=3,
        b="b",
        b_zero_point=None,
        bias=None,
        block_size=7,
        finish=Requantize(factor="factor", zero_point=0, low=-128, high=127),
    )
    constants = {
        "b": random.integers(-128, 128, (10, 70)).astype(np.int8),
        "factor": np.full((2, 70), 0.001, np.float32),
    }
    made = program([product], {"x": (32, 10), "y": (32, 70)}, ("y",), constants=constants)
    x = random.integers(-128, 128, (32, 10)).astype(np.int8)
    path = executable(made, sanitizers=[*SANITIZERS, *host.flags])
    found = run_command([str(path)], given=x.tobytes())
    assert found == Interpreter(made, threads=1).run({"x": x})["y"].tobytes()
