"""Interpolate (docs/numerics.md, 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from toolchain.program.interpreter.context import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.interpreter.context import Context, Run
    from toolchain.program.records import Interpolate


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """One axis: positions and weights (taps, extent); weights broadcast over the axes behind."""

    number: int
    positions: NDArray[np.intp]
    weights: Array

    def resampled(self, values: Array) -> Array:
        """Weighted sums along the axis, added from the first tap on."""
        total: Array | None = None
        for index, weight in zip(self.positions, self.weights, strict=True):
            term = np.take(values, index, self.number) * weight
            total = term if total is None else total + term
        return np.asarray(total)


def prepare_interpolate(op: Interpolate, context: Context) -> Run:
    """Weighted sums, one axis after the other."""
    context.integers(op, op.inputs[0])
    result = context.tensor(op.outputs[0])
    grid = context.grid(op, op.zero_point)
    if not grid.low <= op.fill <= grid.high:
        raise invalid(op, f"The fill lies outside {result.dtype}", op.fill)
    axes = [_axis(op, number, context) for number in range(len(op.axes))]
    outside = _outside(op, context)
    fill = result.dtype.numpy.type(op.fill)

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        value = np.subtract(inputs[0], np.float32(op.x_zero_point), dtype=np.float32)
        for axis in axes:
            value = axis.resampled(value)
        y = context.kernels.saturate(value * np.float32(op.factor), grid, result.dtype)
        return (y if outside is None else np.where(outside, fill, y),)

    return run


def _axis(op: Interpolate, number: int, context: Context) -> _Axis:
    shape, result = context.shape(op.inputs[0]), context.tensor(op.outputs[0]).shape
    counts = {len(op.axes), len(op.positions), len(op.weights)}
    if len(counts) != 1 or len(shape) != len(result) or not 0 <= op.axes[number] < len(shape):
        raise invalid(op, "Every axis of the tensor needs its positions and weights", op.axes)
    axis = op.axes[number]
    positions = context.constant(op, op.positions[number], np.int32)
    weights = context.constant(op, op.weights[number], np.float32, positions.shape)
    if positions.ndim != 2 or positions.shape[1] != result[axis] or not positions.size:
        raise invalid(op, "Positions must be (taps, extent of the result)", positions.shape)
    if not 0 <= positions.min() <= positions.max() < shape[axis]:
        raise invalid(op, f"Positions {op.positions[number]!r} lie outside the input")
    return _Axis(
        number=axis,
        positions=positions.astype(np.intp),
        weights=weights.reshape(*weights.shape, *(1,) * (len(shape) - 1 - axis)),
    )


def _outside(op: Interpolate, context: Context) -> NDArray[np.bool_] | None:
    """Which elements of the result get the fill, to broadcast; None where there are none."""
    if not op.outside:
        return None
    if len(op.outside) != len(op.axes):
        raise invalid(op, "Every axis needs to say what lies outside", op.outside)
    shape = context.tensor(op.outputs[0]).shape
    found = np.zeros((1,) * len(shape), np.bool_)
    for axis, name in zip(op.axes, op.outside, strict=True):
        flags = context.constant(op, name, np.uint8, (shape[axis],)) != 0
        found = found | flags.reshape(-1, *(1,) * (len(shape) - 1 - axis))
    return found
