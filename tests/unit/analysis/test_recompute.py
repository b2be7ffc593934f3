"""Single elements computed again, against the interpreter on whole operations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from toolchain.analysis.recompute import Place, recompute
from toolchain.core.divergence import Operand
from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
from toolchain.core.target import Requantization
from toolchain.program.interpreter import Interpreter
from toolchain.program.records import (
    ArgExtreme,
    Binary,
    BinaryKind,
    BlockedConv,
    BlockedMatMul,
    Conv,
    ConvTranspose,
    Dequantize,
    FloatOp,
    MatMul,
    Move,
    MoveKind,
    Operation,
    Pool,
    PoolKind,
    Program,
    Quantize,
    Reduce,
    ReduceKind,
    Requantize,
    Rescale,
    Slope,
    Table,
    Tensor,
    ToFloat,
)

PLACES = 40
RNG = np.random.default_rng(7)
X = Tensor(name="x", dtype=DType.INT8, shape=(2, 4, 5, 6), scale=0.5, zero_point=3)


def out(*shape: int, dtype: DType = DType.INT8) -> Tensor:
    scale = None if dtype in (DType.FLOAT32, DType.INT64) else 0.25
    return Tensor(name="y", dtype=dtype, shape=shape, scale=scale, zero_point=-7 if scale else 0)


def integers(*shape: int, dtype: Any = np.int8) -> Array:
    info = np.iinfo(dtype)
    return RNG.integers(max(info.min, -300), min(info.max, 300) + 1, shape, dtype)


def factors(*shape: int) -> Array:
    """Multipliers of 8 significant bits, so that they do for exact requantization as well."""
    return (RNG.integers(128, 256, shape) * 2.0**-18).astype(np.float32)


def names(**more: Any) -> dict[str, Any]:
    return {"name": "op", "inputs": ("x",), "outputs": ("y",), **more}


REQUANTIZE = Requantize(factor="f", zero_point=-7, low=-100, high=90)
WINDOW: dict[str, Any] = {"x_zero_point": 3, "strides": (2, 1), "dilations": (1, 2)}
POOL: dict[str, Any] = {
    "kernel": (3, 2),
    "strides": (2, 2),
    "pads": (1, 0, 1, 1),
    "dilations": (1, 1),
    "x_zero_point": 3,
    "factor": 2.0,
    "zero_point": -7,
    "low": -100,
    "high": 90,
}
WEIGHTS = {
    "w": integers(6, 2, 3, 2),
    "t": integers(4, 3, 3, 2),
    "wz": integers(6, dtype=np.int32) % 9,
    "tz": integers(3, dtype=np.int32) % 9,
    "b": integers(6, dtype=np.int32),
    "f": factors(6),
    "one": factors(),
    "m": integers(2, 6, 5),
    "mz": integers(5, dtype=np.int32) % 5,
    "mb": integers(5, dtype=np.int32),
    "mf": factors(5),
    "table": integers(256),
    "bf": factors(6, 1, 3, 2),
    "bz": integers(6, 1, 3, 2, dtype=np.int32) % 5,
    "fb": RNG.normal(0, 1, 6).astype(np.float32),
    "kf": factors(2, 2, 5),
    "slope": factors(4, 1, 1) * np.float32(300),
    "other": integers(4, 1, 6),
    "index": np.array([3, 0, -1], np.int64),
}
CONV: dict[str, Any] = {"weight": "w", "bias": "b", "pads": (1, 0, 1, 1), "groups": 2, **WINDOW}
ADD: dict[str, Any] = {"a_zero_point": 3, "b_zero_point": -2, "zero_point": -7, "low": -90}
CASES: list[tuple[Operation, Tensor]] = [
    (Conv(**names(), **CONV, weight_zero_point="wz", finish=REQUANTIZE), out(2, 6, 3, 5)),
    (
        Conv(
            **names(),
            **CONV,
            weight_zero_point=None,
            finish=ToFloat(factor="f", low=-0.5, high=float("inf")),
        ),
        out(2, 6, 3, 5, dtype=DType.FLOAT32),
    ),
    (
        ConvTranspose(
            **names(),
            **{**CONV, "weight": "t"},
            weight_zero_point="tz",
            finish=REQUANTIZE,
        ),
        out(2, 6, 9, 7),
    ),
    (
        MatMul(
            **names(),
            b="m",
            a_zero_point=3,
            b_zero_point="mz",
            bias="mb",
            finish=Requantize(factor="mf", zero_point=-7, low=-128, high=127),
        ),
        out(2, 2, 5, 5),
    ),
    (
        MatMul(
            **names(inputs=("x", "z")),
            b=None,
            a_zero_point=3,
            b_zero_point=None,
            bias=None,
            finish=Requantize(factor="one", zero_point=-7, low=-128, high=127),
        ),
        out(2, 4, 5, 3),
    ),
    (
        Binary(
            **names(inputs=("x", "other")),
            kind=BinaryKind.ADD,
            a_factor=1.5,
            b_factor=0.75,
            high=90,
            **ADD,
        ),
        out(2, 4, 5, 6),
    ),
    (
        Binary(
            **names(inputs=("other", "x")),
            kind=BinaryKind.SUB,
            a_factor=1.5,
            b_factor=0.75,
            high=90,
            **ADD,
        ),
        out(2, 4, 5, 6),
    ),
    (
        Binary(
            **names(inputs=("x", "other")),
            kind=BinaryKind.MUL,
            a_factor=2.0**-6 * 1.375,
            b_factor=1.0,
            high=90,
            **ADD,
        ),
        out(2, 4, 5, 6),
    ),
    (Rescale(**names(), x_zero_point=3, factor=1.625, zero_point=-7), out(2, 4, 5, 6)),
    (
        Reduce(
            **names(), kind=ReduceKind.SUM, axes=(0, 2), x_zero_point=3, factor=0.2, zero_point=-7
        ),
        out(1, 4, 1, 6),
    ),
    (
        Reduce(
            **names(), kind=ReduceKind.MAX, axes=(1,), x_zero_point=3, factor=1.0, zero_point=-7
        ),
        out(2, 5, 6),
    ),
    (
        Slope(**names(), x_zero_point=3, factor=1.3, negative="slope", zero_point=-7),
        out(2, 4, 5, 6),
    ),
    (Pool(**names(), kind=PoolKind.MAX, count_include_pad=False, **POOL), out(2, 4, 3, 3)),
    (Dequantize(**names()), out(2, 4, 5, 6, dtype=DType.FLOAT32)),
    (Table(**names(), table="table"), out(2, 4, 5, 6)),
    (ArgExtreme(**names(), axis=1, smallest=True, last=True), out(2, 5, 6, dtype=DType.INT64)),
]
FLOAT_ONLY: list[tuple[Operation, Tensor]] = [
    (Pool(**names(), kind=PoolKind.AVERAGE, count_include_pad=False, **POOL), out(2, 4, 3, 3)),
    (Pool(**names(), kind=PoolKind.AVERAGE, count_include_pad=True, **POOL), out(2, 4, 3, 3)),
    (
        BlockedConv(
            **names(),
            **{**CONV, "bias": "fb"},
            weight_zero_point="bz",
            block_size=2,
            finish=Requantize(factor="bf", zero_point=-7, low=-100, high=90),
        ),
        out(2, 6, 3, 5),
    ),
    (
        BlockedMatMul(
            **names(),
            b="m",
            b_zero_point=None,
            bias=None,
            a_zero_point=3,
            block_size=4,
            finish=ToFloat(factor="kf"),
        ),
        out(2, 2, 5, 5, dtype=DType.FLOAT32),
    ),
]


def program(op: Operation, y: Tensor, x: Tensor = X, **facts: Any) -> Program:
    shape = (2, 2, 5, 6) if isinstance(op, MatMul | BlockedMatMul) and op.b else x.shape
    inputs = [Tensor(**{**tensor(x), "shape": shape})]
    if "z" in op.inputs:
        inputs.append(Tensor(name="z", dtype=DType.INT8, shape=(4, 6, 3)))
    return Program(
        name="one",
        rounding=facts.pop("rounding", Rounding.HALF_EVEN),
        **facts,
        inputs=tuple(one.name for one in inputs),
        outputs=("y",),
        tensors={one.name: one for one in (*inputs, y)},
        constants=dict(WEIGHTS),
        operations=(op,),
    )


def tensor(one: Tensor) -> dict[str, Any]:
    return {
        "name": one.name,
        "dtype": one.dtype,
        "shape": one.shape,
        "scale": one.scale,
        "zero_point": one.zero_point,
    }


def places(made: Program) -> Iterator[tuple[Place, Any]]:
    """Elements all over the output, and what the interpreter makes of them."""
    feeds = {
        name: integers(*made.tensors[name].shape, dtype=made.tensors[name].dtype.numpy)
        for name in made.inputs
    }
    found = Interpreter(made).run(feeds)["y"]
    (op,) = made.operations
    flat = np.unique(np.linspace(0, found.size - 1, PLACES).astype(np.intp))
    for number in flat:
        index = tuple(int(i) for i in np.unravel_index(number, found.shape))
        values = {**made.constants, **feeds}
        yield Place(program=made, op=op, output="y", index=index, values=values), found[index]


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize(("op", "y"), CASES + FLOAT_ONLY)
def test_elements_with_float_multipliers(op: Any, y: Tensor, rounding: Rounding) -> None:
    for place, expected in places(program(op, y, rounding=rounding)):
        assert recompute(place).value == expected, place.index


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize(("op", "y"), CASES)
def test_elements_with_exact_products(op: Any, y: Tensor, rounding: Rounding) -> None:
    exact = Requantization.MULTIPLIER_AND_SHIFT
    for place, expected in places(program(op, y, rounding=rounding, requantization=exact)):
        assert recompute(place).value == expected, place.index


def test_sixteen_bits_with_a_wide_accumulator() -> None:
    x = Tensor(name="x", dtype=DType.INT16, shape=X.shape, scale=0.5, zero_point=3)
    made = program(
        Conv(**names(), **CONV, weight_zero_point=None, finish=REQUANTIZE),
        out(2, 6, 3, 5),
        x,
        wide_accumulator=DType.INT64,
    )
    for place, expected in places(made):
        assert recompute(place).value == expected, place.index


@pytest.mark.parametrize(
    ("op", "y"),
    [
        (Move(**names(), kind=MoveKind.TRANSPOSE, arguments={"perm": (0, 3, 1, 2)}), (2, 6, 4, 5)),
        (
            Move(**names(inputs=("x", "x")), kind=MoveKind.CONCAT, arguments={"axis": (1,)}),
            (2, 8, 5, 6),
        ),
        (
            Move(**names(), kind=MoveKind.GATHER, arguments={"axis": (1,)}, indices="index"),
            (2, 3, 5, 6),
        ),
    ],
)
def test_moves_say_where_an_element_comes_from(op: Any, y: Any) -> None:
    for place, expected in places(program(op, out(*y))):
        element = recompute(place)
        (operand,) = element.operands
        assert element.value == operand.value == expected
        assert place.values["x"][operand.index] == expected


def test_padding_comes_from_nowhere() -> None:
    pads = {"pads": (0, 0, 0, 0, 0, 0, 0, 1)}
    op = Move(**names(), kind=MoveKind.PAD, arguments=pads, fill=3)
    for place, expected in places(program(op, out(2, 4, 5, 7))):
        element = recompute(place)
        assert element.value == expected
        assert len(element.operands) == (place.index[3] < 6)


def test_a_float_operator_shows_what_it_reads() -> None:
    x = Tensor(name="x", dtype=DType.FLOAT32, shape=(2, 3))
    op = FloatOp(**names(), op_type="Relu")
    made = program(op, out(2, 3, dtype=DType.FLOAT32), x)
    values = {"x": np.array([[1, -2, 3], [-4, 5, 6]], np.float32)}
    place = Place(program=made, op=op, output="y", index=(1, 0), values=values)
    element = recompute(place)
    assert (element.value, element.section) == (0.0, "9")
    assert element.operands == (Operand(tensor="x", index=(1, 0), value=-4.0),)


def test_quantize_by_hand() -> None:
    x = Tensor(name="x", dtype=DType.FLOAT32, shape=(4,))
    made = program(Quantize(**names(), rounding=Rounding.HALF_UP), out(4), x)
    values = {"x": np.array([0.625, -0.625, 1e9, np.finfo(np.float32).max], np.float32)}
    expected = [-4, -9, 127, 127]  # 2.5 up is 3, -2.5 up is -2; -7 is added
    for number, value in enumerate(expected):
        place = Place(
            program=made, op=made.operations[0], output="y", index=(number,), values=values
        )
        assert recompute(place).value == value
