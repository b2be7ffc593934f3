"""Windows and linear resize against their elements, one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from toolchain.accelerator.isa.instructions import Blend, Pool, PoolKind
from toolchain.accelerator.isa.operands import Finish, ToInteger
from toolchain.core.dtypes import DType
from toolchain.errors import CompileError

if TYPE_CHECKING:
    from toolchain.core.dtypes import Array

Run = Callable[..., "Array"]
Oracle = Callable[[int, float, Finish], float]

X = np.random.default_rng(0).integers(-128, 128, (2, 5, 6, 3)).astype(np.int8)


def window(at: tuple[int, ...], limits: tuple[int, int, int, int]) -> list[tuple[int, int]]:
    """Positions of a window of 2 x 3 with steps of 2 and 1, dilated by 1 and 2, from -1, -2."""
    top, bottom, left, right = limits
    rows = [at[1] * 2 - 1 + i for i in range(2)]
    columns = [at[2] - 2 + 2 * j for j in range(3)]
    return [(r, c) for r in rows for c in columns if top <= r < bottom and left <= c < right]


GEOMETRY = {"kernel": (2, 3), "strides": (2, 1), "dilations": (1, 2), "pads": (1, 2, 1, 0)}


def test_maximum(bench: Run, to_int8: ToInteger) -> None:
    got = bench(
        Pool,
        DType.INT8,
        (2, 3, 4, 3),
        source=X,
        kind=PoolKind.MAX,
        count_padding=True,
        source_zero=0,
        factor=1.0,
        finish=to_int8,
        **GEOMETRY,
    )
    for at in np.ndindex(*got.shape):
        seen = [int(X[at[0], r, c, at[3]]) for r, c in window(at, (0, 5, 0, 6))]
        assert got[at] == max(seen)


@pytest.mark.parametrize("count_padding", [False, True])
def test_average(bench: Run, oracle: Oracle, to_int8: ToInteger, count_padding: bool) -> None:
    got = bench(
        Pool,
        DType.INT8,
        (2, 3, 4, 3),
        source=X,
        kind=PoolKind.AVERAGE,
        count_padding=count_padding,
        source_zero=4,
        factor=float(np.float32(0.7)),
        finish=to_int8,
        **GEOMETRY,
    )
    for at in np.ndindex(*got.shape):
        seen = [int(X[at[0], r, c, at[3]]) - 4 for r, c in window(at, (0, 5, 0, 6))]
        # With padding the rows from -1 to 5 and the columns from -2 to 5 count.
        counted = window(at, (-1, 6, -2, 6)) if count_padding else seen
        factor = np.float32(0.7) / np.float32(len(counted))
        assert got[at] == oracle(sum(seen), float(factor), to_int8)


def test_exact_average_divides_by_nothing(bench: Run, to_int8: ToInteger) -> None:
    # (1 + 2 + 3 + 4) * 0.25 = 2.5, and (-1 - 2 - 3 - 4) * 0.25 = -2.5: ties to even.
    source = np.array([[1, -1], [2, -2], [3, -3], [4, -4]], np.int8).reshape(1, 2, 2, 2)
    got = bench(
        Pool,
        DType.INT8,
        (1, 1, 1, 2),
        source=source,
        kind=PoolKind.AVERAGE,
        kernel=(2, 2),
        strides=(1, 1),
        dilations=(1, 1),
        pads=(0, 0, 0, 0),
        count_padding=False,
        source_zero=0,
        factor=0.25,
        finish=replace(to_int8, exact=True),
    )
    assert got.ravel().tolist() == [2, -2]


def resize(bench: Run, how: ToInteger, *, widths_first: bool, high: int = 2) -> Array:
    return bench(
        Blend,
        DType.INT8,
        (1, 3, 2, 1),
        source=np.array([[10, 20, 40], [50, 70, 127], [-100, 0, 60]], np.int8).reshape(1, 3, 3, 1),
        row_low=np.array([0, 1, 0], np.int32),
        row_high=np.array([1, high, 2], np.int32),
        row_weights=np.array([0.5, 0.25, 1 / 3], np.float32),
        column_low=np.array([0, 1], np.int32),
        column_high=np.array([1, 2], np.int32),
        column_weights=np.array([0.5, 0.7], np.float32),
        widths_first=widths_first,
        source_zero=10,
        factor=0.5,
        finish=how,
    )


@pytest.mark.parametrize("widths_first", [False, True])
def test_linear_resize(bench: Run, to_int8: ToInteger, widths_first: bool) -> None:
    got = resize(bench, to_int8, widths_first=widths_first)
    # Without the zero point: rows 0, 10, 30; 40, 60, 117; -110, -10, 50.
    # [0, 0]: rows 0 and 1 at 1/2 -> 20, 35; columns at 1/2 -> 27.5; half of it 13.75.
    # [1, 0]: rows 1 and 2 at 1/4 -> 2.5, 42.5; columns -> 22.5; 11.25.
    # [2, 0]: rows 0 and 2 at 1/3 -> -36.67, 3.33; columns -> -16.67; -8.33.
    # [0, 1]: columns 1 and 2 at 0.7: 35, 73.5 -> 61.95; 30.975.
    # [1, 1]: 42.5, 100.25 -> 82.925; 41.46. [2, 1]: 3.33, 36.67 -> 26.67; 13.33.
    assert got.reshape(3, 2).tolist() == [[14, 31], [11, 41], [-8, 13]]


def test_axes_are_resized_in_their_order(bench: Run, to_int8: ToInteger) -> None:
    # Float32 products differ by their order: 1/3 and 0.7 of large steps of a fine grid.
    how = replace(to_int8, low=-(2**31), high=2**31 - 1)
    first, second = (
        bench(
            Blend,
            DType.INT32,
            (1, 1, 1, 64),
            source=np.random.default_rng(0).integers(-(2**15), 2**15, (1, 2, 2, 64), np.int16),
            row_low=np.array([0], np.int32),
            row_high=np.array([1], np.int32),
            row_weights=np.array([1 / 3], np.float32),
            column_low=np.array([0], np.int32),
            column_high=np.array([1], np.int32),
            column_weights=np.array([0.7], np.float32),
            widths_first=widths,
            source_zero=0,
            factor=float(2**12),
            finish=how,
        )
        for widths in (False, True)
    )
    x = np.random.default_rng(0).integers(-(2**15), 2**15, (1, 2, 2, 64), np.int16)
    w = np.array([1 / 3, 0.7], np.float32)
    u = np.float32(1) - w
    f = x.astype(np.float32)[0]
    rows = f[0] * u[0] + f[1] * w[0]
    columns = f[:, 0] * u[1] + f[:, 1] * w[1]
    scale = np.float32(2**12)
    rows_first = [round(Fraction(float(v))) for v in (rows[0] * u[1] + rows[1] * w[1]) * scale]
    columns_first = [
        round(Fraction(float(v))) for v in (columns[0] * u[0] + columns[1] * w[0]) * scale
    ]
    assert rows_first != columns_first
    assert (first.ravel().tolist(), second.ravel().tolist()) == (rows_first, columns_first)


def test_a_position_outside_is_refused(bench: Run, to_int8: ToInteger) -> None:
    with pytest.raises(CompileError, match="position is outside"):
        resize(bench, to_int8, widths_first=False, high=3)
