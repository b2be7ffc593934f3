"""Resize (docs/numerics.md, 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.program.interpreter.context import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.interpreter.context import Context, Run
    from toolchain.program.records import Resize


def prepare_resize(op: Resize, context: Context) -> Run:
    """Gather (nearest) or interpolation (linear), one axis after the other."""
    x_shape, y_shape = context.shape(op.inputs[0]), context.tensor(op.outputs[0]).shape
    linear = bool(op.weights)
    counts = {len(op.axes), len(op.low), *((len(op.high), len(op.weights)) if linear else ())}
    if len(counts) != 1 or len(x_shape) != len(y_shape):
        raise invalid(op, "Every axis needs its positions and, for linear, its weights")
    if not all(0 <= axis < len(x_shape) for axis in op.axes):
        raise invalid(op, "An axis lies outside the tensor", op.axes)
    extents = [(x_shape[axis], y_shape[axis]) for axis in op.axes]
    low = [_positions(op, n, e, context) for n, e in zip(op.low, extents, strict=True)]
    if not linear:
        return _nearest(op, low)
    high = [_positions(op, n, e, context) for n, e in zip(op.high, extents, strict=True)]
    weights = [
        context.constant(op, name, np.float32, (length,))
        for name, (_, length) in zip(op.weights, extents, strict=True)
    ]
    return _linear(op, context, low, high, weights)


def _positions(
    op: Resize, name: str, extent: tuple[int, int], context: Context
) -> NDArray[np.intp]:
    positions = context.constant(op, name, np.int32, (extent[1],))
    if positions.size and not 0 <= positions.min() <= positions.max() < extent[0]:
        raise invalid(op, f"Positions {name!r} lie outside the input")
    return positions.astype(np.intp)


def _nearest(op: Resize, low: list[NDArray[np.intp]]) -> Run:
    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        x = inputs[0]
        for axis, positions in zip(op.axes, low, strict=True):
            x = np.take(x, positions, axis)
        return (x,)

    return run


def _linear(
    op: Resize,
    context: Context,
    low: list[NDArray[np.intp]],
    high: list[NDArray[np.intp]],
    weights: list[Array],
) -> Run:
    context.integers(op, op.inputs[0])
    grid = context.grid(op, op.zero_point)
    dtype = context.tensor(op.outputs[0]).dtype
    one, rank = np.float32(1), len(context.shape(op.inputs[0]))

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        value = np.subtract(inputs[0], np.float32(op.x_zero_point), dtype=np.float32)
        for axis, below, above, weight in zip(op.axes, low, high, weights, strict=True):
            share = weight.reshape([-1 if other == axis else 1 for other in range(rank)])
            lower = np.take(value, below, axis) * (one - share)
            value = lower + np.take(value, above, axis) * share
        return (context.kernels.saturate(value * np.float32(op.factor), grid, dtype),)

    return run
