"""Normalize (docs/numerics.md, 8.2)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.program.interpreter.context import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.interpreter.context import Context, Run
    from toolchain.program.records import Normalize

_INT64_MAX = 2**63 - 1


def prepare_normalize(op: Normalize, context: Context) -> Run:
    """Runs of elements, by their mean and variance or by their mean square."""
    shape = context.shape(op.inputs[0])
    if op.length < 1 or prod(shape) % op.length:
        raise invalid(op, f"The length does not divide the elements of {shape}", op.length)
    largest = context.magnitude(op, op.inputs[0], op.x_zero_point)
    if (op.length * largest) ** 2 > _INT64_MAX:
        raise invalid(op, "The variance can exceed int64", op.length)
    if op.epsilon < 0:
        raise invalid(op, "epsilon is negative", op.epsilon)
    gain = _parameter(op, op.gain, context)
    offset = None if op.offset is None else _parameter(op, op.offset, context)
    grid, dtype = context.grid(op, op.zero_point), context.tensor(op.outputs[0]).dtype

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        centred = np.subtract(inputs[0], op.x_zero_point, dtype=np.int64)
        deviation, inverse = _deviation(centred.reshape(-1, op.length), op)
        real = (deviation.astype(np.float32) * inverse).reshape(shape) * gain
        if offset is not None:
            real = real + offset
        return (context.kernels.saturate(real, grid, dtype),)

    return run


def _parameter(op: Normalize, name: str, context: Context) -> Array:
    constant = context.constant(op, name, np.float32)
    shape = context.shape(op.inputs[0])
    if np.broadcast_shapes(constant.shape, shape) != shape:
        raise invalid(op, f"Constant {name!r} does not broadcast against {shape}", constant.shape)
    return constant


def _deviation(
    values: NDArray[np.int64], op: Normalize
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """`length` times what each element (runs, length) is off, and its factor (runs, 1)."""
    squares = np.sum(values * values, axis=1, keepdims=True)
    total = np.sum(values, axis=1, keepdims=True) if op.centred else np.zeros_like(squares)
    variance = op.length * squares - total * total
    root = np.sqrt(variance.astype(np.float64) + op.epsilon)
    # Equal elements are not off at all; 1 in place of their variance avoids a division by 0.
    inverse = np.where(variance == 0, 0.0, 1.0 / np.where(variance == 0, 1.0, root))
    return op.length * values - total, inverse.astype(np.float32)
