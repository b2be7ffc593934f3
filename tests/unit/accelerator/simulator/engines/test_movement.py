"""Elements that change their place, or come from a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from toolchain.accelerator.isa.instructions import Copy, Fill, Gather, Lookup
from toolchain.core.dtypes import DType
from toolchain.errors import CompileError

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array

Run = Callable[..., "Array"]


def test_copies_follow_strides(bench: Run) -> None:
    # Columns of a 2 x 3 matrix from the last to the first, every one twice.
    view = bench.put(np.array([[1, 2, 3], [4, 5, 6]], np.int16))
    source = replace(view, offset=view.offset + 4, shape=(3, 2, 2), strides=(-2, 0, 6))
    got = bench(Copy, DType.INT16, (3, 2, 2), source=source)
    assert got.tolist() == [[[3, 6], [3, 6]], [[2, 5], [2, 5]], [[1, 4], [1, 4]]]


def test_copies_keep_bits(bench: Run) -> None:
    got = bench(Copy, DType.INT8, (3,), source=np.array([0, 128, 255], np.uint8))
    assert got.tolist() == [0, -128, -1]


@pytest.mark.parametrize(
    ("dtype", "value"), [(DType.INT8, -7), (DType.INT64, -(2**63)), (DType.BOOL, 1)]
)
def test_fill(bench: Run, dtype: DType, value: int) -> None:
    assert bench(Fill, dtype, (2, 3), value=value).tolist() == [[value] * 3] * 2


@pytest.mark.parametrize(
    ("axis", "expected"),
    [(0, [[4, 5, 6], [1, 2, 3], [4, 5, 6]]), (1, [[2, 1, 2], [5, 4, 5]])],
)
def test_gather(bench: Run, axis: int, expected: list[list[int]]) -> None:
    source = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    shape = (len(expected), len(expected[0]))
    indices = np.array([1, 0, 1], np.int32)
    got = bench(Gather, DType.UINT8, shape, source=source, indices=indices, axis=axis)
    assert got.tolist() == expected


@pytest.mark.parametrize("wrong", [-1, 3])
def test_an_index_outside_is_refused(bench: Run, wrong: int) -> None:
    indices = np.array([0, wrong], np.int32)
    with pytest.raises(CompileError) as caught:
        bench(Gather, DType.INT8, (2,), source=np.zeros(3, np.int8), indices=indices, axis=0)
    problem = caught.value.problems[0]
    assert (problem.got, problem.allowed) == (str(wrong), "0..2")
    assert problem.where is not None
    assert "gather" in problem.where.lower()


@pytest.mark.parametrize(("dtype", "first"), [(DType.INT8, -128), (DType.UINT8, 0)])
def test_lookup_counts_from_the_smallest(bench: Run, dtype: DType, first: int) -> None:
    table = np.arange(256, dtype=np.int16)[::-1].copy()
    source = np.array([[first, first + 1], [first + 254, first + 255]]).astype(dtype.numpy)
    got = bench(Lookup, DType.INT16, (2, 2), source=source, table=table)
    assert got.tolist() == [[255, 254], [1, 0]]


def test_lookup_by_channel(bench: Run) -> None:
    table = np.stack([np.arange(256) % 100, np.arange(256) % 10]).astype(np.int8)
    source = np.array([[150, 150], [7, 7]], np.uint8)
    got = bench(Lookup, DType.INT8, (2, 2), source=source, table=table)
    assert got.tolist() == [[50, 0], [7, 7]]


def test_one_element_alone(bench: Run) -> None:
    one = np.array(3, np.uint8)
    assert bench(Copy, DType.UINT8, (), source=one).item() == 3
    assert bench(Fill, DType.INT16, (), value=-4).item() == -4
    table = np.arange(256, dtype=np.int16) * 2
    assert bench(Lookup, DType.INT16, (), source=one, table=table).item() == 6
