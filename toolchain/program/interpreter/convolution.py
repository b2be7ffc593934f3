"""Conv and ConvTranspose (docs/numerics.md, 5)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.numerics.fixed_point import Multiplier
from toolchain.program.interpreter.accumulator import (
    Finisher,
    centred_float,
    exact_float,
    prepare_finish,
)
from toolchain.program.interpreter.context import invalid
from toolchain.program.interpreter.saturation import Saturation
from toolchain.program.interpreter.window import DirectConv, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.interpreter.context import Context, Run
    from toolchain.program.interpreter.kernels import DirectConvolution
    from toolchain.program.records import Conv, ConvTranspose

_FEW_CHANNELS = 4
"""Input channels per group up to which copying into columns costs more than the products."""


def prepare_conv(op: Conv, context: Context) -> Run:
    """Convolution by one product of matrices per sample and group, or directly."""
    x_shape, y_shape = context.shape(op.inputs[0]), context.tensor(op.outputs[0]).shape
    weight = context.centred(op, op.weight, op.weight_zero_point, 0)
    window = Window(
        kernel=weight.shape[2:],
        strides=op.strides,
        dilations=op.dilations,
        pads=op.pads,
        output=y_shape[2:],
    )
    _check_shapes(op, x_shape, weight.shape, y_shape)
    _check_window(op, window, x_shape[2:], window.output)
    if window.floor_output(x_shape[2:]) != window.output:
        raise invalid(op, "The output's extent does not fit the window", y_shape)
    largest = context.magnitude(op, op.inputs[0], op.x_zero_point)
    flat = weight.reshape(weight.shape[0], -1)
    products = np.sum(np.abs(flat), axis=1) * largest
    operands = (context.integers(op, op.inputs[0]), context.integers(op, op.weight))
    finisher = prepare_finish(op, op.finish, op.bias, products, context, operands)
    direct = None if finisher.wide or finisher.guard_bits else context.kernels.direct_convolution
    if direct is not None and weight.shape[1] <= _FEW_CHANNELS and len(window.kernel) <= 2:
        return _Direct(op, weight, window, finisher, direct)
    return _Columns(
        weight=flat.reshape(op.groups, -1, flat.shape[1]).astype(exact_float(int(products.max()))),
        window=window,
        x_zero_point=op.x_zero_point,
        finisher=finisher,
        shape=y_shape,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """weight (groups, m / groups, c / groups * taps) times columns of what the window meets."""

    weight: Array
    window: Window
    x_zero_point: int
    finisher: Finisher
    shape: tuple[int, ...]

    def __call__(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        columns = self._columns(inputs[0])
        groups, _, depth = self.weight.shape
        columns = columns.reshape(self.shape[0], groups, depth, prod(self.shape[2:]))
        accumulators = np.matmul(self.weight, columns)
        outer = (self.shape[0], self.shape[1], prod(self.shape[2:]))
        return (self.finisher(accumulators.reshape(outer)).reshape(self.shape),)

    def _columns(self, x: Array) -> Array:
        """Convert x to float (n, c, taps, positions), centred; padding becomes 0."""
        dtype: Any = self.weight.dtype.type
        padded = self.window.padded(x, self.x_zero_point)
        taps = prod(self.window.kernel)
        if taps == 1:
            return centred_float(next(self.window.taps(padded)), self.x_zero_point, dtype)
        columns = np.empty((*x.shape[:2], taps, *self.window.output), dtype)
        for index, tap in enumerate(self.window.taps(padded)):
            np.subtract(tap, dtype(self.x_zero_point), out=columns[:, :, index], dtype=dtype)
        return columns


class _Direct:
    """Convolution without columns, for few input channels per group; one or two spatial axes."""

    def __init__(
        self,
        op: Conv,
        weight: NDArray[np.int64],
        window: Window,
        finisher: Finisher,
        convolve: DirectConvolution,
    ) -> None:
        def plane(values: tuple[int, ...], missing: int) -> tuple[int, int]:
            return (values[-2] if len(values) > 1 else missing, values[-1])

        rank = len(window.kernel)
        kernel, strides = plane(window.kernel, 1), plane(window.strides, 1)
        dilations, pads = plane(window.dilations, 1), plane(window.pads[:rank], 0)
        positions = plane(window.output, 1)
        shifts = [(k - 1) * d // s for k, d, s in zip(kernel, dilations, strides, strict=True)]
        extent = (positions[0] + shifts[0], positions[1] + shifts[1])
        none = np.empty(0, np.int64)
        exact = finisher.multiplier or Multiplier(none, none)
        self._finisher = finisher
        self._convolve = convolve
        self._positions = positions
        self._grid = finisher.grid or Saturation(0, 0, 0, 0)
        self._conv = DirectConv(
            weight=weight.reshape(*weight.shape[:2], -1).astype(np.int32),
            bias=finisher.bias,
            factor=finisher.factor if finisher.grid else finisher.factor[:0],
            significand=exact.significand,
            shift=exact.shift,
            offsets=_offsets(kernel, strides, dilations, extent),
            extent=extent,
            strides=strides,
            pads=pads,
            groups=op.groups,
            zero_point=op.x_zero_point,
        )
        self._rank = rank

    def __call__(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        x = inputs[0]
        plane = x.shape[2:] if self._rank == 2 else (1, *x.shape[2:])
        shape = (x.shape[0], self._conv.weight.shape[0], *self._positions)
        dtype = np.dtype(np.int32) if self._finisher.grid is None else self._finisher.dtype.numpy
        out = np.empty(shape, dtype)
        self._convolve(x.reshape(*x.shape[:2], *plane), self._conv, self._grid, out)
        if self._finisher.grid is None:
            out = self._finisher.to_float(out.reshape(*shape[:2], -1)).reshape(shape)
        return (out if self._rank == 2 else out.reshape(*shape[:2], shape[3]),)


def _offsets(
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    extent: tuple[int, int],
) -> NDArray[np.intp]:
    """Where each tap begins in a channel spread out as (phases, phases, rows, columns)."""
    rows, columns = (
        np.divmod(np.arange(k) * d, s) for k, d, s in zip(kernel, dilations, strides, strict=True)
    )
    (row, row_phase), (column, column_phase) = rows, columns
    phase = row_phase[:, None] * strides[1] + column_phase
    offsets = (phase * extent[0] + row[:, None]) * extent[1] + column
    return offsets.reshape(-1).astype(np.intp)


def prepare_conv_transpose(op: ConvTranspose, context: Context) -> Run:
    """Transposed convolution: every tap's products are added where the tap lands."""
    x_shape, y_shape = context.shape(op.inputs[0]), context.tensor(op.outputs[0]).shape
    weight = context.centred(op, op.weight, op.weight_zero_point, 1)
    window = Window(
        kernel=weight.shape[2:],
        strides=op.strides,
        dilations=op.dilations,
        pads=op.pads,
        output=x_shape[2:],
    )
    transposed = (weight.shape[1] * op.groups, weight.shape[0] // op.groups, *weight.shape[2:])
    _check_shapes(op, x_shape, transposed, y_shape)
    _check_window(op, window, x_shape[2:], y_shape[2:])
    largest = context.magnitude(op, op.inputs[0], op.x_zero_point)
    # (groups, c / groups, m / groups, taps): per tap and output channel the sum runs over c.
    parts = weight.reshape(op.groups, transposed[1], weight.shape[1], -1)
    per_tap = np.sum(np.abs(parts), axis=1).reshape(transposed[0], -1) * largest
    operands = (context.integers(op, op.inputs[0]), context.integers(op, op.weight))
    bounds = np.sum(per_tap, axis=1)
    finisher = prepare_finish(op, op.finish, op.bias, bounds, context, operands)
    matrix = np.moveaxis(parts, 1, 3).reshape(op.groups, -1, transposed[1])
    return _Scatter(
        weight=matrix.astype(exact_float(int(per_tap.max()))),
        window=window,
        x_zero_point=op.x_zero_point,
        finisher=finisher,
        shape=y_shape,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scatter:
    """weight (groups, m / groups * taps, c / groups); `window` slides over the output."""

    weight: Array
    window: Window
    x_zero_point: int
    finisher: Finisher
    shape: tuple[int, ...]

    def __call__(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        x = inputs[0]
        dtype: Any = self.weight.dtype.type
        groups, _, depth = self.weight.shape
        columns = centred_float(x, self.x_zero_point, dtype).reshape(x.shape[0], groups, depth, -1)
        products = np.matmul(self.weight, columns).reshape(*self.shape[:2], -1, *x.shape[2:])
        rank = len(self.window.kernel)
        begin = self.window.pads[:rank]
        reach = self.window.reach()
        extent = [max(r, b + o) for r, b, o in zip(reach, begin, self.shape[2:], strict=True)]
        total = np.zeros((*self.shape[:2], *extent), np.int64)
        for index, tap in enumerate(self.window.taps(total)):
            np.add(tap, products[:, :, index].astype(np.int64), out=tap)
        kept = tuple(slice(b, b + o) for b, o in zip(begin, self.shape[2:], strict=True))
        accumulators = total[(slice(None), slice(None), *kept)].reshape(*self.shape[:2], -1)
        return (self.finisher(accumulators).reshape(self.shape),)


def _check_shapes(
    op: Conv | ConvTranspose,
    x: tuple[int, ...],
    weight: tuple[int, ...],
    y: tuple[int, ...],
) -> None:
    """Compare channels and ranks; `weight` as (m, c / groups, kernel...)."""
    ranks_agree = len(x) == len(weight) == len(y) >= 3
    if not ranks_agree or op.groups < 1 or weight[0] % op.groups:
        raise invalid(op, "Ranks or groups do not fit", f"x {x}, weight {weight}, y {y}")
    if (x[0], weight[1] * op.groups, weight[0]) != (y[0], x[1], y[1]):
        raise invalid(op, "Batch or channels do not fit", f"x {x}, weight {weight}, y {y}")


def _check_window(
    op: Conv | ConvTranspose, window: Window, extent: tuple[int, ...], output: tuple[int, ...]
) -> None:
    problem = window.problem(extent)
    if problem is None and min(output, default=0) < 1:
        problem = "the output is empty"
    if problem is not None:
        raise invalid(op, f"The window is impossible: {problem}")
