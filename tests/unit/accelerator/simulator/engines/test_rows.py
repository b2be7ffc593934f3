"""Reductions, softmax and normalization, with sums of Python's integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest

from toolchain.accelerator.isa.instructions import (
    Extreme,
    Normalize,
    Reduce,
    ReduceKind,
    Softmax,
)
from toolchain.accelerator.isa.operands import Finish, ToInteger
from toolchain.core.dtypes import DType
from toolchain.errors import CompileError

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array

Run = Callable[..., "Array"]
Oracle = Callable[[int, float, Finish], float]

X = np.random.default_rng(0).integers(-128, 128, (3, 4, 5)).astype(np.int8)


@pytest.mark.parametrize("exact", [False, True])
def test_sums(bench: Run, oracle: Oracle, to_int8: ToInteger, exact: bool) -> None:
    how = replace(to_int8, exact=exact)
    got = bench(
        Reduce,
        DType.INT8,
        (1, 4, 1),
        source=X,
        kind=ReduceKind.SUM,
        source_zero=-3,
        factor=0.125,
        finish=how,
    )
    totals = [sum(int(v) + 3 for v in X[:, j].ravel()) for j in range(4)]
    assert got.ravel().tolist() == [oracle(total, 0.125, how) for total in totals]


def test_a_sum_of_one(bench: Run, to_int8: ToInteger) -> None:
    got = bench(
        Reduce,
        DType.INT8,
        (),
        source=np.array(9, np.int8),
        kind=ReduceKind.SUM,
        source_zero=1,
        factor=2.0,
        finish=to_int8,
    )
    assert got.item() == 16


def test_sums_beyond_32_bits(bench: Run, to_int8: ToInteger) -> None:
    # 4 * (2**31 - 1) * 2**-28 = 31.99...
    got = bench(
        Reduce,
        DType.INT8,
        (1,),
        source=np.full(4, 2**31 - 1, np.int32),
        kind=ReduceKind.SUM,
        source_zero=0,
        factor=2.0**-28,
        finish=to_int8,
    )
    assert got.tolist() == [32]


@pytest.mark.parametrize(("kind", "choose"), [(ReduceKind.MAX, max), (ReduceKind.MIN, min)])
def test_largest_and_smallest(
    bench: Run, to_int8: ToInteger, kind: ReduceKind, choose: Callable[[list[int]], int]
) -> None:
    got = bench(
        Reduce,
        DType.INT8,
        (3, 1, 5),
        source=X,
        kind=kind,
        source_zero=9,
        factor=3.0,
        finish=to_int8,
    )
    expected = [[[choose(X[i, :, k].tolist()) for k in range(5)]] for i in range(3)]
    assert got.tolist() == expected


@pytest.mark.parametrize(
    ("smallest", "last", "expected"),
    [(False, False, 1), (False, True, 3), (True, False, 0), (True, True, 4)],
)
def test_extreme(bench: Run, smallest: bool, last: bool, expected: int) -> None:
    source = np.array([[1, 200], [9, 255], [5, 255], [9, 201], [1, 200]], np.uint8)
    got = bench(Extreme, DType.INT64, (1, 2), source=source, axis=0, smallest=smallest, last=last)
    second = {(False, False): 1, (False, True): 2, (True, False): 0, (True, True): 4}
    assert got.tolist() == [[expected, second[smallest, last]]]


def test_softmax_of_8_bits(bench: Run, to_int8: ToInteger) -> None:
    # Distances 0, 1, 2 and 0: powers 6, 2, 1, 6 of 15; times 100: 40, 13.3, 6.7, 40.
    table = np.zeros(256, np.int32)
    table[:3] = 6, 2, 1
    got = bench(
        Softmax,
        DType.INT8,
        (2, 4),
        source=np.array([[9, 8, 7, 9], [-126, -127, -128, -126]], np.int8),
        exponentials=table,
        low=None,
        factor=100.0,
        finish=replace(to_int8, zero_point=-1),
    )
    assert got.tolist() == [[39, 12, 6, 39]] * 2


def test_softmax_of_16_bits(bench: Run, to_int8: ToInteger) -> None:
    # Distances 0, 456 = 256 + 200, 65535 = 255 * 256 + 255: products of both tables.
    high, low = np.zeros(256, np.int32), np.zeros(256, np.int32)
    high[[0, 1]], low[[0, 200]] = (2**30, 3 * 2**28), (2**30, 2**29 + 1)
    # e0 = 2**30; e1 = (3 * 2**28 * (2**29 + 1) + 2**29) >> 30 = 402653184 + (0.75 + 0.5) -> + 1.
    powers = [2**30, 402653185, 0]
    got = bench(
        Softmax,
        DType.INT32,
        (1, 3),
        source=np.array([[65535, 65079, 0]], np.uint16),
        exponentials=high,
        low=low,
        factor=2.0**30,
        finish=replace(to_int8, low=-(2**31), high=2**31 - 1),
    )
    total = np.float32(sum(powers))
    assert got[0].tolist() == [int(np.float32(e) / total * np.float32(2**30)) for e in powers]


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("with_offset", [True, False])
def test_normalize(bench: Run, to_int8: ToInteger, centred: bool, with_offset: bool) -> None:
    x = np.array([[1, 5, -7, 100], [50, 50, 50, 50], [-128, 127, 0, 3]], np.int8)
    gain = np.linspace(10, 40, 12).astype(np.float32).reshape(3, 4)
    offset = np.linspace(-3, 3, 12).astype(np.float32).reshape(3, 4)
    got = bench(
        Normalize,
        DType.INT8,
        (3, 4),
        source=x,
        gain=gain,
        offset=offset if with_offset else None,
        centred=centred,
        source_zero=2,
        epsilon=0.37,
        finish=to_int8,
    )
    for row, column in np.ndindex(3, 4):
        c = [int(v) - 2 for v in x[row]]
        s = sum(c) if centred else 0
        d, v = 4 * c[column] - s, 4 * sum(i * i for i in c) - s * s
        r = np.float32(0 if v == 0 else 1 / sqrt(float(v) + 0.37))
        real = np.float32(d) * r * gain[row, column]
        if with_offset:
            real = real + offset[row, column]
        assert got[row, column] == min(max(round(float(real)), -128), 127)


def test_no_number_is_refused(bench: Run, to_int8: ToInteger) -> None:
    with pytest.raises(CompileError, match="no number"):
        bench(
            Normalize,
            DType.INT8,
            (1, 2),
            source=np.array([[1, 2]], np.int8),
            gain=np.array([[1, np.nan]], np.float32),
            offset=None,
            centred=True,
            source_zero=0,
            epsilon=1.0,
            finish=to_int8,
        )


def test_sums_beyond_63_bits_are_refused(bench: Run, to_int8: ToInteger) -> None:
    with pytest.raises(CompileError, match="accumulator is too large"):
        bench(
            Reduce,
            DType.INT8,
            (1,),
            source=np.full(2, 2**62, np.int64),
            kind=ReduceKind.SUM,
            source_zero=0,
            factor=1.0,
            finish=to_int8,
        )


def test_normalized_runs_beyond_63_bits_are_refused(bench: Run, to_int8: ToInteger) -> None:
    # n * largest = 2**17 * 2**15 = 2**32; its square is beyond 2**63.
    source = np.full((1, 2**8), -(2**15), np.int16)
    view = bench.put(source)
    repeated = replace(view, shape=(1, 2**17), strides=(0, 0))
    gain = replace(bench.put(np.ones(1, np.float32)), shape=(1, 2**17), strides=(0, 0))
    machine = replace(bench.machine, memory=replace(bench.machine.memory, bytes=2**20))
    bench.machine = machine
    with pytest.raises(CompileError, match="accumulator is too large"):
        bench(
            Normalize,
            DType.INT8,
            (1, 2**17),
            source=repeated,
            gain=gain,
            offset=None,
            centred=True,
            source_zero=0,
            epsilon=1.0,
            finish=to_int8,
        )


def test_a_softmax_of_nothing_is_refused(bench: Run, to_int8: ToInteger) -> None:
    with pytest.raises(CompileError, match="no number"):
        bench(
            Softmax,
            DType.INT8,
            (1, 2),
            source=np.array([[1, 2]], np.int8),
            exponentials=np.zeros(256, np.int32),
            low=None,
            factor=1.0,
            finish=to_int8,
        )
