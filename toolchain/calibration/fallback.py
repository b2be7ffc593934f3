"""The observer in numpy: results equal to `toolchain.calibration.kernel`, bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.calibration.statistics import Tables

_SIGN = np.uint32(0x80000000)
_INFINITE = np.uint32(0x7F800000)
_LANES = 128


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
        magnitudes = (bits & ~_SIGN).reshape(outer, channels, inner).max(axis=(0, 2))
        np.maximum(tables.abs_max[slots], magnitudes, out=tables.abs_max[slots])
        for part in _row_sums(flat.reshape(-1, inner)).reshape(outer, channels):
            sums[slots] += part
        counted = bits[(-first * per_sample) % stride :: stride] >> np.uint32(16)
        tables.histograms[tensor] += np.bincount(counted, minlength=1 << 16)
        if broken < 0 and magnitudes.max() >= _INFINITE:
            broken = tensor
    return broken


def _bounds(bits: NDArray[np.uint32], bounds: NDArray[np.uint32]) -> None:
    bounds[0] = min(bounds[0], bits.min())
    bounds[1] = max(bounds[1], bits.max())
    bounds[2] = max(bounds[2], (bits ^ _SIGN).max())


def _row_sums(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """One sum per row: whole blocks in 128 lanes, then the lanes and the rest in eight."""
    wide = rows.astype(np.float64)
    blocks = rows.shape[1] // _LANES
    if not blocks:
        return _sums_in_eight(wide)
    lanes = _add_in_order(wide[:, : blocks * _LANES].reshape(len(rows), blocks, _LANES))
    return _sums_in_eight(lanes) + _sums_in_eight(wide[:, blocks * _LANES :])


def _sums_in_eight(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    whole = rows.shape[1] // 8 * 8
    total = np.zeros(len(rows))
    if whole:
        lanes = _add_in_order(rows[:, :whole].reshape(len(rows), -1, 8))
        pairs = lanes[:, 0::2] + lanes[:, 1::2]
        fours = pairs[:, 0::2] + pairs[:, 1::2]
        total = fours[:, 0] + fours[:, 1]
    for column in rows[:, whole:].T:
        total = total + column
    return total


def _add_in_order(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum along axis 1, strictly one after the other, where `sum` chooses its own order."""
    result: NDArray[np.float64] = np.add.accumulate(blocks, axis=1)[:, -1]
    return result
