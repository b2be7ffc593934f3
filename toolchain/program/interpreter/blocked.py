"""BlockedConv and BlockedMatMul (docs/numerics.md, 5)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.program.interpreter.accumulator import centred_float, exact_float
from toolchain.program.interpreter.context import invalid
from toolchain.program.interpreter.window import Window
from toolchain.program.records import BlockedConv, BlockedMatMul, Requantize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array, DType
    from toolchain.program.interpreter.context import Context, Run
    from toolchain.program.interpreter.kernels import Kernels
    from toolchain.program.interpreter.saturation import Saturation


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finisher:
    """Makes the output of a float32 total; `grid` is None for a float output."""

    grid: Saturation | None
    clamp: tuple[np.float32, np.float32]
    dtype: DType
    kernels: Kernels

    def __call__(self, total: NDArray[np.float32]) -> Array:
        if self.grid is not None:
            return self.kernels.saturate(total, self.grid, self.dtype)
        clamped: Array = np.clip(total, *self.clamp)
        return clamped


def prepare_blocked_matmul(op: BlockedMatMul, context: Context) -> Run:
    """Product with a constant matrix, block by block."""
    a_shape, b_shape = context.shape(op.inputs[0]), context.shape(op.b)
    if len(a_shape) < 2 or len(b_shape) < 2 or a_shape[-1] != b_shape[-2]:
        raise invalid(op, "The matrices do not fit", f"a {a_shape}, b {b_shape}")
    axis = len(b_shape) - 2
    weight, factor = _weight_and_factor(op, context, op.b, op.b_zero_point, axis)
    largest = context.magnitude(op, op.inputs[0], op.a_zero_point)
    return _Product(
        blocks=_in_blocks(weight, op.block_size, axis, _exact(op, context, weight, largest)),
        factor=np.moveaxis(factor, axis, 0)[..., None, :],
        bias=_bias(op, context, b_shape[-1]),
        a_zero_point=op.a_zero_point,
        finisher=_finisher(op, context),
        shape=context.tensor(op.outputs[0]).shape,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Product:
    """blocks: of each (..., rows, n); factor (blocks, ..., 1, n)."""

    blocks: tuple[Array, ...]
    factor: NDArray[np.float32]
    bias: NDArray[np.float32]
    a_zero_point: int
    finisher: _Finisher
    shape: tuple[int, ...]

    def __call__(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        a = centred_float(inputs[0], self.a_zero_point, self.blocks[0].dtype.type)
        total = np.broadcast_to(self.bias, self.shape).copy()
        begin = 0
        for block, factor in zip(self.blocks, self.factor, strict=True):
            end = begin + block.shape[-2]
            total += np.matmul(a[..., begin:end], block).astype(np.float32) * factor
            begin = end
        return (self.finisher(total),)


def prepare_blocked_conv(op: BlockedConv, context: Context) -> Run:
    """Convolution, kernel element by kernel element and block by block."""
    x, w = context.shape(op.inputs[0]), context.shape(op.weight)
    y = context.tensor(op.outputs[0]).shape
    window = Window(
        kernel=w[2:], strides=op.strides, dilations=op.dilations, pads=op.pads, output=y[2:]
    )
    if not len(x) == len(w) == len(y) >= 3 or op.groups < 1 or w[0] % op.groups:
        raise invalid(op, "Ranks or groups do not fit", f"x {x}, weight {w}, y {y}")
    if (x[0], w[1] * op.groups, w[0]) != (y[0], x[1], y[1]):
        raise invalid(op, "Batch or channels do not fit", f"x {x}, weight {w}, y {y}")
    problem = window.problem(x[2:])
    if problem is not None or window.floor_output(x[2:]) != window.output:
        raise invalid(op, "The window is impossible", problem or f"output {y}")
    weight, factor = _weight_and_factor(op, context, op.weight, op.weight_zero_point, 1)
    largest = context.magnitude(op, op.inputs[0], op.x_zero_point)
    grouped = (op.groups, w[0] // op.groups)
    blocks = _in_blocks(weight, op.block_size, 1, _exact(op, context, weight, largest))
    return _Convolution(
        blocks=tuple(b.reshape(*grouped, b.shape[1], -1) for b in blocks),
        factor=factor.reshape(*grouped, factor.shape[1], -1),
        bias=_bias(op, context, w[0]),
        window=window,
        x_zero_point=op.x_zero_point,
        finisher=_finisher(op, context),
        shape=y,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Convolution:
    """blocks: of each (groups, m / groups, channels, taps); factor (groups, ..., blocks, taps)."""

    blocks: tuple[Array, ...]
    factor: NDArray[np.float32]
    bias: NDArray[np.float32]
    window: Window
    x_zero_point: int
    finisher: _Finisher
    shape: tuple[int, ...]

    def __call__(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        padded = self.window.padded(inputs[0], self.x_zero_point)
        groups, per_group = self.factor.shape[:2]
        total = np.empty((self.shape[0], groups, per_group, *self.shape[2:]), np.float32)
        total = total.reshape(self.shape[0], groups, per_group, -1)
        total[:] = self.bias.reshape(groups, per_group, 1)
        dtype: Any = self.blocks[0].dtype.type
        for tap, met in enumerate(self.window.taps(padded)):
            x = centred_float(met, self.x_zero_point, dtype)
            x = x.reshape(x.shape[0], groups, x.shape[1] // groups, -1)
            begin = 0
            for number, block in enumerate(self.blocks):
                end = begin + block.shape[2]
                accumulators = np.matmul(block[..., tap], x[:, :, begin:end])
                total += accumulators.astype(np.float32) * self.factor[..., number, tap, None]
                begin = end
        return (self.finisher(total.reshape(self.shape)),)


def _weight_and_factor(
    op: BlockedConv | BlockedMatMul,
    context: Context,
    name: str,
    zero_point: str | None,
    axis: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The weight minus its zero points, and one factor per block."""
    weight: NDArray[np.int64] = context.constant(op, name, np.int64)
    if op.block_size < 1:
        raise invalid(op, "A block must hold a channel", op.block_size)
    shape = list(weight.shape)
    shape[axis] = ceil(shape[axis] / op.block_size)
    factor = context.constant(op, op.finish.factor, np.float32, tuple(shape))
    if zero_point is not None:
        points = context.constant(op, zero_point, np.int64, tuple(shape))
        weight = weight - points.take(np.arange(weight.shape[axis]) // op.block_size, axis)
    return weight, factor


def _exact(
    op: BlockedConv | BlockedMatMul, context: Context, weight: NDArray[np.int64], largest: int
) -> type[np.floating[Any]]:
    """The float type in which the products of one block are summed exactly."""
    magnitude = int(np.abs(weight).max(initial=0)) * op.block_size * largest
    context.require_accumulator(op, magnitude, context.integers(op, op.inputs[0]))
    return exact_float(magnitude)


def _in_blocks(
    weight: NDArray[np.int64], size: int, axis: int, dtype: type[np.floating[Any]]
) -> tuple[Array, ...]:
    ends = range(size, weight.shape[axis], size)
    return tuple(np.split(weight.astype(dtype), list(ends), axis))


def _bias(op: BlockedConv | BlockedMatMul, context: Context, channels: int) -> NDArray[np.float32]:
    if op.bias is None:
        return np.zeros(channels, np.float32)
    return context.constant(op, op.bias, np.float32, (channels,))


def _finisher(op: BlockedConv | BlockedMatMul, context: Context) -> _Finisher:
    finish, dtype = op.finish, context.tensor(op.outputs[0]).dtype
    if isinstance(finish, Requantize):
        grid = context.grid(op, finish.zero_point, (finish.low, finish.high))
        clamp = (np.float32(0), np.float32(0))
        return _Finisher(grid=grid, clamp=clamp, dtype=dtype, kernels=context.kernels)
    if not dtype.is_float:
        raise invalid(op, "The output of ToFloat must be float32")
    clamp = (np.float32(finish.low), np.float32(finish.high))
    return _Finisher(grid=None, clamp=clamp, dtype=dtype, kernels=context.kernels)
