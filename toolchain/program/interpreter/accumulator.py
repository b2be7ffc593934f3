"""Exact integer products by floating-point matrix multiplication, and what becomes of the sums.

Sums of integers are exact in a binary float, in any order, while every partial sum stays within its
significand. The sum of magnitudes bounds them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.program.interpreter.context import invalid
from toolchain.program.records import Requantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.numerics.fixed_point import Multiplier
    from toolchain.program.interpreter.context import Context
    from toolchain.program.interpreter.kernels import Kernels
    from toolchain.program.interpreter.saturation import Saturation
    from toolchain.program.records import Finish, Operation, ToFloat


_MOST_GUARD_BITS = 16
"""A bias finer than this beside the products would be all rounding."""


def exact_float(magnitude: int) -> type[np.floating[Any]]:
    """The narrowest type in which sums of products up to `magnitude` are exact.

    float64 is exact up to 2**53, far beyond any int32 accumulator.
    """
    return np.float32 if magnitude < 2**24 else np.float64


def centred_float(x: Array, zero_point: int, dtype: type[np.floating[Any]]) -> Array:
    """Compute x - zero_point, exact, in one pass."""
    result: Array = np.subtract(x, dtype(zero_point), dtype=dtype)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Finisher:
    """Adds the bias and makes the output of an accumulator.

    Attributes:
        bias: int32 (channels,).
        factor: float32 (channels,).
        multiplier: The factor of exact requantization, (channels,); None for float32 products.
        guard_bits: Bits of the bias below the steps of the sum.
        wide: True where the total needs int64.
        dtype: Type of the output.
        grid: How integers saturate; None for a float output.
        clamp: float32 bounds of a float output.
        kernels: The loops to run on.
    """

    bias: NDArray[np.int32]
    factor: NDArray[np.float32]
    multiplier: Multiplier | None
    guard_bits: int
    wide: bool
    dtype: DType
    grid: Saturation | None
    clamp: tuple[np.float32, np.float32]
    kernels: Kernels

    def __call__(self, accumulators: Array) -> Array:
        """Exact integers (outer, channels, inner) of any type to the output, in that shape."""
        if self.grid is None:
            return self.to_float(self._total(accumulators))
        if self.multiplier is not None:
            return self.kernels.requantize_exact(
                self._total(accumulators), self.multiplier, self.grid, self.dtype
            )
        if self.wide:
            real = self._total(accumulators).astype(np.float32) * self.factor[:, None]
            return self.kernels.saturate(real, self.grid, self.dtype)
        return self.kernels.requantize(accumulators, self.bias, self.factor, self.grid, self.dtype)

    def _total(self, accumulators: Array) -> NDArray[np.int64]:
        """Sums of products with the bias added, in steps of the bias."""
        sums: NDArray[np.int64] = accumulators.astype(np.int64)
        return (sums << self.guard_bits) + self.bias[:, None]

    def to_float(self, total: NDArray[np.integer[Any]]) -> Array:
        """Accumulators (outer, channels, inner), bias included, to float32."""
        result: Array = np.clip(total.astype(np.float32) * self.factor[:, None], *self.clamp)
        return result


def prepare_finish(
    op: Operation,
    finish: Finish,
    bias: str | None,
    products: NDArray[np.int64],
    context: Context,
    operands: tuple[DType, ...],
) -> Finisher:
    """Check that bias and products fit the accumulator and prepare the rest.

    `products` (channels,) bound the magnitude of each channel's sum of products of `operands`.
    """
    channels = products.size
    biases = np.zeros(channels, np.int32)
    if bias is not None:
        biases = context.constant(op, bias, np.int32, (channels,))
    guard = finish.guard_bits
    if not 0 <= guard <= (_MOST_GUARD_BITS if context.program.exact else 0):
        raise invalid(op, "Guard bits are for exact requantization, and few", guard)
    total = int(np.max((np.abs(biases.astype(np.int64)) >> guard) + products))
    context.require_accumulator(op, total, *operands)
    factor = context.constant(op, finish.factor, np.float32, (), (channels,))
    factor = np.ascontiguousarray(np.broadcast_to(factor, (channels,)))
    grid, clamp = _destination(op, finish, context)
    exact = context.program.exact and grid is not None
    return Finisher(
        bias=biases,
        factor=factor,
        multiplier=context.multiplier(op, factor, (total + 1) << guard) if exact else None,
        guard_bits=guard,
        wide=total > DType.INT32.qmax,
        dtype=context.tensor(op.outputs[0]).dtype,
        grid=grid,
        clamp=clamp,
        kernels=context.kernels,
    )


def _destination(
    op: Operation, finish: Requantize | ToFloat, context: Context
) -> tuple[Saturation | None, tuple[np.float32, np.float32]]:
    if isinstance(finish, Requantize):
        bounds = (finish.low, finish.high)
        return context.grid(op, finish.zero_point, bounds), (np.float32(0), np.float32(0))
    if not context.tensor(op.outputs[0]).dtype.is_float:
        raise invalid(op, "The output of ToFloat must be float32")
    return None, (np.float32(finish.low), np.float32(finish.high))
