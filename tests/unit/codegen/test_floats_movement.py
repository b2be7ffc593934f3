"""Operators that move elements in float islands, in C, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
from toolchain.errors import CompileError
from toolchain.program.records import FloatOp, Program, Tensor
from toolchain.testing.compiled import COMPILER, run_in_c
from toolchain.testing.float_cases import assert_float_ops, float_case

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler `cc`")

TYPES = (np.float32, np.int8, np.uint16, np.int64, np.bool_)
LARGEST = 2**63 - 1


def numbered(*shape: int, dtype: type[np.generic] = np.float32) -> Array:
    """Elements that differ, with zeros of both signs where the type has them."""
    values = np.arange(int(np.prod(shape)) or 1, dtype=np.float64) - 3
    values[values == 0] = -0.0
    return (values.reshape(shape) if dtype is not np.bool_ else values.reshape(shape) % 3).astype(
        dtype
    )


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


def test_other_shapes() -> None:
    cases = []
    for dtype in TYPES:
        x = numbered(2, 1, 6, dtype=dtype)
        cases += [
            float_case("Reshape", x, ints(3, -1), constants=(1,)),
            float_case("Reshape", x, ints(0, 6, 1), constants=(1,)),
            float_case("Flatten", x, axis=2),
            float_case("Squeeze", x),
            float_case("Squeeze", x, ints(-2), constants=(1,)),
            float_case("Unsqueeze", x, ints(0, -1), constants=(1,)),
            float_case("Identity", x),
        ]
    cases += [
        float_case("Flatten", numbered(2, 3, 4)),
        float_case("Reshape", numbered(2, 6), ints(4, 3), constants=(0, 1)),
        float_case("Squeeze", numbered(1, 1)),
        float_case("Unsqueeze", numbered(), ints(0), constants=(1,)),
    ]
    assert_float_ops(*cases)


def test_transpose_concat_and_split() -> None:
    cases = []
    for dtype in TYPES:
        x, other = numbered(2, 3, 4, dtype=dtype), numbered(2, 5, 4, dtype=dtype)
        cases += [
            float_case("Transpose", x),
            float_case("Transpose", x, perm=(1, 0, 2)),
            float_case("Concat", x, other, x, axis=1),
            float_case("Concat", x, x, axis=-1, constants=(0,)),
            float_case("Split", x, outputs=2),
            float_case("Split", x, axis=1, num_outputs=2, outputs=2),
        ]
    cases += [
        float_case("Concat", numbered(3, 2), axis=0),
        float_case("Split", numbered(7, 2), ints(1, 4, 2), outputs=3, constants=(1,)),
        float_case("Split", numbered(2, 7), ints(7), axis=-1, constants=(1,)),
        float_case("Split", numbered(2, 7), axis=-1, num_outputs=3, outputs=3),
    ]
    assert_float_ops(*cases)


def test_expand_tile_and_blocks() -> None:
    cases = []
    for dtype in TYPES:
        x = numbered(2, 1, 3, dtype=dtype)
        image = numbered(1, 8, 2, 3, dtype=dtype)
        cases += [
            float_case("Expand", x, ints(4, 1), constants=(1,)),
            float_case("Expand", x, ints(5, 2, 2, 3), constants=(1,)),
            float_case("Tile", x, ints(2, 3, 2), constants=(1,)),
            float_case("DepthToSpace", image, blocksize=2),
            float_case("DepthToSpace", image, blocksize=2, mode="CRD"),
            float_case("SpaceToDepth", numbered(2, 3, 4, 6, dtype=dtype), blocksize=2),
            float_case("Trilu", x[:, 0]),
            float_case("Trilu", numbered(2, 4, 5, dtype=dtype), upper=0),
        ]
    cases += [
        float_case("Tile", numbered(4), ints(1), constants=(1,)),
        float_case("Expand", numbered(), ints(2, 3), constants=(1,)),
        float_case("Trilu", numbered(4, 5), ints(-1), constants=(1,)),
        float_case("Trilu", numbered(4, 5), ints(2), constants=(0, 1), upper=0),
    ]
    assert_float_ops(*cases)


def test_shapes_fills_and_ranges() -> None:
    x = numbered(2, 3, 4)
    assert_float_ops(
        float_case("Shape", x),
        float_case("Shape", x, start=-2),
        float_case("Shape", x, start=1, end=-1),
        float_case("Size", x, constants=(0,)),
        float_case("Size", numbered()),
        float_case("ConstantOfShape", ints(2, 3), constants=(0,)),
        float_case("ConstantOfShape", ints(2, 3), constants=(0,), value=np.array([-7], np.int64)),
        float_case("Range", *map(np.float32, (0.1, 2.05, 0.3)), constants=(0, 1, 2)),
        float_case("Range", *map(np.float32, (5, -3, -1.1)), constants=(0, 1, 2)),
        float_case("Range", *map(np.int64, (5, -3, -2)), constants=(0, 1, 2)),
        float_case("Range", *map(np.int32, (2**31 - 9, 2**31 - 1, 2)), constants=(0, 1, 2)),
    )


def test_slice() -> None:
    x = numbered(5, 6, 7)
    all_of = (LARGEST, LARGEST)
    cuts = [
        (ints(1, 2), ints(4, 5), None, None),
        (ints(-3), ints(LARGEST), ints(-1), None),
        (ints(-100, 1), ints(*all_of), ints(1, 2), ints(2, 3)),
        (ints(LARGEST, -2), ints(-LARGEST, 0), ints(0, 2), ints(-1, -2)),
        (ints(4), ints(-LARGEST), ints(1), ints(-3)),
        (ints(0), ints(1), ints(1), None),
    ]
    cases = [float_case("Slice", x, *cut, constants=_given(cut)) for cut in cuts]
    for dtype in TYPES:
        small = (ints(-2).astype(np.int32), ints(99).astype(np.int32))
        cases.append(float_case("Slice", numbered(3, 4, dtype=dtype), *small, constants=(1, 2)))
    cases.append(float_case("Slice", x, *cuts[0][:2], constants=(0, 1, 2)))
    assert_float_ops(*cases)


def _given(inputs: tuple[Array | None, ...]) -> list[int]:
    return [index for index, item in enumerate(inputs, 1) if item is not None]


def test_pad() -> None:
    cases = []
    for mode in ("constant", "reflect", "edge", "wrap"):
        for pads in ((1, 2, 0, 3), (-1, 2, 1, -2), (5, 9, 7, 0)):
            x = numbered(4, 5)
            cases.append(float_case("Pad", x, ints(*pads), constants=(1,), mode=mode))
        one = numbered(2, 1, 3)
        cases.append(
            float_case("Pad", one, ints(2, 1), None, ints(-2), constants=(1, 3), mode=mode)
        )
    for dtype in TYPES:
        x, fill = numbered(2, 3, dtype=dtype), np.array([1]).astype(dtype)
        cases.append(float_case("Pad", x, ints(1, 0, 0, 2), fill, constants=(1, 2)))
    infinite = np.float32(-np.inf)
    cases.append(float_case("Pad", numbered(3), ints(1, 1), infinite, constants=(0, 1, 2)))
    assert_float_ops(*cases)


def test_gather() -> None:
    cases = []
    indices = (ints(2, -1, 0), ints(1).reshape(()), ints(0, 1, -2, 2).reshape(2, 2))
    for number, dtype in enumerate(TYPES):
        x, chosen = numbered(3, 4, 3, dtype=dtype), indices[number % 3].astype(np.int32)
        for axis in (0, 1, -1):
            cases.append(float_case("Gather", x, chosen, axis=axis))
            cases.append(float_case("Gather", x, chosen, axis=axis, constants=(1,)))
        cases.append(float_case("Gather", x, chosen, constants=(0,)))
    for listed in indices:
        cases.append(float_case("Gather", numbered(3, 5), listed))
        cases.append(float_case("Gather", numbered(7), listed, constants=(0, 1)))
    assert_float_ops(*cases)


def test_gather_elements_and_gather_nd() -> None:
    rng = np.random.default_rng(0)
    x = numbered(3, 4, 5)
    cases = [
        float_case("GatherElements", x, rng.integers(-3, 3, (2, 4, 5)), axis=0),
        float_case("GatherElements", x, rng.integers(-4, 4, (3, 7, 2)), axis=1, constants=(1,)),
        float_case("GatherElements", x, rng.integers(-5, 5, (3, 4, 9)), axis=-1, constants=(0,)),
        float_case("GatherND", x, rng.integers(-3, 3, (6, 1))),
        float_case("GatherND", x, rng.integers(-3, 3, (2, 3, 2))),
        float_case("GatherND", x, rng.integers(-3, 3, (3,)), constants=(1,)),
        float_case("GatherND", x, rng.integers(-4, 4, (3, 6, 1)), batch_dims=1),
        float_case("GatherND", x, rng.integers(-5, 5, (3, 4, 1)), batch_dims=2),
        float_case("GatherND", x, rng.integers(-3, 3, (5, 3)).astype(np.int32)),
    ]
    cases += [
        float_case("GatherElements", numbered(9, dtype=dtype), rng.integers(-9, 9, 4))
        for dtype in TYPES
    ]
    assert_float_ops(*cases)


def test_top_k() -> None:
    rng = np.random.default_rng(2)
    special = np.array([0, -0.0, np.nan, 1, -np.inf, np.inf, np.nan, -1, 0, 1e-45], np.float32)
    cases = []
    for largest in (0, 1):
        for x in (special, special.astype(np.float64), rng.integers(-2, 3, (3, 300, 2))):
            for count in (1, 4, 10):
                more = {"largest": largest, "axis": 1 if x.ndim == 3 else 0}
                cases.append(float_case("TopK", x, ints(count), constants=(1,), outputs=2, **more))
        for dtype in TYPES:
            few = rng.integers(0, 2, (2, 9)).astype(dtype)
            cases.append(
                float_case("TopK", few, ints(3), constants=(1,), outputs=2, largest=largest)
            )
    limits = np.array([np.iinfo(np.int64).min, -1, 0, np.iinfo(np.int64).max])
    cases.append(float_case("TopK", limits, ints(2), constants=(0, 1), outputs=2, largest=0))
    cases.append(float_case("TopK", special, ints(2), constants=(1,)))
    assert_float_ops(*cases)


def test_scatter_in_the_order_of_the_indices() -> None:
    rng = np.random.default_rng(1)
    cases = []
    for dtype in (np.float32, np.float64, np.int8, np.uint16, np.int32, np.int64):
        for reduction in ("none", "add"):
            x = rng.normal(0, 90, (4, 5)).astype(dtype)
            along = rng.integers(-4, 4, (7, 3))
            updates = (rng.normal(0, 1e5, (7, 3)) % 250).astype(dtype)
            cases.append(
                float_case("ScatterElements", x, along, updates, axis=0, reduction=reduction)
            )
            places, rows = (
                rng.integers(-4, 4, (6, 1)),
                (rng.normal(0, 9, (6, 5)) % 99).astype(dtype),
            )
            cases.append(float_case("ScatterND", x, places, rows, reduction=reduction))
    cases += [
        float_case("ScatterND", numbered(3, 4), ints(1, 2, 0, -1).reshape(2, 2), numbered(2)),
        float_case("ScatterND", numbered(5), ints(4, 4, 0).reshape(3, 1), numbered(3)),
        float_case(
            "ScatterElements", numbered(3, 4), ints(1, -2).reshape(2, 1), numbered(2, 1), axis=-1
        ),
    ]
    assert_float_ops(*cases)


def test_numbers_that_mean_nothing_stay_within_the_memory() -> None:
    """The interpreter refuses them; C takes the nearest index, and 0 for the integer."""
    shapes = {"x": (4,), "i": (3,), "d": (3,), "g": (3,), "q": (3,), "r": (3,), "s": (4,)}
    types = {name: DType.FLOAT32 if name in "xgs" else DType.INT64 for name in shapes}
    program = Program(
        name="outside",
        rounding=Rounding.HALF_EVEN,
        inputs=("x", "i", "d"),
        outputs=("g", "q", "r", "s"),
        tensors={n: Tensor(name=n, dtype=types[n], shape=shapes[n]) for n in shapes},
        constants={},
        operations=(
            FloatOp(name="gather", op_type="Gather", inputs=("x", "i"), outputs=("g",)),
            FloatOp(name="div", op_type="Div", inputs=("i", "d"), outputs=("q",)),
            FloatOp(name="pow", op_type="Pow", inputs=("d", "i"), outputs=("r",)),
            FloatOp(name="put", op_type="ScatterElements", inputs=("x", "i", "g"), outputs=("s",)),
        ),
    )
    x = np.array([10, 11, 12, 13], np.float32)
    found = run_in_c(program, {"x": x, "i": ints(99, -2, -99), "d": ints(0, 3, -1)})
    np.testing.assert_array_equal(found["g"], [13, 12, 10])
    np.testing.assert_array_equal(found["q"], [0, 0, 99])
    np.testing.assert_array_equal(found["r"], [0, 0, 0])
    np.testing.assert_array_equal(found["s"], x)


def test_what_is_filled_in_must_be_known() -> None:
    from toolchain.codegen.generate import generate

    program = Program(
        name="refused",
        rounding=Rounding.HALF_EVEN,
        inputs=("x", "n"),
        outputs=("y",),
        tensors={
            name: Tensor(name=name, dtype=DType.FLOAT32, shape=shape)
            for name, shape in (("x", (4,)), ("n", (1,)), ("y", (5,)))
        },
        constants={"pads": ints(1, 0)},
        operations=(
            FloatOp(
                name="node",
                op_type="Pad",
                inputs=("x", "", "n"),
                outputs=("y",),
                constants={1: "pads"},
            ),
        ),
    )
    with pytest.raises(CompileError, match="needs a constant as input 2") as caught:
        generate(program)
    assert caught.value.problems[0].where == "node"
