"""MatMul (docs/numerics.md, 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.program.interpreter.accumulator import (
    Finisher,
    centred_float,
    exact_float,
    prepare_finish,
)
from toolchain.program.interpreter.context import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.interpreter.context import Context, Run
    from toolchain.program.records import MatMul


def prepare_matmul(op: MatMul, context: Context) -> Run:
    """Matrix product with a constant or of two activations."""
    a_shape = context.shape(op.inputs[0])
    constant = None if op.b is None else context.centred(op, op.b, op.b_zero_point, -1)
    b_shape = context.shape(op.inputs[1]) if constant is None else constant.shape
    if len(a_shape) < 2 or len(b_shape) < 2 or a_shape[-1] != b_shape[-2]:
        raise invalid(op, "The matrices do not fit", f"a {a_shape}, b {b_shape}")
    largest_a = context.magnitude(op, op.inputs[0], op.a_zero_point)
    offsets = np.zeros((), np.int64)
    if op.b_zero_point is not None:
        offsets = context.constant(op, op.b_zero_point, np.int64, (), b_shape[-1:])
    if constant is None:
        products = largest_a * b_shape[-2] * _magnitudes(op, context, offsets, b_shape[-1])
    else:
        # A row of `a` meets every matrix of the batch: the largest sum of each column counts.
        sums = np.sum(np.abs(constant), axis=-2).reshape(-1, b_shape[-1])
        products = largest_a * np.max(sums, axis=0)
    dtype = exact_float(int(products.max()))
    second = op.inputs[1] if op.b is None else op.b
    operands = (context.integers(op, op.inputs[0]), context.integers(op, second))
    return _Product(
        b=None if constant is None else constant.astype(dtype),
        b_zero_point=offsets.astype(dtype),
        a_zero_point=op.a_zero_point,
        dtype=dtype,
        finisher=prepare_finish(op, op.finish, op.bias, products, context, operands),
        shape=context.tensor(op.outputs[0]).shape,
    )


def _magnitudes(
    op: MatMul, context: Context, offsets: NDArray[np.int64], columns: int
) -> NDArray[np.int64]:
    """Largest |b - zero point| of every column of an activation."""
    zero_points = np.broadcast_to(offsets, (columns,))
    dtype = context.integers(op, op.inputs[1])
    return np.maximum(zero_points - dtype.qmin, dtype.qmax - zero_points)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Product:
    """a (..., m, k) times b (..., k, n), a constant (zero point subtracted) or the second input."""

    b: Array | None
    b_zero_point: Array
    a_zero_point: int
    dtype: type[np.floating[Any]]
    finisher: Finisher
    shape: tuple[int, ...]

    def __call__(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        a = centred_float(inputs[0], self.a_zero_point, self.dtype)
        b = self.b
        if b is None:
            b = np.subtract(inputs[1], self.b_zero_point, dtype=self.dtype)
        if b.ndim == 2:
            a = a.reshape(-1, a.shape[-1])
        accumulators = np.matmul(a, b).reshape(-1, b.shape[-1], 1)
        return (self.finisher(accumulators).reshape(self.shape),)
