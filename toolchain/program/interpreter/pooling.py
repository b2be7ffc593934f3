"""Pool (docs/numerics.md, 7)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.program.interpreter.context import invalid
from toolchain.program.interpreter.scaling import prepare_scaling
from toolchain.program.interpreter.window import Window
from toolchain.program.records import PoolKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.interpreter.context import Context, Run
    from toolchain.program.records import Pool


def prepare_pool(op: Pool, context: Context) -> Run:
    """Largest or mean element of every window."""
    x_shape, y_shape = context.shape(op.inputs[0]), context.tensor(op.outputs[0]).shape
    window = Window(
        kernel=op.kernel,
        strides=op.strides,
        dilations=op.dilations,
        pads=op.pads,
        output=y_shape[2:],
    )
    if len(x_shape) < 3 or x_shape[:2] != y_shape[:2]:
        raise invalid(op, "Batch or channels do not fit", f"x {x_shape}, y {y_shape}")
    problem = window.problem(x_shape[2:])
    if problem is not None:
        raise invalid(op, f"The window is impossible: {problem}")
    if op.kind is PoolKind.MAX:
        return _prepare_max(op, window, context)
    return _prepare_average(op, window, context)


def _prepare_max(op: Pool, window: Window, context: Context) -> Run:
    smallest = context.integers(op, op.inputs[0]).qmin

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        x = inputs[0]
        if _covers_all(window, x.shape[2:]):
            return (np.max(x.reshape(*x.shape[:2], -1), axis=2).reshape(*x.shape[:2], *_ones(x)),)
        result = np.full((*x.shape[:2], *window.output), smallest, x.dtype)
        for tap in window.taps(window.padded(x, smallest)):
            np.maximum(result, tap, out=result)
        return (result,)

    return run


def _prepare_average(op: Pool, window: Window, context: Context) -> Run:
    largest = context.magnitude(op, op.inputs[0], op.x_zero_point)
    taps = prod(window.kernel)
    # A sum of elements, not of products: int32 is wide enough for any type of 16 bits.
    context.require_accumulator(op, taps * largest)
    counts = _counts(window, context.shape(op.inputs[0])[2:], op.count_include_pad)
    if counts.min() < 1:
        raise invalid(op, "A window holds no element")
    if context.program.exact and counts.min() != counts.max():
        raise invalid(op, "Exact requantization needs windows of one count", counts.min())
    factor = np.float32(op.factor) / counts.astype(np.float32)
    grid = context.grid(op, op.zero_point, (op.low, op.high))
    scale = op.factor if context.program.exact else factor
    finish = prepare_scaling(op, context, grid, scale, taps * largest)

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        # Padding is x_zero_point, so that it drops out with the zero points of the elements.
        total = _sums(window, inputs[0], op.x_zero_point) - np.int32(taps * op.x_zero_point)
        return (finish(total),)

    return run


def _sums(window: Window, x: Array, fill: int) -> NDArray[np.int32]:
    """Exact sum over every window (n, c, output...)."""
    if _covers_all(window, x.shape[2:]):
        flat = x.reshape(*x.shape[:2], -1)
        return np.sum(flat, axis=2, dtype=np.int32).reshape(*x.shape[:2], *_ones(x))
    total = np.zeros((*x.shape[:2], *window.output), np.int32)
    for tap in window.taps(window.padded(x, fill)):
        total += tap
    return total


def _covers_all(window: Window, extent: tuple[int, ...]) -> bool:
    """True for global pooling: one position that is the whole input."""
    single = prod(window.output) == 1 and not any(window.pads)
    return single and window.kernel == extent and set(window.dilations) == {1}


def _ones(x: Array) -> tuple[int, ...]:
    return (1,) * (x.ndim - 2)


def _counts(window: Window, extent: tuple[int, ...], include_pad: bool) -> NDArray[np.int64]:
    """Elements of every window inside the input, or inside the input and its padding: (output).

    A window's count is the product of those along its axes, each of which is counted by itself.
    """
    rank = len(extent)
    counts = np.ones((1,) * rank, np.int64)
    for axis, size in enumerate(extent):
        begin, end = window.pads[axis], window.pads[rank + axis]
        first, last = (-begin, size + end) if include_pad else (0, size)
        step, kernel = window.dilations[axis], window.kernel[axis]
        corner = np.arange(window.output[axis], dtype=np.int64) * window.strides[axis] - begin
        # Kernel elements before the first position inside, and before the first behind it.
        before = np.clip(-((corner - first) // step), 0, kernel)
        behind = np.clip(-((corner - last) // step), 0, kernel)
        counts = counts * (behind - before).reshape(-1, *(1,) * (rank - 1 - axis))
    return counts
