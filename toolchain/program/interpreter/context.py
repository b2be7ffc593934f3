"""What is known while an operation is prepared, and the checks that all kinds share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.errors import Code, CompileError
from toolchain.numerics.fixed_point import PRODUCT_BITS, Multiplier
from toolchain.program.interpreter.saturation import Saturation

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from toolchain.core.dtypes import Array
    from toolchain.core.quant import Rounding
    from toolchain.program.interpreter.kernels import Kernels
    from toolchain.program.records import Operation, Program, Tensor

Run: TypeAlias = Callable[[Sequence["Array"]], tuple["Array", ...]]
"""A prepared operation: the inputs that the record names, in its order, to all outputs."""

_EXACT_IN_FLOAT64 = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The program that operations belong to and the loops they run on."""

    program: Program
    kernels: Kernels

    def tensor(self, name: str) -> Tensor:
        """A tensor of the program."""
        return self.program.tensors[name]

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor or constant."""
        constant = self.program.constants.get(name)
        return self.tensor(name).shape if constant is None else constant.shape

    def integers(self, op: Operation, name: str) -> DType:
        """Type of an integer tensor or constant of at most 16 bits."""
        constant = self.program.constants.get(name)
        dtype = self.tensor(name).dtype if constant is None else DType(constant.dtype.name)
        if not dtype.is_integer or dtype.bits > 16:
            raise invalid(op, f"{name!r} must hold integers of at most 16 bits", dtype)
        return dtype

    def magnitude(self, op: Operation, name: str, zero_point: int) -> int:
        """Largest |x - zero_point| that the type of a tensor or constant allows."""
        dtype = self.integers(op, name)
        return max(zero_point - dtype.qmin, dtype.qmax - zero_point)

    def constant(
        self, op: Operation, name: str, dtype: type[np.generic], *shapes: tuple[int, ...]
    ) -> Array:
        """A constant as `dtype`, which must hold it safely, of one of `shapes`."""
        array = self.program.constants[name]
        if not np.can_cast(array.dtype, dtype):
            raise invalid(op, f"Constant {name!r} must be {np.dtype(dtype).name}", array.dtype)
        if shapes and array.shape not in shapes:
            raise invalid(op, f"Constant {name!r} must have a shape of {shapes}", array.shape)
        if not np.isfinite(array).all():
            raise invalid(op, f"Constant {name!r} must be finite")
        return array.astype(dtype)

    def centred(
        self, op: Operation, name: str, zero_point: str | None, axis: int
    ) -> NDArray[np.int64]:
        """Constant integers minus their zero point, () or one for every index along `axis`."""
        values = self.constant(op, name, np.int64)
        if values.ndim <= max(axis, 0):
            raise invalid(op, f"Constant {name!r} lacks axis {axis}", values.shape)
        if zero_point is None:
            return values
        offsets = self.constant(op, zero_point, np.int64, (), (values.shape[axis],))
        along = [1] * values.ndim
        along[axis] = -1
        return values - offsets.reshape(along if offsets.ndim else ())

    def multiplier(self, op: Operation, factor: ArrayLike, magnitude: int) -> Multiplier:
        """The factor of exact requantization, for integers of at most `magnitude`."""
        found = Multiplier.of(factor)
        if np.any(found.shift > PRODUCT_BITS) or found.product_bound(magnitude) >= 2**PRODUCT_BITS:
            raise invalid(op, f"Products with the factor exceed {PRODUCT_BITS} bits", magnitude)
        return found

    def require_accumulator(self, op: Operation, magnitude: int, *operands: DType) -> None:
        """Reject an operation whose sum of products could leave the accumulator's type.

        Args:
            op: The operation.
            magnitude: What the sum is at most.
            operands: Types that are multiplied; with more than 8 bits the wide accumulator counts.
        """
        wide = any(dtype.bits > 8 for dtype in operands)
        dtype = self.program.wide_accumulator if wide else DType.INT32
        limit = min(dtype.qmax, _EXACT_IN_FLOAT64)
        if magnitude > limit:
            raise CompileError(
                Code.PROGRAM_INVALID,
                f"The accumulator can exceed {dtype}",
                where=op.name,
                got=magnitude,
                allowed=f"at most {limit}",
                hint="use fewer bits or a coarser weight scale for this operator",
            )

    def grid(
        self,
        op: Operation,
        zero_point: int,
        bounds: tuple[int, int] | None = None,
        rounding: Rounding | None = None,
    ) -> Saturation:
        """How the first output of `op` saturates; `bounds` default to its type's."""
        dtype = self.tensor(op.outputs[0]).dtype
        if not dtype.is_integer:
            raise invalid(op, "The output must be of an integer type", dtype)
        grid = Saturation.of(dtype, rounding or self.program.rounding, zero_point, bounds)
        if not dtype.qmin <= grid.low <= grid.high <= dtype.qmax:
            raise invalid(op, f"Bounds must lie within {dtype}", (grid.low, grid.high))
        if not dtype.qmin <= zero_point <= dtype.qmax:
            raise invalid(op, f"The zero point must lie within {dtype}", zero_point)
        return grid


def invalid(op: Operation, message: str, got: Any = None) -> CompileError:
    """The error of an operation that cannot be executed as it is written."""
    return CompileError(Code.PROGRAM_INVALID, message, where=op.name, got=got)
