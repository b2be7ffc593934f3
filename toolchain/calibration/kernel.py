"""The compiled observer: one pass over every tensor of one forward run.

`toolchain.calibration.fallback` computes the same results, bit for bit, in numpy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from toolchain.calibration.statistics import NEGATIVE_ZERO

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.calibration.statistics import Tables

_SIGN = np.uint32(0x80000000)
_INFINITE = np.uint32(0x7F800000)
_MANTISSA = np.uint32(23)
_SHIFT = np.uint32(16)


def _compiled(function: Callable[..., Any], *, reordered: bool = False) -> Callable[..., Any]:
    """Compile on first use, and keep the code on disk where there is a folder to write to.

    `reordered` allows additions of floats in any order, where the result does not depend on it.
    """
    fastmath = {"reassoc"} if reordered else False
    try:
        compiled: Callable[..., Any] = njit(nogil=True, cache=True, fastmath=fastmath)(function)
    except RuntimeError:
        compiled = njit(nogil=True, fastmath=fastmath)(function)
    return compiled


_reordered = partial(_compiled, reordered=True)


def observe(
    arena: NDArray[np.float32], first: int, tables: Tables, sums: NDArray[np.float64]
) -> int:
    """Add the tensors in `arena` to `tables` and their channel sums to `sums`.

    Args:
        arena: float32 (elements,), the tensors at the offsets of `tables.layout`.
        first: Number of the first sample in the arena, which says where thinning starts.
        tables: What was seen so far; updated.
        sums: float64 (channels of all tensors,); updated.

    Returns:
        Number of the first tensor with a NaN or an infinity, or -1.
    """
    return int(
        _tensors(
            arena, first, tables.layout, tables.bounds, tables.abs_max, sums, tables.histograms
        )
    )


@_compiled
def _tensors(  # type: ignore[no-untyped-def]
    arena, first, layout, bounds, abs_max, sums, histograms
):
    """Every row of `layout` is one tensor; see `toolchain.calibration.statistics.Slot.row`."""
    broken = -1
    bits = arena.view(np.uint32)
    signed = arena.view(np.int32)
    for tensor in range(layout.shape[0]):
        row = layout[tensor]
        offset, outer, channels, inner = row[0], row[1], row[2], row[3]
        stride, per_sample, channel = row[4], row[5], row[6]
        largest = np.uint32(0)
        position = offset + (-first * per_sample) % stride
        doublings = 2
        while 1 << doublings < inner:
            doublings += 1
        for index in range(outer * channels):
            low, high = offset + index * inner, offset + (index + 1) * inner
            slot = channel + index % channels
            magnitude = _bounds(bits[low:high], signed[low:high], bounds[tensor])
            abs_max[slot] = max(abs_max[slot], magnitude)
            largest = max(largest, magnitude)
            sums[slot] += _row_sum(arena[low:high], _shift(magnitude, doublings))
            # Row by row, while the row is in the cache.
            position = _histogram(bits[:high], position, stride, histograms[tensor])
        histograms[tensor, 0] += histograms[tensor, NEGATIVE_ZERO]
        histograms[tensor, NEGATIVE_ZERO] = 0
        if largest >= _INFINITE and broken < 0:
            broken = tensor
    return broken


@_compiled
def _bounds(bits, signed, bounds):  # type: ignore[no-untyped-def]
    """Integer extremes of the patterns; returns the pattern of the largest magnitude.

    Three integer reductions vectorize where comparisons of floats, with their NaN, do not.
    """
    smallest, largest, most = np.uint32(0xFFFFFFFF), np.uint32(0), np.int32(-0x80000000)
    for index in range(bits.size):
        smallest = min(smallest, bits[index])
        largest = max(largest, bits[index])
        most = max(most, signed[index])
    bounds[0] = min(bounds[0], smallest)
    bounds[1] = max(bounds[1], largest)
    magnitude = largest & ~_SIGN if largest >= _SIGN else np.uint32(0)
    if most >= 0:
        bounds[2] = max(bounds[2], np.uint32(most) + _SIGN)
        magnitude = max(magnitude, np.uint32(most))
    else:
        bounds[2] = max(bounds[2], np.uint32(most & 0x7FFFFFFF))
    return magnitude


@_compiled
def _shift(magnitude, doublings):  # type: ignore[no-untyped-def]
    """See `toolchain.calibration.statistics.grid_shift`."""
    return math.ldexp(1.5, np.int64(magnitude >> _MANTISSA) - 127 + doublings)


@_compiled
def _summand(value, shift):  # type: ignore[no-untyped-def]
    """`value`, rounded to the grid that adding `shift` leaves."""
    return (np.float64(value) + shift) - shift


@_reordered
def _row_sum(row, shift):  # type: ignore[no-untyped-def]
    """Sum of the elements on their grid; it is exact, so its order is free and it vectorizes."""
    total = 0.0
    for index in range(row.size):
        total += _summand(row[index], shift)
    return total


@_compiled
def _histogram(bits, start, stride, histogram):  # type: ignore[no-untyped-def]
    """Count every `stride`-th element from `start` to the end; returns where to go on behind it."""
    index = start
    while index < bits.size:
        histogram[bits[index] >> _SHIFT] += 1
        index += stride
    return index
