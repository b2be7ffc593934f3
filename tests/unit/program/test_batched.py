"""Programs for several samples against the same program run on each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from toolchain.core.dtypes import Array, DType
from toolchain.errors import Code, CompileError
from toolchain.program.batched import batched
from toolchain.program.float_ops import evaluate
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import (
    Dequantize,
    FloatOp,
    Move,
    MoveKind,
    Operation,
    Program,
    Softmax,
    Tensor,
    WideSoftmax,
)
from toolchain.program.validation import check_program
from toolchain.testing.programs import (
    ARG,
    BINARY,
    CONCAT,
    CONSTANTS,
    EXAMPLES,
    IMAGE,
    INTERPOLATE,
    MATMUL,
    NORMALIZE,
    REDUCE,
    RESIZE,
    SLOPE,
    SOFTMAX,
    f32,
    i8,
    move,
    single_program,
    tensor,
)

RNG = np.random.default_rng(11)
VARIED: Mapping[str, Array] = {
    **CONSTANTS,
    "w": RNG.integers(-3, 4, (2, 2, 2, 2)).astype(np.int8),
    "m": RNG.integers(-3, 4, (4, 3)).astype(np.int8),
    "bias": np.array([5, -9], np.int32),
    "t8": RNG.integers(-128, 128, 256).astype(np.int8),
    "t38": RNG.integers(-128, 128, (3, 256)).astype(np.int8),
    "exp": (2.0**30 * 0.97 ** np.arange(256)).astype(np.int32),
    "f13": np.array([[0.5, 1.5, 0.75]], np.float32),
    "f3": np.array([0.5, 1.5, 0.75], np.float32),
    "blocks": RNG.uniform(0.5, 2, (2, 3)).astype(np.float32),
    "taps": RNG.uniform(0.5, 2, (2, 1, 2, 2)).astype(np.float32),
    "i": np.array([1, 0], np.int64),
}


def drawn(kind: Tensor) -> Array:
    if kind.dtype.is_float:
        return RNG.normal(0, 3, kind.shape).astype(np.float32)
    return RNG.integers(-20, 21, kind.shape).astype(kind.dtype.numpy)


def samples_of(program: Program, batch: int) -> list[dict[str, Array]]:
    return [{n: drawn(program.tensors[n]) for n in program.inputs} for _ in range(batch)]


def joined(arrays: list[Array]) -> Array:
    return np.concatenate([np.atleast_1d(array) for array in arrays])


def compare(program: Program, batch: int = 3) -> Program:
    """Run `program` for each of some samples, and its batched form for all; returns the latter."""
    feeds = samples_of(program, batch)
    alone = Interpreter(program)
    results = [alone.run(feed) for feed in feeds]
    whole = batched(program, batch)
    check_program(whole)
    found = Interpreter(whole).run({n: joined([f[n] for f in feeds]) for n in program.inputs})
    for name in program.outputs:
        np.testing.assert_array_equal(found[name], joined([r[name] for r in results]), strict=True)
        assert len({array.tobytes() for array in (r[name] for r in results)}) > 1
    return whole


def varied(op: Operation, *tensors: Tensor, **more: Array) -> Program:
    return replace(single_program(op, *tensors), constants={**VARIED, **more})


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_record_computes_each_sample_alone(name: str) -> None:
    op, tensors = EXAMPLES[name]
    if isinstance(op, (Softmax, WideSoftmax)):
        op = replace(op, factor=100.0)  # with that of the example all results are 0
    compare(varied(op, *tensors))


def test_tables_of_axis_0_are_those_of_the_axis_behind_the_samples() -> None:
    op = replace(EXAMPLES["tables"][0], axis=0)
    compare(varied(op, i8((3, 2)), i8((3, 2), "y")))


def add(*shapes: tuple[int, ...]) -> Program:
    op = replace(BINARY, inputs=("x", "z"))
    x, z, y = shapes
    return varied(op, i8(x), i8(z, "z"), i8(y, "y"))


def with_constant(constant: Array, shape: tuple[int, ...]) -> Program:
    return varied(replace(BINARY, inputs=("x", "c")), i8(shape), i8(shape, "y"), c=constant)


def matrices(*shapes: tuple[int, ...]) -> Program:
    x, z, y = shapes
    op = replace(MATMUL, inputs=("x", "z"), b=None)
    return varied(op, i8(x), i8(z, "z"), i8(y, "y"))


ROWS = np.arange(-3, 3, dtype=np.int8).reshape(2, 3)
SHAPED: Mapping[str, Program] = {
    "binary of lower rank, one sample along axis 0": add((1, 4, 2, 3), (4, 1, 1), (1, 4, 2, 3)),
    "binary of lower rank": add((2, 4, 3), (4, 1), (2, 4, 3)),
    "binary that repeats axis 0": add((2, 3), (1, 3), (2, 3)),
    "binary of scalars": add((), (), ()),
    "binary with a scalar": add((2, 3), (), (2, 3)),
    "constant row": with_constant(ROWS[:1], (2, 3)),
    "constant along axis 0": with_constant(ROWS, (2, 3)),
    "constant scalar": with_constant(ROWS[0, 0], (2, 3)),
    "constant without axis 0": with_constant(ROWS[0], (2, 3)),
    "slopes along axis 0": varied(
        replace(SLOPE, negative="c"), i8((2, 3)), i8((2, 3), "y"), c=ROWS.astype(np.float32) / 4
    ),
    "gains along axis 0": varied(
        replace(NORMALIZE, gain="c", length=6, offset="c"),
        i8((2, 3)),
        i8((2, 3), "y"),
        c=ROWS.astype(np.float32),
    ),
    "a product of two matrices": matrices((2, 4), (4, 3), (2, 3)),
    "a product with one matrix for all": matrices((5, 2, 4), (4, 3), (5, 2, 3)),
    "a product with more axes on the right": matrices((2, 4), (5, 4, 3), (5, 2, 3)),
    "heads of one sample": matrices((1, 5, 2, 4), (5, 4, 3), (1, 5, 2, 3)),
    "a constant per head": varied(
        replace(MATMUL, b="c"),
        i8((2, 3, 4)),
        i8((2, 3, 3), "y"),
        c=RNG.integers(-3, 4, (2, 4, 3)).astype(np.int8),
    ),
    "softmax across axis 0": varied(
        replace(SOFTMAX, axis=0, factor=100.0), i8((4, 3)), i8((4, 3), "y")
    ),
    "sum across axis 0": varied(replace(REDUCE, axes=(0,)), i8((4, 3)), i8((3,), "y")),
    "sum of all": varied(replace(REDUCE, axes=(0,)), i8((4,)), i8((), "y")),
    "largest across axis 0": varied(
        replace(ARG, axis=0), i8((4, 3)), tensor("y", DType.INT64, (3,), None)
    ),
    "linear across axis 0": varied(replace(RESIZE, axes=(0,)), i8((2, 5)), i8((3, 5), "y")),
    "taps across axis 0": varied(replace(INTERPOLATE, axes=(0,)), i8((2, 5)), i8((3, 5), "y")),
    "a constant in front": varied(
        replace(CONCAT, inputs=("c", "x")), i8((2, 3)), i8((4, 3), "y"), c=ROWS
    ),
    "a constant beside": varied(
        replace(move(MoveKind.CONCAT, axis=(1,)), inputs=("c", "x")),
        i8((2, 3)),
        i8((2, 6), "y"),
        c=ROWS,
    ),
    "padding across axis 0": varied(
        move(MoveKind.PAD, pads=(1, 0, 0, 2)), i8((2, 3)), i8((3, 5), "y")
    ),
    "repeated along axis 0": varied(
        move(MoveKind.TILE, repeats=(2, 1)), i8((2, 3)), i8((4, 3), "y")
    ),
    "a slice of axis 0": varied(
        move(MoveKind.SLICE, starts=(1,), ends=(2,), axes=(0,), steps=(1,)),
        i8((2, 3)),
        i8((1, 3), "y"),
    ),
    "axis 0 moved": varied(
        move(MoveKind.TRANSPOSE, perm=(1, 2, 0)), i8((2, 3, 4)), i8((3, 4, 2), "y")
    ),
}


@pytest.mark.parametrize("name", SHAPED)
def test_axis_0_stays_the_samples(name: str) -> None:
    compare(SHAPED[name])


REAL = RNG.normal(0, 2, (2, 3, 4)).astype(np.float32)
PICTURE = RNG.normal(0, 2, (1, 2, 4, 6)).astype(np.float32)


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


def island(
    op_type: str, x: Array, *constants: Array | None, outputs: int = 1, **attributes: Any
) -> Program:
    """A program of one float operator with a tensor and constants."""
    names = {i: f"c{i}" for i, c in enumerate(constants, 1) if c is not None}
    op = FloatOp(
        name="op",
        inputs=("x", *("" for _ in constants)),
        outputs=tuple(f"y{i}" for i in range(outputs)),
        op_type=op_type,
        attributes=attributes,
        constants=names,
    )
    results = evaluate(op, (x, *constants))
    tensors = [f32(x.shape)]
    tensors += [
        tensor(f"y{i}", DType(array.dtype.name), array.shape, None)
        for i, array in enumerate(results)
    ]
    arrays = {names[i]: c for i, c in enumerate(constants, 1) if c is not None}
    return replace(single_program(op, *tensors), constants=arrays)


FLOATS: Mapping[str, Program] = {
    "Add": island("Add", REAL, REAL[0]),
    "Add along axis 0": island("Add", REAL, REAL),
    "PRelu": island("PRelu", REAL, REAL[:, :1]),
    "Clip": island("Clip", REAL, np.array(-1, np.float32), None),
    "Reshape that names the batch": island("Reshape", PICTURE, ints(1, 48)),
    "Reshape to rows": island("Reshape", PICTURE, ints(8, -1)),
    "Flatten": island("Flatten", PICTURE, axis=0),
    "Squeeze": island("Squeeze", PICTURE, ints(0)),
    "Unsqueeze": island("Unsqueeze", PICTURE, ints(0, 3)),
    "MaxPool": island("MaxPool", PICTURE, kernel_shape=(2, 2)),
    "Conv": island("Conv", PICTURE, REAL[:, :2, :2, None]),
    "DepthToSpace": island("SpaceToDepth", PICTURE, blocksize=2),
    "Softmax": island("Softmax", REAL),
    "Softmax across axis 0": island("Softmax", REAL, axis=-3),
    "ArgMax": island("ArgMax", REAL),
    "TopK": island("TopK", REAL, ints(2), outputs=2),
    "Split": island("Split", REAL, ints(1, 1), outputs=2),
    "LayerNormalization": island("LayerNormalization", REAL, REAL[0, 0]),
    "LayerNormalization with mean": island("LayerNormalization", REAL, REAL[0, 0], outputs=3),
    "LayerNormalization of all": island("LayerNormalization", REAL, REAL, axis=0),
    "ReduceSum": island("ReduceSum", REAL, ints(-1)),
    "ReduceSum across axis 0": island("ReduceSum", REAL, ints(0, 2), keepdims=0),
    "ReduceMean of all": island("ReduceMean", REAL),
    "MatMul": island("MatMul", REAL, REAL[0].T.copy()),
    "MatMul of matrices": island("MatMul", REAL[0], REAL[1].T.copy()),
    "MatMul with more axes": island("MatMul", REAL[0], REAL.transpose(0, 2, 1).copy()),
    "Gemm": island("Gemm", REAL[0], REAL[1], REAL[0, :1, :3], transB=1),
    "Concat": island("Concat", REAL, REAL[:, :2], axis=1),
    "Concat along axis 0": island("Concat", REAL, REAL[:1], axis=0),
    "Gather": island("Gather", REAL, ints(2, 0), axis=1),
    "Gather of axis 0": island("Gather", REAL, ints(1, 1, 0)),
    "Transpose": island("Transpose", REAL, perm=(0, 2, 1)),
    "Transpose all": island("Transpose", REAL),
    "Expand": island("Expand", PICTURE, ints(1, 2, 4, 6)),
    "Expand with lower rank": island("Expand", REAL[:, :1], ints(3, 1)),
    "Slice": island("Slice", REAL, ints(1), ints(3), ints(2)),
    "Pad": island("Pad", REAL, ints(0, 1, 0, 0, 0, 2)),
    "Tile": island("Tile", REAL, ints(1, 2, 1)),
    "CumSum": island("CumSum", REAL, ints(1)),
    "Trilu": island("Trilu", REAL),
    "Resize to sizes": island("Resize", PICTURE, None, None, ints(1, 2, 8, 3)),
    "Resize by scales": island("Resize", PICTURE, None, np.array([1, 1, 2, 2], np.float32)),
}  # fmt: skip


@pytest.mark.parametrize("name", FLOATS)
def test_float_operators_compute_each_sample_alone(name: str) -> None:
    compare(FLOATS[name])


def looked_up() -> Program:
    """Rows of a constant by indices that are an input."""
    op = FloatOp(
        name="op", inputs=("", "x"), outputs=("y",), op_type="Gather", constants={0: "rows"}
    )
    x = tensor("x", DType.INT64, (1, 2), None)
    return replace(
        single_program(op, x, f32((1, 2, 4), "y")),
        constants={"rows": RNG.normal(0, 1, (50, 4)).astype(np.float32)},
    )


def test_rows_of_a_constant_are_looked_up_for_all_samples() -> None:
    compare(looked_up())


MIXED: Mapping[str, Program] = {
    "CumSum": island("CumSum", REAL, ints(0)),
    "Trilu": island("Trilu", REAL[0]),
    "Slice": island("Slice", REAL, ints(1), ints(2), ints(-3)),
    "Pad": island("Pad", REAL, ints(1, 0), None, ints(0)),
    "Tile": island("Tile", REAL, ints(2, 1, 1)),
    "Expand": island("Expand", REAL[:1], ints(2, 3, 4)),
    "Resize": island("Resize", REAL, None, np.array([2, 1, 1], np.float32)),
    "Gemm": island("Gemm", REAL[0], REAL[1], transA=1),
    "MatMul": island("MatMul", REAL[0, 0], REAL[1].T.copy()),
    "ScatterND": island("ScatterND", REAL, ints(0)[None], REAL[:1]),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_what_mixes_samples_is_refused_with_its_name(name: str) -> None:
    Interpreter(MIXED[name])  # right for one sample
    with pytest.raises(CompileError) as caught:
        batched(MIXED[name], 2)
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == (Code.NO_BATCH, "op")
    assert problem.message.startswith(f"{name} cannot be computed for several samples at once: ")


def chain(*operations: Operation, tensors: tuple[Tensor, ...], outputs: tuple[str, ...]) -> Program:
    found = single_program(operations[0], *tensors)
    written = {name for op in operations for name in op.outputs}
    inputs = tuple(t.name for t in tensors if t.name not in written)
    return replace(found, inputs=inputs, operations=operations, outputs=outputs, constants=VARIED)


def test_a_channel_shuffle_needs_one_reshape_more() -> None:
    # Two groups of three channels: a reshape, a transposition and a reshape, then half of it.
    program = chain(
        Move(name="a", inputs=("x",), outputs=("a",), kind=MoveKind.RESHAPE),
        replace(move(MoveKind.TRANSPOSE, perm=(1, 0, 2)), name="b", inputs=("a",), outputs=("b",)),
        Move(name="c", inputs=("b",), outputs=("c",), kind=MoveKind.RESHAPE),
        replace(
            move(MoveKind.GATHER, axis=(0,)), name="d", inputs=("c",), outputs=("y",), indices="i0"
        ),
        tensors=(
            i8((1, 6, 2, 2)),
            i8((3, 2, 4), "a"),
            i8((2, 3, 4), "b"),
            i8((2, 1, 3, 2, 2), "c"),
            i8((1, 3, 2, 2), "y"),
        ),
        outputs=("y",),
    )
    program = replace(program, constants={"i0": np.array(1, np.int64)})
    whole = compare(program, batch=2)
    kinds = [op.kind for op in whole.operations if isinstance(op, Move)]
    assert kinds == ["reshape", "transpose", "reshape", "gather", "reshape"]
    assert whole.tensors["y"].shape == (2, 3, 2, 2)


def test_a_reshape_that_changes_the_numbers_is_not_read_past() -> None:
    # Dequantize reads the scale of its own tensor, not that of what was reshaped.
    program = chain(
        Move(name="a", inputs=("x",), outputs=("a",), kind=MoveKind.RESHAPE),
        replace(move(MoveKind.TRANSPOSE, perm=(1, 0)), name="b", inputs=("a",), outputs=("b",)),
        Dequantize(name="c", inputs=("b",), outputs=("y",)),
        tensors=(
            i8((1, 6)),
            tensor("a", DType.INT8, (2, 3), 0.5),
            tensor("b", DType.INT8, (3, 2), 0.5),
            f32((3, 2), "y"),
        ),
        outputs=("y",),
    )
    whole = compare(program)
    assert {whole.tensors[n].scale for op in whole.operations[1:] for n in op.inputs} == {0.5}


def test_names_that_are_taken_are_left_alone() -> None:
    program = chain(
        replace(move(MoveKind.TRANSPOSE, perm=(1, 0)), name="y/samples", outputs=("x/samples",)),
        replace(
            move(MoveKind.TRANSPOSE, perm=(1, 0)), name="b", inputs=("x/samples",), outputs=("y",)
        ),
        tensors=(i8((2, 3)), i8((3, 2), "x/samples"), i8((2, 3), "y")),
        outputs=("y",),
    )
    compare(program)


def test_what_depends_on_no_input_is_computed_once() -> None:
    constant = FloatOp(
        name="range", inputs=("", "", ""), outputs=("r",), op_type="Range",
        constants={0: "zero", 1: "three", 2: "step"},
    )  # fmt: skip
    sum_ = FloatOp(name="sum", inputs=("x", "r"), outputs=("y",), op_type="Add")
    program = chain(
        constant,
        sum_,
        tensors=(f32((1, 3)), f32((3,), "r"), f32((1, 3), "y")),
        outputs=("y",),
    )
    numbers = {"zero": 0.0, "three": 3.0, "step": 1.0}
    constants = {n: np.array(v, np.float32) for n, v in numbers.items()}
    whole = compare(replace(program, constants=constants))
    assert whole.tensors["r"].shape == (3,)
    assert whole.constants.keys() == constants.keys()


def test_one_sample_is_the_program_itself() -> None:
    op, tensors = EXAMPLES["conv"]
    program = varied(op, *tensors)
    assert batched(program, 1) is program


def test_programs_of_several_batches_share_their_constants() -> None:
    op, tensors = EXAMPLES["conv"]
    program = varied(op, *tensors)
    for batch in (2, 4):
        whole = batched(program, batch)
        assert whole.tensors["x"].shape == (batch, *IMAGE[1:])
        assert all(whole.constants[name] is array for name, array in program.constants.items())


def refused(program: Program) -> list[Any]:
    with pytest.raises(CompileError) as caught:
        batched(program, 2)
    return [(p.code, p.where) for p in caught.value.problems]


def test_an_output_without_samples_is_refused() -> None:
    op = FloatOp(
        name="range", inputs=("", "", ""), outputs=("r",), op_type="Range",
        constants={0: "zero", 1: "three", 2: "step"},
    )  # fmt: skip
    relu = FloatOp(name="relu", inputs=("x",), outputs=("y",), op_type="Relu")
    tensors = (f32((1, 3)), f32((3,), "r"), f32((1, 3), "y"))
    program = chain(op, relu, tensors=tensors, outputs=("y", "r"))
    assert refused(program) == [(Code.NO_BATCH, "r")]


def test_too_many_elements_for_so_many_samples_are_refused() -> None:
    shape = (1, 2**16, 2**14)
    program = varied(EXAMPLES["table"][0], i8(shape), i8(shape, "y"))
    assert {code for code, _ in refused(program)} == {Code.PROGRAM_INVALID}
