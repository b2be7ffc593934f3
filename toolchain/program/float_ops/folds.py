"""Sums and extrema in a stated order, the only ones that float operators use.

A sum over elements is a chain of float32 additions from the first element to the last, so that any
implementation that keeps the order gives the same bits. numpy's `sum` and matrix products do not
keep it (pairwise and blocked summation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array


def reduced_last(values: Array, axes: tuple[int, ...]) -> Array:
    """`values` with `axes` (each >= 0) moved behind the others and flattened into one.

    Elements along the new last axis are in row-major order of the reduced axes, whatever the order
    in which `axes` names them.
    """
    kept = [axis for axis in range(values.ndim) if axis not in axes]
    moved = values.transpose(*kept, *sorted(axes))
    return moved.reshape(*moved.shape[: len(kept)], -1) if axes else moved[..., np.newaxis]


def ordered_sum(values: Array) -> Array:
    """Sum along the last axis, ((0 + v0) + v1) + ..., in the type of `values`."""
    return _chain(np.add, 0, values)


def ordered_product(values: Array) -> Array:
    """Product along the last axis, ((1 * v0) * v1) * ..., in the type of `values`."""
    return _chain(np.multiply, 1, values)


def _chain(function: np.ufunc, start: int, values: Array) -> Array:
    begin = np.full((*values.shape[:-1], 1), start, values.dtype)
    # `accumulate` keeps every partial result and therefore cannot reorder.
    steps = function.accumulate(np.concatenate([begin, values], axis=-1), axis=-1)
    return np.asarray(steps[..., -1], values.dtype)


def ordered_mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """`ordered_sum` divided by float32(count)."""
    return np.asarray(ordered_sum(values) / np.float32(values.shape[-1]), np.float32)


def first_largest(values: Array) -> NDArray[np.int64]:
    """Index of the largest element along the last axis: the first of equals, the first NaN."""
    return np.asarray(np.argmax(values, axis=-1), np.int64)


def first_smallest(values: Array) -> NDArray[np.int64]:
    """Index of the smallest element along the last axis: the first of equals, the first NaN."""
    return np.asarray(np.argmin(values, axis=-1), np.int64)


def pick(values: Array, index: NDArray[Any]) -> Array:
    """The element at `index` along the last axis."""
    return np.take_along_axis(values, index[..., np.newaxis], axis=-1)[..., 0]


def larger(a: Array, b: Array) -> Array:
    """Element-wise: b where b > a or b is NaN, else a (so of equal zeros the first stays)."""
    return np.where((b > a) | (b != b), b, a)  # noqa: PLR0124 - NaN differs from itself


def smaller(a: Array, b: Array) -> Array:
    """Element-wise: b where b < a or b is NaN, else a (so of equal zeros the first stays)."""
    return np.where((b < a) | (b != b), b, a)  # noqa: PLR0124 - NaN differs from itself
