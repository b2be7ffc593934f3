"""Reduce and ArgExtreme (docs/numerics.md, 7)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.program.interpreter.context import invalid
from toolchain.program.records import ReduceKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolchain.core.dtypes import Array
    from toolchain.program.interpreter.context import Context, Run
    from toolchain.program.records import ArgExtreme, Reduce


def prepare_reduce(op: Reduce, context: Context) -> Run:
    """Sum, largest or smallest of the elements along some axes."""
    shape, result = context.shape(op.inputs[0]), context.tensor(op.outputs[0])
    rank = len(shape)
    if len(set(op.axes)) != len(op.axes) or not all(0 <= axis < rank for axis in op.axes):
        raise invalid(op, f"Axes must be different ones of {rank}", op.axes)
    context.integers(op, op.inputs[0])
    if op.kind is not ReduceKind.SUM:
        largest = op.kind is ReduceKind.MAX
        pick = np.max if largest else np.min
        return lambda inputs: (pick(inputs[0], axis=op.axes).reshape(result.shape),)
    grid = context.grid(op, op.zero_point)
    offset = op.x_zero_point * prod(shape[axis] for axis in op.axes)
    factor = np.float32(op.factor)

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        total = np.sum(inputs[0], axis=op.axes, dtype=np.int64) - offset
        real = np.asarray(total.astype(np.float32) * factor).reshape(result.shape)
        return (context.kernels.saturate(real, grid, result.dtype),)

    return run


def prepare_arg_extreme(op: ArgExtreme, context: Context) -> Run:
    """Position of the largest or smallest integer."""
    shape, result = context.shape(op.inputs[0]), context.tensor(op.outputs[0])
    if not 0 <= op.axis < len(shape):
        raise invalid(op, "The axis lies outside the tensor", op.axis)
    context.integers(op, op.inputs[0])
    find = np.argmin if op.smallest else np.argmax

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        if not op.last:
            return (find(inputs[0], axis=op.axis).reshape(result.shape),)
        backwards = find(np.flip(inputs[0], op.axis), axis=op.axis)
        return ((shape[op.axis] - 1 - backwards).reshape(result.shape),)

    return run
