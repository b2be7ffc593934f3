"""Loops compiled by numba: the bits of `kernels.ArrayKernels` without its intermediate arrays.

Every float operation is one IEEE 754 float32 operation: no fast-math, no contraction, no
reordering. Sums are int32; that they fit is proved when an operation is prepared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.interpreter.saturation import Saturation
    from toolchain.program.interpreter.window import DirectConv

    Function = TypeVar("Function", bound=Callable[..., Any])


def _compiled(function: Function) -> Function:
    """Compile at the first call, keep the result on disk where a folder can be written."""
    try:
        result = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba found no folder for its cache: compile in every process
        result = numba.njit(nogil=True)(function)
    return cast("Function", result)


@_compiled
def _rounded(value: Any, mode: int) -> Any:
    """Apply `numerics.rounding.round_to_integer` to one float32 value."""
    if mode == 0:
        return np.rint(value)
    magnitude = value if mode == 1 else np.abs(value)
    below = np.floor(magnitude)
    result = below + np.float32(magnitude - below >= np.float32(0.5))
    return result if mode == 1 else np.copysign(result, value)


@_compiled
def _saturate(real: NDArray[np.float32], grid: Saturation, out: Array) -> None:
    """Real values (n,) to integers (n,) of at most 16 bits.

    Clamped before the zero point is added: bounds minus zero point are exact in float32.
    """
    low, high = np.float32(grid.low - grid.zero_point), np.float32(grid.high - grid.zero_point)
    zero_point = np.int32(grid.zero_point)
    for i in range(real.size):
        steps = min(max(_rounded(real[i], grid.rounding), low), high)
        out[i] = np.int32(steps) + zero_point


@_compiled
def _requantize(
    total: Array, bias: np.int32, factor: np.float32, grid: Saturation, out: Array
) -> None:
    """Accumulators (n,) of one channel to integers (n,)."""
    low, high = np.float32(grid.low - grid.zero_point), np.float32(grid.high - grid.zero_point)
    zero_point = np.int32(grid.zero_point)
    for i in range(total.size):
        real = np.float32(np.int32(np.int32(total[i]) + bias)) * factor
        steps = min(max(_rounded(real, grid.rounding), low), high)
        out[i] = np.int32(steps) + zero_point


@_compiled
def saturate(real: NDArray[np.float32], grid: Saturation, out: Array) -> None:
    """Flat float32 values to integers of at most 16 bits."""
    _saturate(real, grid, out)


@_compiled
def requantize_rows(
    accumulators: Array,
    bias: NDArray[np.int32],
    factor: NDArray[np.float32],
    grid: Saturation,
    out: Array,
) -> None:
    """Accumulators (outer, channels, inner), one bias and factor per channel."""
    for n in range(accumulators.shape[0]):
        for m in range(accumulators.shape[1]):
            _requantize(accumulators[n, m], bias[m], factor[m], grid, out[n, m])


@_compiled
def _shifted(value: Any, shift: Any, mode: int) -> Any:
    """Apply `numerics.fixed_point.shift_right` to one int64 value."""
    if shift <= 0:
        return value << -shift
    floor = value >> shift
    rest = value - (floor << shift)
    half = np.int64(1) << (shift - 1)
    tie = mode == 1 or (mode == 0 and floor & 1 == 1) or (mode == 2 and value >= 0)
    return floor + np.int64(rest > half or (rest == half and tie))


@_compiled
def _shift_saturate(
    totals: Array, bias: Any, multiplier: tuple[Any, Any], grid: Saturation, out: Array
) -> None:
    """Exact totals (n,) of one channel to integers (n,)."""
    significand, shift = multiplier
    for i in range(totals.size):
        steps = _shifted((np.int64(totals[i]) + bias) * significand, shift, grid.rounding)
        out[i] = min(max(steps + grid.zero_point, grid.low), grid.high)


@_compiled
def requantize_exact(
    totals: NDArray[np.int64],
    significand: NDArray[np.int64],
    shift: NDArray[np.int64],
    grid: Saturation,
    out: Array,
) -> None:
    """Totals (outer, channels, inner), one multiplier per channel."""
    for n in range(totals.shape[0]):
        for m in range(totals.shape[1]):
            _shift_saturate(totals[n, m], np.int64(0), (significand[m], shift[m]), grid, out[n, m])


@_compiled
def requantize_columns(
    accumulators: Array,
    bias: NDArray[np.int32],
    factor: NDArray[np.float32],
    grid: Saturation,
    out: Array,
) -> None:
    """Accumulators (outer, channels), one bias and factor per channel."""
    real = np.empty(accumulators.shape[1], np.float32)
    for n in range(accumulators.shape[0]):
        for m in range(real.size):
            real[m] = np.float32(np.int32(np.int32(accumulators[n, m]) + bias[m])) * factor[m]
        _saturate(real, grid, out[n])


@_compiled
def look_up(values: Array, first: int, table: Array, out: Array) -> None:
    """Flat table[values - first]."""
    for i in range(values.size):
        out[i] = table[np.intp(values[i]) - first]


@_compiled
def _spread(plane: Array, conv: DirectConv, out: NDArray[np.int32]) -> None:
    """One channel (h, w) minus its zero point into `out` (phases, phases, rows, columns).

    Row h lies, padding included, at [(h + top) % stride, ..., (h + top) // stride, ...], columns
    alike: neighbours in the output read neighbours here, whatever the stride. The rest stays 0.
    """
    zero_point = np.int32(conv.zero_point)
    step_h, step_w = conv.strides
    top, left = conv.pads
    rows = min(plane.shape[0], out.shape[2] * step_h - top)
    for phase in range(step_w):
        first = (phase - left) % step_w
        column = (first + left) // step_w
        count = min(out.shape[3] - column, (plane.shape[1] - first + step_w - 1) // step_w)
        for h in range(rows):
            source = plane[h, first:]
            target = out[(h + top) % step_h, phase, (h + top) // step_h, column:]
            for i in range(count):
                target[i] = np.int32(np.int32(source[i * step_w]) - zero_point)


@_compiled
def convolve(
    rows: tuple[int, int], x: Array, conv: DirectConv, grid: Saturation, out: Array
) -> None:
    """Rows [begin, end) of `out` (n, m, oh, ow), row = n * m_count + m, from x (n, c, h, w)."""
    channels, per_group, depth = out.shape[1], out.shape[1] // conv.groups, conv.weight.shape[1]
    planes = np.zeros((depth, *conv.strides, *conv.extent), np.int32)
    taps = planes.reshape(depth, -1)
    totals = np.empty((out.shape[2], conv.extent[1]), np.int32)
    total = totals.reshape(-1)[: totals.size - conv.extent[1] + out.shape[3]]
    for row in range(rows[0], rows[1]):
        n, m = row // channels, row % channels
        if row == rows[0] or m % per_group == 0:
            for c in range(depth):
                _spread(x[n, (m // per_group) * depth + c], conv, planes[c])
        total[:] = 0
        for c in range(depth):
            for tap in range(conv.offsets.size):
                _accumulate(conv.weight[m, c, tap], taps[c, conv.offsets[tap] :], total)
        for line in range(out.shape[2]):
            _finish(totals[line, : out.shape[3]], conv, m, grid, out[n, m, line])


@_compiled
def _accumulate(weight: np.int32, values: NDArray[np.int32], total: NDArray[np.int32]) -> None:
    """Add weight * values over the length of `total`."""
    for i in range(total.size):
        total[i] += weight * values[i]


@_compiled
def _finish(total: Array, conv: DirectConv, channel: int, grid: Saturation, out: Array) -> None:
    """One line of products to one line of the output."""
    if conv.significand.size:
        multiplier = (conv.significand[channel], conv.shift[channel])
        _shift_saturate(total, np.int64(conv.bias[channel]), multiplier, grid, out)
    elif conv.factor.size:
        _requantize(total, conv.bias[channel], conv.factor[channel], grid, out)
    else:
        out[:] = total + conv.bias[channel]
