"""Element-wise operators of float islands in C, bit by bit: broadcasting, types, edge cases."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
from toolchain.errors import CompileError
from toolchain.program.records import FloatOp, Pool, PoolKind, Program, Quantize, Tensor
from toolchain.testing.compiled import COMPILER, assert_same
from toolchain.testing.float_cases import FloatCase, assert_float_ops, float_case

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler `cc`")

SPECIAL = np.array([0, 1e-45, 1.2e-38, 1, 3.4e38, np.inf, np.nan], np.float32)
REALS = np.concatenate([SPECIAL, -SPECIAL])
INTEGERS = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64)
ONNX_TYPES = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32"}
ONNX_TYPES |= {7: "int64", 9: "bool", 11: "float64"}

SHAPES = [
    ((2, 3, 4), (2, 3, 4)),
    ((2, 3, 4), (4,)),
    ((3, 1), (2, 1, 4)),
    ((), (2, 3)),
    ((1, 1), ()),
    ((5,), (1, 5)),
    ((2, 1, 3, 1, 2), (1, 4, 1, 5, 2)),
    ((2, 700), (2, 1)),
]


def real(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, 3, shape).astype(np.float32)


def whole(dtype: Any, *shape: int, seed: int = 0) -> Array:
    """All bits of a type, its bounds among them."""
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(seed)
    found = rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    found.ravel()[: min(found.size, 2)] = [limits.min, limits.max][: found.size]
    return found


def all_pairs(values: Array) -> tuple[Array, Array]:
    left, right = np.meshgrid(values, values)
    return left.ravel(), right.ravel()


@pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul", "Div", "Min", "Max", "Pow", "PRelu"])
def test_arithmetic_on_reals(op_type: str) -> None:
    cases = [float_case(op_type, *all_pairs(REALS))]
    for number, (a, b) in enumerate(SHAPES):
        if op_type == "PRelu" and np.broadcast_shapes(a, b) != a:
            continue  # a slope is broadcast to x, never x to a slope
        left, right = real(*a, seed=number), real(*b, seed=number + 50)
        cases.append(float_case(op_type, left, right))
        cases.append(float_case(op_type, left, right, constants=(number % 2,)))
    if op_type not in ("Pow", "PRelu"):
        cases.append(float_case(op_type, *(a.astype(np.float64) for a in all_pairs(REALS))))
    assert_float_ops(*cases)


@pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul", "Div", "Min", "Max", "Pow"])
def test_arithmetic_on_integers_wraps(op_type: str) -> None:
    cases = []
    for dtype, (a, b) in product(INTEGERS, (((3, 40), (3, 40)), ((3, 40), (40,)))):
        left, right = whole(dtype, *a), whole(dtype, *b, seed=1)
        if op_type == "Div":
            right = np.where(right == 0, np.array(-1).astype(dtype), right)
        if op_type == "Pow":
            right = np.random.default_rng(2).integers(0, 9, b).astype(np.int16)
        cases.append(float_case(op_type, left, right))
    lowest = np.array([np.iinfo(np.int64).min, -7, 7], np.int64)
    if op_type == "Div":
        cases.append(float_case("Div", lowest, np.array([-1, 2, -2], np.int64)))
    assert_float_ops(*cases)


@pytest.mark.parametrize("op_type", ["Sum", "Mean", "Min", "Max"])
def test_many_inputs_from_the_first_to_the_last(op_type: str) -> None:
    shapes = ((1, 3), (1, 3), (2, 3), (3,))
    wide = [real(*shape, seed=seed) * np.float32(1e6) ** seed for seed, shape in enumerate(shapes)]
    cases = [float_case(op_type, *wide[:count]) for count in (1, 2, 3, 4)]
    cases.append(float_case(op_type, *wide, constants=(0, 2)))
    cases.append(float_case(op_type, wide[2], wide[2], wide[2]))
    if op_type != "Mean":
        cases.append(float_case(op_type, *(whole(np.int32, 5, seed=seed) for seed in range(3))))
    assert_float_ops(*cases)


def test_comparisons_and_logic() -> None:
    cases: list[FloatCase] = []
    flags = np.array([True, False, True, True, False])
    for op_type in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"):
        cases.append(float_case(op_type, *all_pairs(REALS)))
        cases.append(float_case(op_type, real(3, 1), real(2, 1, 4)))
        cases += [float_case(op_type, *all_pairs(whole(dtype, 6))) for dtype in INTEGERS]
    for op_type in ("And", "Or"):
        cases.append(float_case(op_type, *all_pairs(flags)))
        cases.append(float_case(op_type, flags, np.array(True), constants=(1,)))
    cases += [float_case("Not", flags), float_case("Equal", flags, flags[::-1].copy())]
    assert_float_ops(*cases)


def test_where() -> None:
    flags = np.random.default_rng(0).integers(0, 2, (2, 3, 4)).astype(bool)
    cases = [
        float_case("Where", flags, a, b)
        for a, b in ((real(2, 3, 4), real(2, 3, 4)), (real(4), real(3, 1)), (real(), real()))
    ]
    cases.append(float_case("Where", flags[0, 0], real(2, 3, 4), real(2, 1, 1)))
    cases.append(float_case("Where", flags, real(4), np.float32(-0.0), constants=(1, 2)))
    cases.append(float_case("Where", flags, real(3, 4), real(4), constants=(0,)))
    for dtype in (*INTEGERS, np.float64):
        values = np.arange(24).reshape(2, 3, 4).astype(dtype)
        cases.append(float_case("Where", flags, values, values[:1]))
    cases.append(float_case("Where", flags, flags, ~flags))
    assert_float_ops(*cases)


def test_clip_with_computed_and_integer_bounds() -> None:
    x = real(4, 5)
    assert_float_ops(
        float_case("Clip", x, np.float32(-1), np.float32(2)),
        float_case("Clip", x, None, np.float32(2)),
        float_case("Clip", x, np.float32(2), np.float32(-1)),
        float_case("Clip", whole(np.int8, 30), np.int8(-5), np.int8(90)),
        float_case("Clip", whole(np.int64, 30), np.int64(-5), constants=(1,)),
        float_case("Clip", whole(np.int32, 30)),
    )


def test_casts_between_all_types() -> None:
    edges = [2.0**k + d for k in (7, 8, 15, 16, 31, 63) for d in (-1, -0.5, 0, 0.5, 1)]
    reals = np.array([*edges, *(-e for e in edges), 0.3, -0.7, 2.0**70, np.nan, np.inf, -np.inf])
    sources: list[Array] = [reals.astype(np.float32), reals, REALS]
    sources += [whole(dtype, 40) for dtype in INTEGERS]
    sources.append(np.array([True, False]))
    cases = [float_case("Cast", x, to=number) for x in sources for number in ONNX_TYPES]
    assert_float_ops(*cases)


def test_the_order_in_memory_may_be_any() -> None:
    """Operands that lie channels-last, row-major and with fewer axes, sharing memory in between."""
    types = {"p": DType.BOOL, "r": DType.INT8, "y": DType.INT8}
    shapes = {"x": (2, 3, 4, 5), "c": (3, 1, 1), "plain": (3, 4, 5)}
    shapes |= dict.fromkeys("tsuvwpqry", (2, 3, 4, 5))
    shapes["t"] = (2, 4, 5, 3)
    chain = [
        ("Transpose", ("x",), "t", {"perm": (0, 2, 3, 1)}),
        ("Transpose", ("t",), "s", {"perm": (0, 3, 1, 2)}),
        ("Exp", ("s",), "u", {}),
        ("Add", ("u", "c"), "v", {}),
        ("Max", ("v", "x", "plain"), "w", {}),
        ("Less", ("w", "plain"), "p", {}),
        ("Where", ("p", "w", "c"), "q", {}),
    ]
    operations = [
        FloatOp(name=f"o{i}", op_type=kind, inputs=fed, outputs=(out,), attributes=attributes)
        for i, (kind, fed, out, attributes) in enumerate(chain)
    ]
    window = Pool(
        name="spatial",
        inputs=("r",),
        outputs=("y",),
        kind=PoolKind.MAX,
        kernel=(1, 1),
        strides=(1, 1),
        pads=(0, 0, 0, 0),
        dilations=(1, 1),
        count_include_pad=False,
        factor=1.0,
        x_zero_point=0,
        zero_point=0,
        low=-128,
        high=127,
    )
    program = Program(
        name="orders",
        rounding=Rounding.HALF_EVEN,
        inputs=("x", "c", "plain"),
        outputs=("y",),
        tensors={
            name: Tensor(
                name=name,
                dtype=types.get(name, DType.FLOAT32),
                shape=shape,
                scale=0.1 if name in "ry" else None,
            )
            for name, shape in shapes.items()
        },
        constants={},
        operations=(*operations, Quantize(name="q8", inputs=("q",), outputs=("r",)), window),
    )
    assert_same(program, {name: real(*shapes[name]) for name in program.inputs})


@pytest.mark.parametrize(
    ("op_type", "inputs", "message"),
    [
        ("Mul", (np.ones(2, bool), np.ones(2, bool)), "bool"),
        ("Add", (np.ones(2, np.float16), np.ones(2, np.float16)), "no such elements"),
        ("Unheard", (real(2),), "not a float operator"),
    ],
)
def test_what_there_is_no_c_for(op_type: str, inputs: tuple[Array, ...], message: str) -> None:
    from toolchain.codegen.generate import generate

    names = tuple(f"x{index}" for index in range(len(inputs)))
    arrays = {**dict(zip(names, inputs, strict=True)), "y": inputs[0]}
    program = Program(
        name="refused",
        rounding=Rounding.HALF_EVEN,
        inputs=names,
        outputs=("y",),
        tensors={
            name: Tensor(name=name, dtype=DType(array.dtype.name), shape=array.shape)
            for name, array in arrays.items()
        },
        constants={},
        operations=(FloatOp(name="node", op_type=op_type, inputs=names, outputs=("y",)),),
    )
    with pytest.raises(CompileError, match=message):
        generate(program)
