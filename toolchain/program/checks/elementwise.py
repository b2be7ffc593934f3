"""Operations on elements and runs of elements."""

from __future__ import annotations

from math import isfinite, prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.program.records import BinaryKind

if TYPE_CHECKING:
    from toolchain.program.checks.facts import Facts
    from toolchain.program.records import (
        Binary,
        Dequantize,
        Normalize,
        Quantize,
        Rescale,
        Slope,
        Softmax,
        Table,
        Tensor,
        WideSoftmax,
    )

_INT64_MAX = 2**63 - 1


def check_binary(op: Binary, facts: Facts) -> None:
    """Two inputs that broadcast to the output, and factors that fit the kind."""
    facts.arity(2)
    shapes = [facts.shape(name) for name in op.inputs]
    facts.require(min(map(min_extent, shapes)) >= 1, "A constant is empty", shapes)
    for name, shape in zip(op.inputs, shapes, strict=True):
        facts.broadcasts(shape, facts.y.shape, f"Input {name!r}")
    facts.result(_broadcast(shapes))
    facts.requantizes(op.zero_point, (op.low, op.high))
    a = facts.magnitude(op.inputs[0], op.a_zero_point)
    b = facts.magnitude(op.inputs[1], op.b_zero_point)
    facts.factor(op.a_factor)
    facts.factor(op.b_factor)
    if op.kind is BinaryKind.MUL:
        facts.accumulator(a * b, *(facts.dtype(name) for name in op.inputs))
        facts.scaling(op.a_factor, a * b)
    elif facts.program.exact:
        factors = np.asarray([op.a_factor, op.b_factor], np.float32)
        found = facts.multiplier(factors, max(a, b))
        shift = int(found.shift.max())
        first, second = (int(m) << (shift - int(s)) for m, s in zip(*found, strict=True))
        facts.multiplier(np.float32(np.ldexp(1.0, -shift)), first * a + second * b)


def _broadcast(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape of what broadcasts to one result, as every shape is known to."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(max(extents) for extents in zip(*padded, strict=True))


def min_extent(shape: tuple[int, ...]) -> int:
    """The smallest extent, 1 for a scalar."""
    return min(shape, default=1)


def check_table(op: Table, facts: Facts) -> None:
    """256 entries of the output's type for inputs of 8 bits, once or for each index of an axis."""
    facts.arity(1)
    facts.tensor(op.inputs[0])
    facts.integers(op.inputs[0], 8)
    facts.result(facts.x.shape)
    facts.require(
        facts.program.constants[op.table].dtype == facts.y.dtype.numpy,
        "The table's entries are not of the output's type",
        facts.program.constants[op.table].dtype,
        facts.y.dtype,
    )
    if op.axis is None:
        shape: tuple[int, ...] = (256,)
    else:
        facts.axis(op.axis, len(facts.x.shape))
        shape = (facts.x.shape[op.axis], 256)
    facts.constant(op.table, facts.y.dtype, shape)


def check_softmax(op: Softmax, facts: Facts) -> None:
    """256 exponentials, the first positive, and an axis."""
    _check_run(op, 8, facts)
    exponentials = facts.constant(op.exponentials, DType.INT32, (256,))
    facts.require(
        bool(exponentials[0] >= 1 and exponentials.min() >= 0),
        "Exponentials must be >= 0, and that of 0 positive",
        int(exponentials.min()),
    )


def check_wide_softmax(op: WideSoftmax, facts: Facts) -> None:
    """Two tables of exponentials up to 1 in steps of 2**-30, and an axis."""
    _check_run(op, 16, facts)
    for name in (op.high, op.low):
        table = facts.constant(name, DType.INT32, (256,))
        facts.require(
            table[0] >= 2**29 and table.min() >= 0 and table.max() <= 2**30,
            "Exponentials must be from 0 to 2**30, and that of 0 at least half of it",
            (int(table.min()), int(table.max())),
        )


def _check_run(op: Softmax | WideSoftmax, bits: int, facts: Facts) -> None:
    facts.arity(1)
    facts.tensor(op.inputs[0])
    facts.integers(op.inputs[0], bits)
    facts.axis(op.axis, len(facts.x.shape))
    facts.result(facts.x.shape)
    facts.factor(op.factor)
    facts.saturates(op.zero_point)


def check_quantized(tensor: Tensor, facts: Facts) -> None:
    """Integers with a scale."""
    facts.require(
        tensor.scale is not None and tensor.dtype.is_integer,
        f"Tensor {tensor.name!r} must be quantized",
        tensor.dtype,
    )


def check_quantize(op: Quantize, facts: Facts) -> None:
    """float32 to narrow integers with the numbers of the output tensor."""
    facts.arity(1)
    del op
    facts.require(facts.x.dtype is DType.FLOAT32, "The input must be float32", facts.x.dtype)
    check_quantized(facts.y, facts)
    facts.saturates(facts.y.zero_point)
    facts.result(facts.x.shape)


def check_dequantize(op: Dequantize, facts: Facts) -> None:
    """Integers to float32 with the numbers of the input tensor."""
    facts.arity(1)
    del op
    check_quantized(facts.x, facts)
    facts.result(facts.x.shape, DType.FLOAT32)


def check_rescale(op: Rescale, facts: Facts) -> None:
    """Integers to narrow integers of other parameters."""
    facts.arity(1)
    dtype = facts.x.dtype
    facts.require(
        dtype.is_integer and dtype.bits <= 32, "The input must be integers of 32 bits", dtype
    )
    facts.zero_point(dtype, op.x_zero_point)
    facts.requantizes(op.zero_point)
    facts.result(facts.x.shape)
    largest = max(op.x_zero_point - dtype.qmin, dtype.qmax - op.x_zero_point)
    facts.scaling(op.factor, largest)


def check_slope(op: Slope, facts: Facts) -> None:
    """Slopes that broadcast to the input."""
    facts.arity(1)
    facts.tensor(op.inputs[0])
    facts.magnitude(op.inputs[0], op.x_zero_point)
    facts.factor(op.factor)
    negative = facts.constant(op.negative, DType.FLOAT32)
    facts.broadcasts(negative.shape, facts.x.shape, "The slope")
    facts.result(facts.x.shape)
    facts.saturates(op.zero_point)


def check_normalize(op: Normalize, facts: Facts) -> None:
    """Runs that fill the input, whose variance fits int64."""
    facts.arity(1)
    shape = facts.tensor(op.inputs[0]).shape
    facts.require(
        op.length >= 1 and prod(shape) % op.length == 0,
        f"The length does not divide the elements of {shape}",
        op.length,
    )
    largest = facts.magnitude(op.inputs[0], op.x_zero_point)
    facts.require(
        (op.length * largest) ** 2 <= _INT64_MAX, "The variance can exceed int64", op.length
    )
    facts.require(
        op.epsilon >= 0 and isfinite(op.epsilon), "epsilon must not be negative", op.epsilon
    )
    for name in (op.gain, *(() if op.offset is None else (op.offset,))):
        facts.broadcasts(facts.constant(name, DType.FLOAT32).shape, shape, f"Constant {name!r}")
    facts.result(shape)
    facts.saturates(op.zero_point)
