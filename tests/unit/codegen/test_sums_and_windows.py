"""Sums of products in C equal the interpreter's, whatever the sizes and types.

Every program holds several random operations, so that one compilation tries them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from toolchain.core.dtypes import Array, DType
from toolchain.core.quant import Rounding
from toolchain.core.target import Requantization
from toolchain.program.records import (
    BlockedConv,
    BlockedMatMul,
    Conv,
    ConvTranspose,
    Finish,
    MatMul,
    Operation,
    Pool,
    PoolKind,
    Program,
    Requantize,
    Tensor,
    ToFloat,
)
from toolchain.testing.compiled import COMPILER, assert_same

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler `cc`")

QUICK = settings(max_examples=2, deadline=None, phases=(Phase.explicit, Phase.generate))
"""Every example is a compilation, and nothing is gained by making one smaller."""

NARROW = ("int8", "uint8")
WIDE = ("int16", "uint16")
TYPES = {
    "narrow": [(x, w) for x in NARROW for w in NARROW],
    "wide": [(x, w) for x in NARROW + WIDE for w in NARROW + WIDE if x in WIDE or w in WIDE],
}


@dataclass
class Case:
    """One operation, its inputs by name, its output and its constants."""

    op: Operation
    feeds: Mapping[str, Array]
    output: Tensor
    constants: Mapping[str, Array]


class Draw:
    """Random numbers for the case of one name; factors are powers of two if `exact`."""

    def __init__(self, seed: int, name: str, exact: bool = False) -> None:
        self.random = np.random.default_rng((seed, *name.encode()))
        self.name = name
        self.exact = exact
        self.constants: dict[str, Array] = {}

    def one(self, values: Sequence):
        """One of `values`."""
        return values[self.random.integers(len(values))]

    def number(self, low: int, high: int) -> int:
        """An integer from low to high."""
        return int(self.random.integers(low, high + 1))

    def numbers(self, count: int, low: int, high: int) -> tuple[int, ...]:
        """Integers from low to high."""
        return tuple(self.number(low, high) for _ in range(count))

    def integers(self, shape: tuple[int, ...], dtype: str) -> Array:
        """All numbers of a type."""
        ends = np.iinfo(dtype)
        return self.random.integers(ends.min, ends.max + 1, shape).astype(dtype)

    def constant(self, what: str, array: Array) -> str:
        """A constant of the case, and its name."""
        name = f"{self.name}_{what}"
        self.constants[name] = array
        return name

    def zero_points(self, what: str, dtype: str, *shapes: tuple[int, ...]) -> str | None:
        """Zero points of weights in one of `shapes`, or none."""
        shape = self.one((None, *shapes))
        if shape is None:
            return None
        return self.constant(what, self.integers(shape, dtype).astype(np.int32))

    def finish(self, shape: tuple[int, ...], size: int) -> tuple[Finish, DType]:
        """What becomes of sums of `size` products, and the type of the output."""
        factor = self.random.uniform(0.5, 2, shape) / size
        if self.exact:
            factor = np.exp2(np.rint(np.log2(factor)))
        name = self.constant("factor", factor.astype(np.float32))
        if self.number(0, 3) == 0:
            return ToFloat(factor=name, low=-20.0, high=float("inf")), DType.FLOAT32
        dtype = DType(self.one(NARROW + WIDE))
        low, high = dtype.qmin, dtype.qmax - self.number(0, 9)
        point = self.number(dtype.qmin, dtype.qmax)
        return Requantize(factor=name, zero_point=point, low=low, high=high), dtype

    def case(self, op: Operation, x: Mapping[str, Array], dtype: DType, shape: tuple) -> Case:
        """The case of an operation, whose output has the case's name."""
        output = Tensor(name=self.name, dtype=dtype, shape=shape)
        return Case(op, x, output, self.constants)


def convolution(draw: Draw, types: tuple[str, str], blocked: bool) -> Case:
    """Conv or BlockedConv of any rank, with groups, one or two panels of columns, and padding."""
    rank, groups, batch = draw.number(1, 3), draw.one((1, 1, 2, 3)), draw.number(1, 2)
    channels, columns = draw.number(1, 5), draw.one((1, 5, 70 // groups))
    if not blocked and draw.number(0, 2) == 0:  # depthwise
        groups, channels, columns = 67, 1, 1
    kernel, strides = draw.numbers(rank, 1, 4 - rank // 2), draw.numbers(rank, 1, 3)
    dilations, pads = draw.numbers(rank, 1, 2), draw.numbers(2 * rank, 0, 2)
    spatial = tuple(
        (k - 1) * d + 1 + extra
        for k, d, extra in zip(kernel, dilations, draw.numbers(rank, 0, 4), strict=True)
    )
    reach = [
        s + b + e - (k - 1) * d - 1
        for s, b, e, k, d in zip(spatial, pads[:rank], pads[rank:], kernel, dilations, strict=True)
    ]
    output = tuple(r // s + 1 for r, s in zip(reach, strides, strict=True))
    x = draw.integers((batch, channels * groups, *spatial), types[0])
    weight = draw.integers((columns * groups, channels, *kernel), types[1])
    common = {
        "name": f"{draw.name}_op",
        "inputs": (f"{draw.name}_x",),
        "outputs": (draw.name,),
        "weight": draw.constant("w", weight),
        "x_zero_point": int(draw.integers((), types[0])),
        "strides": strides,
        "pads": pads,
        "dilations": dilations,
        "groups": groups,
    }
    size = weight[0].size * 2 ** (8 * (x.itemsize + weight.itemsize) - 16)
    total = columns * groups
    if blocked:
        block = draw.number(1, channels + 1)
        blocks = (total, -(-channels // block), *kernel)
        finish, dtype = draw.finish(blocks, size)
        bias = draw.random.normal(0, 9, total).astype(np.float32)
        op: Operation = BlockedConv(
            **common,
            block_size=block,
            weight_zero_point=draw.zero_points("z", types[1], blocks),
            bias=draw.one((None, draw.constant("bias", bias))),
            finish=finish,
        )
    else:
        finish, dtype = draw.finish(draw.one(((), (total,))), size)
        bias = draw.random.integers(-size, size, total).astype(np.int32)
        op = Conv(
            **common,
            weight_zero_point=draw.zero_points("z", types[1], (), (total,)),
            bias=draw.one((None, draw.constant("bias", bias))),
            finish=finish,
        )
    return draw.case(op, {f"{draw.name}_x": x}, dtype, (batch, total, *output))


def transposed(draw: Draw, types: tuple[str, str]) -> Case:
    """ConvTranspose of any rank: strides below and above the kernel, and output padding."""
    rank, groups, batch = draw.number(1, 3), draw.one((1, 1, 2, 3)), draw.number(1, 2)
    channels, columns = draw.number(1, 5), draw.one((1, 5, 70 // groups))
    kernel, strides = draw.numbers(rank, 1, 4 - rank // 2), draw.numbers(rank, 1, 3)
    dilations, spatial = draw.numbers(rank, 1, 3), draw.numbers(rank, 1, 4)
    full = [
        (n - 1) * s + (k - 1) * d + 1
        for n, s, k, d in zip(spatial, strides, kernel, dilations, strict=True)
    ]
    begin = [draw.number(0, (f - 1) // 2) for f in full]
    end = [draw.number(0, (f - 1) // 2) for f in full]
    more = [draw.number(0, s - 1) for s in strides]
    output = tuple(f - b - e + m for f, b, e, m in zip(full, begin, end, more, strict=True))
    x = draw.integers((batch, channels * groups, *spatial), types[0])
    weight = draw.integers((channels * groups, columns, *kernel), types[1])
    size = channels * 2 ** (8 * (x.itemsize + weight.itemsize) - 16)
    total = columns * groups
    finish, dtype = draw.finish(draw.one(((), (total,))), size)
    bias = draw.random.integers(-size, size, total).astype(np.int32)
    op = ConvTranspose(
        name=f"{draw.name}_op",
        inputs=(f"{draw.name}_x",),
        outputs=(draw.name,),
        weight=draw.constant("w", weight),
        weight_zero_point=draw.zero_points("z", types[1], (), (columns,)),
        bias=draw.one((None, draw.constant("bias", bias))),
        x_zero_point=int(draw.integers((), types[0])),
        strides=strides,
        pads=(*begin, *end),
        dilations=dilations,
        groups=groups,
        finish=finish,
    )
    return draw.case(op, {f"{draw.name}_x": x}, dtype, (batch, total, *output))


BATCHES = [
    ((), ()),
    ((2,), ()),
    ((2, 3), (2, 3)),
    ((3,), (2, 1)),
    ((), (3,)),
    ((2, 1, 2), (3, 1)),
    ((1, 2), (2, 1)),
]


def product(draw: Draw, types: tuple[str, str], kind: str) -> Case:
    """MatMul (constant or computed matrices) or BlockedMatMul, with broadcasting of batches."""
    outer_a, outer_b = draw.one(BATCHES)
    rows, depth, columns = draw.number(1, 20), draw.number(1, 21), draw.one((1, 7, 64, 130))
    a = draw.integers((*outer_a, rows, depth), types[0])
    b = draw.integers((*outer_b, depth, columns), types[1])
    shape = (*np.broadcast_shapes(outer_a, outer_b), rows, columns)
    size = depth * 2 ** (8 * (a.itemsize + b.itemsize) - 16)
    feeds = {f"{draw.name}_a": a}
    common = {
        "name": f"{draw.name}_op",
        "outputs": (draw.name,),
        "a_zero_point": int(draw.integers((), types[0])),
    }
    if kind == "blocked":
        block = draw.number(1, depth + 1)
        blocks = (*outer_b, -(-depth // block), columns)
        finish, dtype = draw.finish(blocks, size)
        bias = draw.random.normal(0, 9, columns).astype(np.float32)
        op: Operation = BlockedMatMul(
            **common,
            inputs=(f"{draw.name}_a",),
            b=draw.constant("w", b),
            b_zero_point=draw.zero_points("z", types[1], blocks),
            bias=draw.one((None, draw.constant("bias", bias))),
            block_size=block,
            finish=finish,
        )
        return draw.case(op, feeds, dtype, shape)
    if kind == "computed":
        feeds[f"{draw.name}_b"] = b
    finish, dtype = draw.finish(draw.one(((), (columns,))), size)
    bias = draw.random.integers(-size, size, columns).astype(np.int32)
    op = MatMul(
        **common,
        inputs=tuple(feeds),
        b=draw.constant("w", b) if kind == "constant" else None,
        b_zero_point=draw.zero_points("z", types[1], (), (columns,)),
        bias=draw.one((None, draw.constant("bias", bias))),
        finish=finish,
    )
    return draw.case(op, feeds, dtype, shape)


def in_one_program(
    cases: Sequence[Case], rounding: Rounding, exact: bool = False
) -> tuple[Program, dict[str, Array]]:
    """A program of independent cases, and its inputs."""
    feeds = {name: array for case in cases for name, array in case.feeds.items()}
    inputs = [
        Tensor(name=name, dtype=DType(array.dtype.name), shape=array.shape)
        for name, array in feeds.items()
    ]
    program = Program(
        name="cases",
        rounding=rounding,
        requantization=Requantization.SHIFT if exact else Requantization.FLOAT32_MULTIPLIER,
        wide_accumulator=DType.INT64,
        inputs=tuple(feeds),
        outputs=tuple(case.output.name for case in cases),
        tensors={tensor.name: tensor for tensor in (*inputs, *(c.output for c in cases))},
        constants={name: array for case in cases for name, array in case.constants.items()},
        operations=tuple(case.op for case in cases),
    )
    return program, feeds


MAKERS: Mapping[str, Callable[[Draw, tuple[str, str]], Case]] = {
    "conv": lambda draw, types: convolution(draw, types, blocked=False),
    "blocked conv": lambda draw, types: convolution(draw, types, blocked=True),
    "transposed": transposed,
    "constant": lambda draw, types: product(draw, types, "constant"),
    "computed": lambda draw, types: product(draw, types, "computed"),
    "blocked product": lambda draw, types: product(draw, types, "blocked"),
}


@pytest.mark.parametrize("width", ["narrow", "wide"])
@pytest.mark.parametrize("kind", list(MAKERS))
@QUICK
@given(
    seed=st.integers(0, 2**32 - 1),
    rounding=st.sampled_from(Rounding),
    exact=st.booleans(),
    workers=st.integers(1, 3),
)
def test_sums_of_products(kind, width, seed, rounding, exact, workers) -> None:
    """Each program tries all pairs of types."""
    cases = [
        MAKERS[kind](Draw(seed, f"{kind[0]}{number}", exact), types)
        for number, types in enumerate(TYPES[width])
    ]
    program, feeds = in_one_program(cases, rounding, exact)
    assert_same(program, feeds, workers=workers)


def pool(draw: Draw) -> Case:
    """Pool of any rank and type; ceil mode lets the last window reach beyond the padding."""
    rank, kind = draw.number(1, 3), draw.one(tuple(PoolKind))
    kernel, strides = draw.numbers(rank, 1, 4), draw.numbers(rank, 1, 3)
    dilations, ceil = draw.numbers(rank, 1, 2), draw.number(0, 1)
    pads = tuple(draw.number(0, (k - 1) // 2) for k in 2 * kernel)
    spatial = tuple((k - 1) * d + draw.number(2, 5) for k, d in zip(kernel, dilations, strict=True))
    output = []
    for axis, extent in enumerate(spatial):
        reach = extent + pads[axis] + pads[axis + rank] - (kernel[axis] - 1) * dilations[axis] - 1
        windows = (reach + (strides[axis] - 1) * ceil) // strides[axis] + 1
        if (windows - 1) * strides[axis] >= extent + pads[axis]:  # would begin in the padding
            windows -= 1
        output.append(windows)
    dtype = DType(draw.one(NARROW + WIDE))
    x = draw.integers((draw.number(1, 2), draw.one((1, 3, 300)), *spatial), dtype.value)
    result = dtype if kind is PoolKind.MAX else DType(draw.one(NARROW + WIDE))
    points = (0, 0) if kind is PoolKind.MAX else (int(x.flat[0]), result.qmax - draw.number(0, 99))
    op = Pool(
        name=f"{draw.name}_op",
        inputs=(f"{draw.name}_x",),
        outputs=(draw.name,),
        kind=kind,
        kernel=kernel,
        strides=strides,
        pads=pads,
        dilations=dilations,
        count_include_pad=bool(draw.number(0, 1)),
        x_zero_point=points[0],
        factor=1.0 if kind is PoolKind.MAX else float(np.float32(draw.random.uniform(0.01, 1))),
        zero_point=points[1],
        low=result.qmin,
        high=result.qmax,
    )
    return draw.case(op, {f"{draw.name}_x": x}, result, (*x.shape[:2], *output))


@QUICK
@given(seed=st.integers(0, 2**32 - 1), rounding=st.sampled_from(Rounding))
def test_pools(seed, rounding) -> None:
    cases = [pool(Draw(seed, f"p{number}")) for number in range(12)]
    program, feeds = in_one_program(cases, rounding)
    assert_same(program, feeds)
