"""The observer in numpy: results equal to `toolchain.calibration.kernel`, bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.calibration.statistics import BINS, NEGATIVE_ZERO, grid_shift

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.calibration.statistics import Tables

_SIGN = np.uint32(0x80000000)
_INFINITE = np.uint32(0x7F800000)


def observe(
    arena: NDArray[np.float32], first: int, tables: Tables, sums: NDArray[np.float64]
) -> int:
    """Add the tensors in `arena` to `tables`; arguments and result as in the compiled kernel."""
    broken = -1
    for tensor, row in enumerate(tables.layout.tolist()):
        offset, outer, channels, inner, stride, per_sample, channel = row
        flat = arena[offset : offset + outer * channels * inner]
        bits = flat.view(np.uint32)
        slots = slice(channel, channel + channels)
        _bounds(bits, tables.bounds[tensor])
        magnitudes = (bits & ~_SIGN).reshape(-1, inner).max(axis=1)
        for part in magnitudes.reshape(outer, channels):
            np.maximum(tables.abs_max[slots], part, out=tables.abs_max[slots])
        for part in _row_sums(flat.reshape(-1, inner), magnitudes).reshape(outer, channels):
            sums[slots] += part
        counted = bits[(-first * per_sample) % stride :: stride] >> np.uint32(16)
        histogram = tables.histograms[tensor]
        histogram += np.bincount(counted, minlength=BINS)
        histogram[0] += histogram[NEGATIVE_ZERO]
        histogram[NEGATIVE_ZERO] = 0
        if broken < 0 and magnitudes.max() >= _INFINITE:
            broken = tensor
    return broken


def _bounds(bits: NDArray[np.uint32], bounds: NDArray[np.uint32]) -> None:
    bounds[0] = min(bounds[0], bits.min())
    bounds[1] = max(bounds[1], bits.max())
    bounds[2] = max(bounds[2], (bits ^ _SIGN).max())


def _row_sums(rows: NDArray[np.float32], largest: NDArray[np.uint32]) -> NDArray[np.float64]:
    """One sum per row, exact on the grid that the row's largest magnitude leaves."""
    shifts = np.array([grid_shift(pattern, rows.shape[1]) for pattern in largest.tolist()])
    sums: NDArray[np.float64] = np.sum((rows + shifts[:, None]) - shifts[:, None], axis=1)
    return sums
