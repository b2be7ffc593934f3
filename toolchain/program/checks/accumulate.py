"""Operations that sum products: shapes, the bound of the sum, and how it leaves."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.program.checks.windows import check_window, positions
from toolchain.program.records import Requantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.program.checks.facts import Facts
    from toolchain.program.records import (
        BlockedConv,
        BlockedMatMul,
        Conv,
        ConvTranspose,
        Finish,
        MatMul,
    )

_MOST_GUARD_BITS = 16


def check_conv(op: Conv, facts: Facts) -> None:
    """Convolution whose output is what the window gives."""
    weight = _check_filters(op, facts, facts.shape(op.weight))
    largest = facts.magnitude(op.inputs[0], op.x_zero_point)
    sums = np.abs(_centred(facts, op.weight, op.weight_zero_point, 0)).sum(
        axis=tuple(range(1, len(weight)))
    )
    _check_finish(op.finish, op.bias, sums * largest, facts, op.weight)


def _check_filters(
    op: Conv | BlockedConv, facts: Facts, weight: tuple[int, ...]
) -> tuple[int, ...]:
    """Shapes of input, weight and output; returns that of the weight."""
    facts.arity(1)
    x, y = facts.x.shape, facts.y.shape
    _check_ranks(op.groups, weight, facts)
    facts.require(
        (x[0], weight[1] * op.groups, weight[0]) == (y[0], x[1], y[1]),
        "Batch or channels do not fit",
        f"x {x}, weight {weight}, y {y}, {op.groups} groups",
    )
    check_window(op, weight[2:], facts)
    facts.result((*y[:2], *positions(op, weight[2:], x[2:], facts)))
    return weight


def _check_ranks(groups: int, weight: tuple[int, ...], facts: Facts) -> None:
    """Ranks of input, weight and output; groups of the first axis of the weight."""
    x, y = facts.x.shape, facts.y.shape
    facts.require(
        len(x) == len(weight) == len(y) >= 3,
        "Input, weight and output must have one rank, at least 3",
        f"x {x}, weight {weight}, y {y}",
    )
    facts.require(min(weight) >= 1, "The weight is empty", weight)
    facts.require(
        groups >= 1 and weight[0] % groups == 0, "The groups do not divide the channels", groups
    )


def check_conv_transpose(op: ConvTranspose, facts: Facts) -> None:
    """Transposed convolution; the output may be cut short or go beyond by less than a stride."""
    facts.arity(1)
    x, weight, y = facts.x.shape, facts.shape(op.weight), facts.y.shape
    _check_ranks(op.groups, weight, facts)
    facts.require(
        (x[0], x[1], weight[1] * op.groups) == (y[0], weight[0], y[1]),
        "Batch or channels do not fit",
        f"x {x}, weight {weight}, y {y}, {op.groups} groups",
    )
    check_window(op, weight[2:], facts)
    rank = len(op.strides)
    whole = tuple(
        (size - 1) * s + (k - 1) * d + 1
        for size, s, k, d in zip(x[2:], op.strides, weight[2:], op.dilations, strict=True)
    )
    facts.elements((*y[:2], *whole), "The result before it is cut")
    for axis, (full, count) in enumerate(zip(whole, y[2:], strict=True)):
        begin, end = op.pads[axis], op.pads[rank + axis]
        most = max(op.strides[axis], op.dilations[axis]) - 1
        facts.require(
            0 <= count - (full - begin - end) <= most and begin < full,
            "The output's extent does not fit the window",
            y,
            f"{full - begin - end} to {full - begin - end + most} on axis {2 + axis}",
        )
    largest = facts.magnitude(op.inputs[0], op.x_zero_point)
    values = np.abs(_centred(facts, op.weight, op.weight_zero_point, 1))
    # Every output meets the input channels of its group, and each kernel element at most once.
    grouped = values.reshape(op.groups, -1, weight[1], values[0, 0].size)
    sums = grouped.sum(axis=(1, 3)).reshape(-1)
    _check_finish(op.finish, op.bias, sums * largest, facts, op.weight)


def check_matmul(op: MatMul, facts: Facts) -> None:
    """Product with a constant or of two activations, batch axes broadcast."""
    facts.arity(1 if op.b is not None else 2)
    second = op.inputs[1] if op.b is None else op.b
    if op.b is None:
        facts.tensor(second)
    a, b = facts.x.shape, facts.shape(second)
    _check_matrices(a, b, facts)
    largest = facts.magnitude(op.inputs[0], op.a_zero_point)
    if op.b is not None:
        sums = np.abs(_centred(facts, op.b, op.b_zero_point, -1)).sum(axis=-2)
        sums = sums.reshape(-1, b[-1]).max(axis=0)
    else:
        dtype = facts.integers(second)
        points = np.zeros(b[-1:], np.int64)
        if op.b_zero_point is not None:
            points = points + _points(facts, op.b_zero_point, dtype, b[-1])
        sums = np.maximum(points - dtype.qmin, dtype.qmax - points) * b[-2]
    _check_finish(op.finish, op.bias, sums * largest, facts, second)


def _check_matrices(a: tuple[int, ...], b: tuple[int, ...], facts: Facts) -> None:
    facts.require(
        len(a) >= 2 and len(b) >= 2 and a[-1] == b[-2] and min(b) >= 1,
        "The matrices do not fit",
        f"a {a}, b {b}",
    )
    y = facts.y.shape
    batch = y[:-2]
    rank = max(len(a), len(b)) - 2
    facts.require(
        len(y) == rank + 2 and y[-2:] == (a[-2], b[-1]),
        "The output does not fit the matrices",
        f"a {a}, b {b}, y {y}",
    )
    facts.broadcasts(a[:-2], batch, "The batch of the first matrix")
    facts.broadcasts(b[:-2], batch, "The batch of the second matrix")
    pairs = zip(
        (1,) * (rank + 2 - len(a)) + a[:-2], (1,) * (rank + 2 - len(b)) + b[:-2], strict=True
    )
    facts.result((*(max(pair) for pair in pairs), *y[-2:]))


def check_blocked_conv(op: BlockedConv, facts: Facts) -> None:
    """Convolution with a factor per output channel, block and kernel element."""
    weight = _check_filters(op, facts, facts.shape(op.weight))
    largest = facts.magnitude(op.inputs[0], op.x_zero_point)
    _check_blocks(op, facts, (op.weight, op.weight_zero_point), 1, weight[0], largest)


def check_blocked_matmul(op: BlockedMatMul, facts: Facts) -> None:
    """Product with a matrix that has a factor per block of rows and column."""
    facts.arity(1)
    b = facts.shape(op.b)
    _check_matrices(facts.x.shape, b, facts)
    largest = facts.magnitude(op.inputs[0], op.a_zero_point)
    _check_blocks(op, facts, (op.b, op.b_zero_point), len(b) - 2, b[-1], largest)


def _check_blocks(
    op: BlockedConv | BlockedMatMul,
    facts: Facts,
    weight: tuple[str, str | None],
    axis: int,
    channels: int,
    largest: int,
) -> None:
    """Blocks along `axis` of the weight (name, name of its zero points); `largest` input."""
    facts.require(op.block_size >= 1, "A block must hold a channel", op.block_size)
    dtype = facts.integers(weight[0])
    values = facts.program.constants[weight[0]].astype(np.int64)
    shape = list(values.shape)
    shape[axis] = ceil(shape[axis] / op.block_size)
    factor = facts.constant(op.finish.factor, DType.FLOAT32, tuple(shape))
    facts.require(bool((factor >= 0).all()), "A factor is negative", factor.min())
    if weight[1] is not None:
        points = facts.constant(weight[1], DType.INT32, tuple(shape)).astype(np.int64)
        _check_points(points, dtype, facts)
        values = values - points.take(np.arange(values.shape[axis]) // op.block_size, axis)
    rows = min(op.block_size, values.shape[axis])
    operands = (facts.dtype(facts.op.inputs[0]), dtype)
    facts.accumulator(int(np.abs(values).max()) * rows * largest, *operands)
    if op.bias is not None:
        facts.constant(op.bias, DType.FLOAT32, (channels,))
    facts.require(op.finish.guard_bits == 0, "Blocks have no guard bits", op.finish.guard_bits)
    if isinstance(op.finish, Requantize):
        facts.integers(facts.op.outputs[0])
    _check_destination(op.finish, facts)


def _centred(facts: Facts, name: str, zero_point: str | None, axis: int) -> NDArray[np.int64]:
    """A constant of narrow integers minus its zero points, () or one per index of `axis`."""
    dtype = facts.integers(name)
    values = facts.program.constants[name].astype(np.int64)
    if zero_point is None:
        return values
    points = _points(facts, zero_point, dtype, values.shape[axis])
    along = [1] * values.ndim
    along[axis] = -1
    return np.asarray(values - points.reshape(along if points.ndim else ()), np.int64)


def _points(facts: Facts, name: str, dtype: DType, channels: int) -> NDArray[np.int64]:
    points = facts.constant(name, DType.INT32, (), (channels,)).astype(np.int64)
    _check_points(points, dtype, facts)
    return np.asarray(points, np.int64)


def _check_points(points: NDArray[np.integer], dtype: DType, facts: Facts) -> None:
    facts.zero_point(dtype, int(points.min()))
    facts.zero_point(dtype, int(points.max()))


def _check_finish(
    finish: Finish, bias: str | None, products: NDArray[np.int64], facts: Facts, second: str
) -> None:
    """`products` (channels,) bound every channel's sum; with its bias it fits the accumulator."""
    channels, guard = products.size, finish.guard_bits
    biases = np.zeros(channels, np.int64)
    if bias is not None:
        biases = np.abs(facts.constant(bias, DType.INT32, (channels,)).astype(np.int64))
    facts.require(
        0 <= guard <= (_MOST_GUARD_BITS if facts.program.exact else 0),
        "Guard bits are for exact requantization, and few",
        guard,
    )
    total = int(np.max((biases >> guard) + products))
    facts.accumulator(total, facts.dtype(facts.op.inputs[0]), facts.dtype(second))
    factor = facts.constant(finish.factor, DType.FLOAT32, (), (channels,))
    facts.require(bool((factor >= 0).all()), "A factor is negative", factor.min())
    if facts.program.exact and isinstance(finish, Requantize):
        facts.multiplier(factor, (total + 1) << guard)
    _check_destination(finish, facts)


def _check_destination(finish: Finish, facts: Facts) -> None:
    if isinstance(finish, Requantize):
        facts.requantizes(finish.zero_point, (finish.low, finish.high))
    else:
        facts.result(facts.y.shape, DType.FLOAT32)
        facts.real(finish.low, "The lower bound")
        facts.real(finish.high, "The upper bound")
        facts.require(
            finish.low <= finish.high, "The bounds are crossed", (finish.low, finish.high)
        )
