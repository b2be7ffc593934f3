"""Function and WideSoftmax (docs/numerics.md, 8.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.program.interpreter.context import invalid
from toolchain.program.records import FloatOp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolchain.core.dtypes import Array
    from toolchain.program.interpreter.context import Context, Run
    from toolchain.program.records import Function, WideSoftmax

_BITS = 30
_HALF = 1 << (_BITS - 1)


def prepare_function(op: Function, context: Context) -> Run:
    """Dequantize, compute in float, quantize."""
    from toolchain.program.float_ops import evaluate

    source, target = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    if source.scale is None or target.scale is None:
        raise invalid(op, "Input and output must be quantized")
    context.integers(op, op.inputs[0])
    grid = context.grid(op, target.zero_point)
    scales = np.float32(source.scale), np.float32(target.scale)
    call = FloatOp(
        name=op.name,
        inputs=op.inputs,
        outputs=op.outputs,
        op_type=op.op_type,
        attributes=op.attributes,
    )
    others: list[Array | None] = [None] * max(op.constants, default=0)
    for index, name in op.constants.items():
        others[index - 1] = context.constant(op, name, np.float32).reshape(())

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        steps = np.subtract(inputs[0], source.zero_point, dtype=np.int32).astype(np.float32)
        (result,) = evaluate(call, [steps * scales[0], *others])
        with np.errstate(over="ignore"):  # a quotient beyond float32 is infinite and saturates
            real = np.where(np.isnan(result), np.float32(0), result) / scales[1]
        return (context.kernels.saturate(np.asarray(real, np.float32), grid, target.dtype),)

    return run


def prepare_wide_softmax(op: WideSoftmax, context: Context) -> Run:
    """Softmax with exponentials that are the product of two."""
    source, target = context.tensor(op.inputs[0]), context.tensor(op.outputs[0])
    context.integers(op, op.inputs[0])
    if not 0 <= op.axis < len(source.shape):
        raise invalid(op, "The axis lies outside the tensor", op.axis)
    high, low = (context.constant(op, name, np.int64, (256,)) for name in (op.high, op.low))
    if min(high[0], low[0]) < 1 << _BITS - 1 or min(high.min(), low.min()) < 0:
        raise invalid(op, "Exponentials must be >= 0, and that of 0 at least 1/2")
    grid = context.grid(op, op.zero_point)

    def run(inputs: Sequence[Array]) -> tuple[Array, ...]:
        x = inputs[0].astype(np.int32)
        distance = np.max(x, axis=op.axis, keepdims=True) - x
        exponential = (high[distance >> 8] * low[distance & 255] + _HALF) >> _BITS
        total = np.sum(exponential, axis=op.axis, keepdims=True)
        share = exponential.astype(np.float32) / total.astype(np.float32)
        real = share * np.float32(op.factor)
        return (context.kernels.saturate(real, grid, target.dtype),)

    return run
