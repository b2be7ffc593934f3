"""Convolutions and matrix products against sums of Python's integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from toolchain.accelerator.isa.instructions import BlockedConvolve, Convolve, Multiply
from toolchain.accelerator.isa.operands import Finish, Rounding, ToFloat, ToInteger
from toolchain.core.dtypes import DType
from toolchain.errors import CompileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolchain.core.dtypes import Array

Run = Callable[..., "Array"]
Oracle = Callable[[int, float, Finish], float]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A convolution of (2, 7, 6, 4) with a kernel of 3 x 2."""

    groups: int = 1
    outputs: int = 3
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    pads: tuple[int, int] = (1, 0)
    types: tuple[DType, DType] = (DType.INT8, DType.INT8)
    target: DType = DType.INT8
    exact: bool = False
    guard_bits: int = 0
    zeros: bool = True
    scale: float = 2.0**-9


CASES = {
    "plain": Case(),
    "without zeros": Case(zeros=False, types=(DType.UINT8, DType.INT8)),
    "two groups": Case(groups=2, outputs=6),
    "depthwise": Case(groups=4, outputs=4, types=(DType.UINT8, DType.UINT8)),
    "depthwise with multiplier": Case(groups=4, outputs=8, dilations=(2, 1), pads=(2, 1)),
    "strides": Case(strides=(2, 3)),
    "dilations": Case(dilations=(2, 3), pads=(2, 2)),
    "rows skipped": Case(pads=(-2, 1)),
    "columns skipped": Case(pads=(1, -3)),
    "windows beyond the source": Case(pads=(3, 2), strides=(3, 2)),
    "16 bits": Case(types=(DType.INT16, DType.INT16), scale=2.0**-22),
    "16 bits, exact": Case(types=(DType.UINT16, DType.INT8), exact=True, scale=2.0**-19),
    "exact": Case(exact=True),
    "exact with a guarded bias": Case(exact=True, guard_bits=7, scale=2.0**-16),
    "guarded bias": Case(guard_bits=16, scale=2.0**-25),
    "to int32": Case(target=DType.INT32, scale=1000.0),
    "to int16": Case(target=DType.INT16, scale=0.3),
    "to float": Case(target=DType.FLOAT32, scale=0.01),
}


def finish_of(case: Case) -> Finish:
    if case.target is DType.FLOAT32:
        return ToFloat(guard_bits=case.guard_bits, low=-20.0, high=float("inf"))
    return ToInteger(
        rounding=Rounding.HALF_EVEN,
        exact=case.exact,
        guard_bits=case.guard_bits,
        zero_point=3,
        low=case.target.qmin,
        high=case.target.qmax,
    )


def integers(seed: int, dtype: DType, shape: tuple[int, ...]) -> Array:
    drawn = np.random.default_rng(seed).integers(dtype.qmin, dtype.qmax + 1, shape)
    return drawn.astype(dtype.numpy)


def terms(case: Case, at: tuple[int, ...], kernel: tuple[int, int]) -> Iterator[tuple[int, ...]]:
    """Source row and column, and kernel row and column, of all products of an output."""
    for i, j in np.ndindex(*kernel):
        row = at[1] * case.strides[0] - case.pads[0] + i * case.dilations[0]
        column = at[2] * case.strides[1] - case.pads[1] + j * case.dilations[1]
        if 0 <= row < 7 and 0 <= column < 6:
            yield row, column, i, j


@pytest.mark.parametrize("name", CASES)
def test_convolution(bench: Run, oracle: Oracle, name: str) -> None:
    case = CASES[name]
    depth, filters = 4 // case.groups, case.outputs
    x = integers(1, case.types[0], (2, 7, 6, 4))
    w = integers(2, case.types[1], (filters, 3, 2, depth))
    zeros = integers(3, DType.INT8, (filters,)).astype(np.int32) if case.zeros else None
    bias = integers(4, DType.INT16, (filters,)).astype(np.int32) if case.zeros else None
    factor = (np.linspace(0.5, 1, filters) * case.scale).astype(np.float32)
    source_zero = 5 if case.zeros else 0
    how = finish_of(case)
    got = bench(
        Convolve,
        case.target,
        (2, 4, 3, filters),
        source=x,
        weights=w,
        weight_zero=zeros,
        bias=bias,
        factor=factor,
        source_zero=source_zero,
        strides=case.strides,
        dilations=case.dilations,
        pads=case.pads,
        groups=case.groups,
        finish=how,
    )
    for at in np.ndindex(*got.shape):
        m = at[3]
        first = m // (filters // case.groups) * depth
        total = sum(
            (int(x[at[0], row, column, first + c]) - source_zero)
            * (int(w[m, i, j, c]) - (0 if zeros is None else int(zeros[m])))
            for row, column, i, j in terms(case, at, (3, 2))
            for c in range(depth)
        )
        acc = (total << how.guard_bits) + (0 if bias is None else int(bias[m]))
        assert got[at] == oracle(acc, factor[m], how), at
    assert len(np.unique(got)) > 5


@pytest.mark.parametrize("with_zeros", [True, False])
@pytest.mark.parametrize(("groups", "block"), [(1, 3), (1, 4), (2, 2), (2, 1), (4, 1)])
def test_factors_of_blocks(bench: Run, groups: int, block: int, with_zeros: bool) -> None:
    case = Case(groups=groups, outputs=4, strides=(2, 1), dilations=(1, 2), pads=(1, 1))
    depth = 4 // groups
    x, w = integers(1, DType.UINT8, (2, 7, 6, 4)), integers(2, DType.INT8, (4, 3, 2, depth))
    shape = (4, 3, 2, -(-depth // block))
    zeros = integers(3, DType.INT8, shape).astype(np.int32)
    bias = np.linspace(-9, 9, 4).astype(np.float32)
    factor = np.random.default_rng(4).uniform(0.001, 0.01, shape).astype(np.float32)
    got = bench(
        BlockedConvolve,
        DType.FLOAT32,
        (2, 4, 4, 4),
        source=x,
        weights=w,
        weight_zero=zeros if with_zeros else None,
        bias=bias if with_zeros else None,
        factor=factor,
        source_zero=7,
        strides=case.strides,
        dilations=case.dilations,
        pads=case.pads,
        groups=groups,
        block=block,
        finish=ToFloat(guard_bits=0, low=-50.0, high=float("inf")),
    )
    for at in np.ndindex(*got.shape):
        m = at[3]
        total = bias[m] if with_zeros else np.float32(0)
        for row, column, i, j in terms(case, at, (3, 2)):
            for b in range(shape[3]):
                acc = sum(
                    (int(x[at[0], row, column, m // (4 // groups) * depth + c]) - 7)
                    * (int(w[m, i, j, c]) - (int(zeros[m, i, j, b]) if with_zeros else 0))
                    for c in range(b * block, min(b * block + block, depth))
                )
                total = total + np.float32(acc) * factor[m, i, j, b]
        assert got[at] == max(total, np.float32(-50)), at


def test_a_sum_beyond_float32_is_exact(bench: Run, to_int8: ToInteger) -> None:
    # 301 * 255 * 255 = 19572525 > 2**24 and odd; minus 19572524 is 1, which float32 would lose.
    got = bench(
        Convolve,
        DType.INT8,
        (1, 1, 1, 1),
        source=np.full((1, 1, 1, 301), 255, np.uint8),
        weights=np.full((1, 1, 1, 301), 255, np.uint8),
        weight_zero=None,
        bias=np.array([-19572524], np.int32),
        factor=np.ones(1, np.float32),
        source_zero=0,
        strides=(1, 1),
        dilations=(1, 1),
        pads=(0, 0),
        groups=1,
        finish=to_int8,
    )
    assert got.tolist() == [[[[1]]]]


def test_a_bias_beyond_float32_is_exact(bench: Run, to_int8: ToInteger) -> None:
    # The sum 2 fits float32 well; 2 + (2**24 + 1) does not: as float32 it is 2**24 + 4.
    got = bench(
        Convolve,
        DType.INT32,
        (1, 1, 1, 1),
        source=np.full((1, 1, 1, 1), 2, np.int8),
        weights=np.ones((1, 1, 1, 1), np.int8),
        weight_zero=None,
        bias=np.array([2**24 + 1], np.int32),
        factor=np.ones(1, np.float32),
        source_zero=0,
        strides=(1, 1),
        dilations=(1, 1),
        pads=(0, 0),
        groups=1,
        finish=replace(to_int8, exact=True, low=-(2**31), high=2**31 - 1),
    )
    assert got.tolist() == [[[[2**24 + 3]]]]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("types", "scale"),
    [
        ((DType.UINT8, DType.INT8), 2.0**-8),
        ((DType.INT16, DType.INT16), 2.0**-24),
    ],
)
def test_matrix_products(
    bench: Run,
    oracle: Oracle,
    to_int8: ToInteger,
    types: tuple[DType, DType],
    scale: float,
    bias: bool,
) -> None:
    a, b = integers(1, types[0], (2, 3, 5)), integers(2, types[1], (2, 5, 4))
    factor = (np.linspace(0.5, 1, 4) * scale).astype(np.float32)
    zeros = np.array([1, -2, 3, 0], np.int32) if bias else None
    added = np.array([100, -7, 0, 10**6], np.int32) if bias else None
    got = bench(
        Multiply,
        DType.INT8,
        (2, 3, 4),
        a=a,
        b=b,
        b_zero=zeros,
        bias=added,
        factor=factor,
        a_zero=100,
        finish=to_int8,
    )
    for n, r, m in np.ndindex(*got.shape):
        zero, begin = (int(zeros[m]), int(added[m])) if bias else (0, 0)
        acc = begin + sum((int(a[n, r, k]) - 100) * (int(b[n, k, m]) - zero) for k in range(5))
        assert got[n, r, m] == oracle(acc, factor[m], to_int8)
    assert len(np.unique(got)) > 5


def test_one_matrix_for_all_samples(bench: Run, to_int8: ToInteger) -> None:
    # A weight with stride 0 along the samples: (1, 2) and (3, 4) times a column (10, 1).
    weights = bench.put(np.array([10, 1], np.int8))
    repeated = replace(weights, shape=(2, 2, 1), strides=(0, 1, 1))
    got = bench(
        Multiply,
        DType.INT8,
        (2, 1, 1),
        a=np.array([[[1, 2]], [[3, 4]]], np.int8),
        b=repeated,
        b_zero=None,
        bias=None,
        factor=np.ones(1, np.float32),
        a_zero=0,
        finish=to_int8,
    )
    assert got.ravel().tolist() == [12, 34]


def test_sums_that_nothing_counts_exactly_are_refused(bench: Run, to_int8: ToInteger) -> None:
    # A zero point of -2**31 makes every product 2**47: 128 of them are 2**54.
    with pytest.raises(CompileError, match=r"can exceed 2\*\*53"):
        bench(
            Multiply,
            DType.INT8,
            (1, 1, 1),
            a=np.full((1, 1, 128), -32768, np.int16),
            b=np.zeros((1, 128, 1), np.int16),
            b_zero=np.array([2**31 - 1], np.int32),
            bias=None,
            factor=np.ones(1, np.float32),
            a_zero=32767,
            finish=to_int8,
        )
