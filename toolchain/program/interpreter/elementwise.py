"""Binary, Table, Softmax, Quantize, Dequantize and Rescale (docs/numerics.md, 2, 6 and 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.program.interpreter.context import invalid
from toolchain.program.interpreter.scaling import Scaling, prepare_scaling
from toolchain.program.records import Binary, BinaryKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.interpreter.context import Context, Run
    from toolchain.program.interpreter.saturation import Saturation
    from toolchain.program.records import Dequantize, Quantize, Rescale, Softmax, Table, Tensor


def prepare_binary(op: Binary, context: Context) -> Run:
    """Sum, difference or product of two inputs."""
    largest_a = context.magnitude(op, op.inputs[0], op.a_zero_point)
    largest_b = context.magnitude(op, op.inputs[1], op.b_zero_point)
    grid = context.grid(op, op.zero_point, (op.low, op.high))
    if op.kind is BinaryKind.MUL:
        types = [context.integers(op, name) for name in op.inputs]
        context.require_accumulator(op, largest_a * largest_b, *types)
        finish = prepare_scaling(op, context, grid, op.a_factor, largest_a * largest_b)
        return _product(op, finish, np.int32 if largest_a * largest_b < 2**31 else np.int64)
    if context.program.exact:
        return _exact_sum(op, context, grid, (largest_a, largest_b))
    combine = np.add if op.kind is BinaryKind.ADD else np.subtract
    dtype = context.tensor(op.outputs[0]).dtype

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        a = _steps(inputs[0], op.a_zero_point, op.a_factor)
        b = _steps(inputs[1], op.b_zero_point, op.b_factor)
        return (context.kernels.saturate(combine(a, b), grid, dtype),)

    return run


def _product(op: Binary, finish: Scaling, dtype: type[np.signedinteger[Any]]) -> Run:
    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        a = np.subtract(inputs[0], op.a_zero_point, dtype=dtype)
        return (finish(np.multiply(a, np.subtract(inputs[1], op.b_zero_point, dtype=dtype))),)

    return run


def _exact_sum(op: Binary, context: Context, grid: Saturation, largest: tuple[int, int]) -> Run:
    """Both factors over one shift, so that the sum is one of integers."""
    factors = np.asarray([op.a_factor, op.b_factor], np.float32)
    multiplier = context.multiplier(op, factors, max(largest))
    shift = int(multiplier.shift.max())
    first, second = (int(m) << (shift - int(s)) for m, s in zip(*multiplier, strict=True))
    sign = 1 if op.kind is BinaryKind.ADD else -1
    bound = first * largest[0] + second * largest[1]
    finish = prepare_scaling(op, context, grid, float(np.ldexp(1.0, -shift)), bound)

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        a = np.subtract(inputs[0], op.a_zero_point, dtype=np.int64) * first
        b = np.subtract(inputs[1], op.b_zero_point, dtype=np.int64) * (sign * second)
        return (finish(a + b),)

    return run


def _steps(x: Array, zero_point: int, factor: float) -> NDArray[np.float32]:
    """float32(x - zero_point) * factor; the difference is exact in 17 bits or, wider, in int64."""
    if x.dtype.itemsize <= 2:
        centred = np.subtract(x, np.float32(zero_point), dtype=np.float32)
    else:
        centred = np.subtract(x, zero_point, dtype=np.int64).astype(np.float32)
    return np.multiply(centred, np.float32(factor))


def prepare_table(op: Table, context: Context) -> Run:
    """Any unary function of an 8-bit value."""
    source, target = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if not source.dtype.is_integer or source.dtype.bits > 8:
        raise invalid(op, "A table is indexed by integers of at most 8 bits", source.dtype)
    first = source.dtype.qmin
    if op.axis is not None:
        return _tables(op, op.axis, context)
    table = context.constant(op, op.table, target.dtype.numpy.type, (256,))

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (context.kernels.look_up(inputs[0], first, table),)

    return run


def _tables(op: Table, axis: int, context: Context) -> Run:
    """A table for each index along an axis: one long table, and where in it each begins."""
    source, target = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if not 0 <= axis < len(source.shape):
        raise invalid(op, "The axis lies outside the tensor", axis)
    channels = source.shape[axis]
    table = context.constant(op, op.table, target.dtype.numpy.type, (channels, 256)).reshape(-1)
    starts = np.arange(channels, dtype=np.int32) * 256 - source.dtype.qmin
    starts = starts.reshape(-1, *(1,) * (len(source.shape) - axis - 1))

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (context.kernels.look_up(inputs[0] + starts, 0, table),)

    return run


def prepare_softmax(op: Softmax, context: Context) -> Run:
    """Softmax with integer exponentials."""
    source, target = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if not source.dtype.is_integer or source.dtype.bits > 8:
        raise invalid(op, "Softmax reads integers of at most 8 bits", source.dtype)
    if not 0 <= op.axis < len(source.shape):
        raise invalid(op, "The axis lies outside the tensor", op.axis)
    exponentials = context.constant(op, op.exponentials, np.int32, (256,))
    if exponentials[0] < 1 or exponentials.min() < 0:
        raise invalid(op, "Exponentials must be >= 0, and that of 0 positive")
    grid = context.grid(op, op.zero_point)
    factor = np.float32(op.factor)

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        x = inputs[0].astype(np.int32)
        distance = np.max(x, axis=op.axis, keepdims=True) - x
        exponential = context.kernels.look_up(distance, 0, exponentials)
        total = np.sum(exponential, axis=op.axis, keepdims=True, dtype=np.int64)
        share = exponential.astype(np.float32) / total.astype(np.float32)
        return (context.kernels.saturate(share * factor, grid, target.dtype),)

    return run


def prepare_quantize(op: Quantize, context: Context) -> Run:
    """float32 to integer."""
    target = context.tensor(op.outputs[0])
    scale = _scale(op, target)
    grid = context.grid(op, target.zero_point, rounding=op.rounding)
    if context.tensor(op.inputs[0]).dtype.is_integer:
        raise invalid(op, "The input must be float32")

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        with np.errstate(over="ignore"):  # a quotient beyond float32 is infinite and saturates
            real = np.divide(inputs[0], scale)
        return (context.kernels.saturate(real, grid, target.dtype),)

    return run


def prepare_dequantize(op: Dequantize, context: Context) -> Run:
    """Integer to float32."""
    source = context.tensor(op.inputs[0])
    scale = _scale(op, source)

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (_steps(inputs[0], source.zero_point, float(scale)),)

    return run


def prepare_rescale(op: Rescale, context: Context) -> Run:
    """Integer to integer of other parameters."""
    source = context.tensor(op.inputs[0]).dtype
    largest = max(op.x_zero_point - source.qmin, source.qmax - op.x_zero_point)
    finish = prepare_scaling(op, context, context.grid(op, op.zero_point), op.factor, largest)

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (finish(np.subtract(inputs[0], op.x_zero_point, dtype=np.int64)),)

    return run


def _scale(op: Quantize | Dequantize, tensor: Tensor) -> np.float32:
    if tensor.scale is None or not tensor.dtype.is_integer:
        raise invalid(op, f"Tensor {tensor.name!r} must be quantized")
    return np.float32(tensor.scale)
