"""What the rules of all records ask about an operation, and how they say no."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, prod
from typing import TYPE_CHECKING

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.errors import Code, CompileError
from toolchain.numerics.fixed_point import PRODUCT_BITS, Multiplier

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from toolchain.core.dtypes import Array
    from toolchain.program.records import Operation, Program, Tensor

MAX_ELEMENTS = 2**31 - 1
"""Elements that an index of 32 bits can name; no tensor, padded or not, has more."""

FLOAT32_MAX = float(np.finfo(np.float32).max)
"""Largest finite float32."""

FLOAT32_LEAST = float(np.finfo(np.float32).smallest_subnormal)
"""Smallest positive float32."""

_EXACT_IN_FLOAT64 = 2**53


@dataclass(frozen=True, slots=True)
class Facts:
    """One operation and the program around it, in which all names exist already.

    Every method raises CompileError(PROGRAM_INVALID) naming the operation where a rule is broken.
    """

    program: Program
    op: Operation

    def require(
        self, holds: bool, message: str, got: object = None, allowed: object = None
    ) -> None:
        """Raise unless a rule holds."""
        if not holds:
            raise CompileError(
                Code.PROGRAM_INVALID,
                message,
                where=self.op.name,
                got=got,
                allowed=None if allowed is None else str(allowed),
            )

    def arity(self, inputs: int, outputs: int = 1) -> None:
        """Inputs and outputs are as many as the record says."""
        found = (len(self.op.inputs), len(self.op.outputs))
        self.require(
            found == (inputs, outputs),
            "The numbers of inputs and outputs do not fit the operation",
            found,
            (inputs, outputs),
        )

    def tensor(self, name: str) -> Tensor:
        """A tensor, which must not be a constant."""
        self.require(name in self.program.tensors, "A constant stands where a tensor must", name)
        return self.program.tensors[name]

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor or constant."""
        constant = self.program.constants.get(name)
        return self.program.tensors[name].shape if constant is None else constant.shape

    def dtype(self, name: str) -> DType:
        """Type of a tensor or constant."""
        constant = self.program.constants.get(name)
        if constant is None:
            return self.program.tensors[name].dtype
        return DType(constant.dtype.name)

    @property
    def x(self) -> Tensor:
        """The first input, a tensor."""
        return self.tensor(self.op.inputs[0])

    @property
    def y(self) -> Tensor:
        """The first output."""
        return self.tensor(self.op.outputs[0])

    def integers(self, name: str, most_bits: int = 16) -> DType:
        """Type of a tensor or constant of narrow integers."""
        dtype = self.dtype(name)
        self.require(
            dtype.is_integer and dtype.bits <= most_bits,
            f"{name!r} must hold integers of at most {most_bits} bits",
            dtype,
        )
        return dtype

    def magnitude(self, name: str, zero_point: int) -> int:
        """Largest |x - zero_point|; the zero point must be an integer of the type."""
        dtype = self.integers(name)
        self.zero_point(dtype, zero_point)
        return max(zero_point - dtype.qmin, dtype.qmax - zero_point)

    def zero_point(self, dtype: DType, zero_point: int) -> None:
        """A zero point lies within its type."""
        self.require(
            dtype.qmin <= zero_point <= dtype.qmax,
            f"The zero point lies outside {dtype}",
            zero_point,
        )

    def constant(self, name: str, dtype: DType, *shapes: tuple[int, ...]) -> Array:
        """A finite constant of a type that `dtype` holds safely and of one of `shapes`, if any."""
        array = self.program.constants[name]
        self.require(
            np.can_cast(array.dtype, dtype.numpy),
            f"Constant {name!r} has the wrong type",
            array.dtype,
            dtype,
        )
        self.require(
            not shapes or array.shape in shapes,
            f"Constant {name!r} has the wrong shape",
            array.shape,
            " or ".join(map(str, shapes)),
        )
        self.require(bool(np.isfinite(array).all()), f"Constant {name!r} must be finite")
        return array

    def broadcasts(self, shape: tuple[int, ...], result: tuple[int, ...], what: str) -> None:
        """`shape` broadcasts to exactly `result`."""
        padded = (1,) * (len(result) - len(shape)) + shape
        fits = len(padded) == len(result) and all(
            own in (1, other) for own, other in zip(padded, result, strict=True)
        )
        self.require(fits, f"{what} does not broadcast to the shape", shape, result)

    def result(self, shape: tuple[int, ...], dtype: DType | None = None, index: int = 0) -> None:
        """Output `index` has this shape and, if said, this type."""
        tensor = self.tensor(self.op.outputs[index])
        self.require(
            tensor.shape == shape,
            f"Output {tensor.name!r} has another shape than the operation gives it",
            tensor.shape,
            shape,
        )
        self.require(
            dtype is None or tensor.dtype is dtype,
            f"Output {tensor.name!r} has another type than the operation gives it",
            tensor.dtype,
            dtype,
        )

    def saturates(
        self, zero_point: int, bounds: tuple[int, int] | None = None, *, most_bits: int = 16
    ) -> None:
        """The first output holds what `saturate` makes: integers within `bounds`.

        They have at most 16 bits: float32 holds no more. See `requantizes` for others.
        """
        dtype = self.integers(self.op.outputs[0], most_bits)
        self.zero_point(dtype, zero_point)
        low, high = bounds or (dtype.qmin, dtype.qmax)
        self.require(
            dtype.qmin <= low <= high <= dtype.qmax, f"Bounds must lie within {dtype}", (low, high)
        )

    def requantizes(self, zero_point: int, bounds: tuple[int, int] | None = None) -> None:
        """As `saturates`, up to 32 bits where requantization is exact."""
        self.saturates(zero_point, bounds, most_bits=32 if self.program.exact else 16)

    def factor(self, value: float) -> None:
        """A factor is finite as float32 and not negative."""
        self.require(
            0 <= value <= FLOAT32_MAX,
            "A factor must be a float32 number that is not negative",
            value,
        )

    def real(self, value: float, what: str) -> None:
        """A number is float32's: infinite, NaN, or within its range."""
        self.require(
            not isfinite(value) or abs(value) <= FLOAT32_MAX, f"{what} is no float32 number", value
        )

    def axis(self, axis: int, rank: int) -> None:
        """An axis is one of `rank`."""
        self.require(0 <= axis < rank, "An axis lies outside the tensor", axis, f"0 to {rank - 1}")

    def elements(self, shape: tuple[int, ...], what: str) -> None:
        """Indices of 32 bits can name all elements."""
        self.require(prod(shape) <= MAX_ELEMENTS, f"{what} has too many elements", shape)

    def accumulator(self, magnitude: int, *operands: DType) -> None:
        """A sum of products fits: int32, or the wide one with an operand of more than 8 bits."""
        wide = any(dtype.bits > 8 for dtype in operands)
        dtype = self.program.wide_accumulator if wide else DType.INT32
        self.require(
            dtype in (DType.INT32, DType.INT64), "The accumulator must be int32 or int64", dtype
        )
        limit = min(dtype.qmax, _EXACT_IN_FLOAT64)
        if magnitude > limit:
            raise CompileError(
                Code.PROGRAM_INVALID,
                f"The accumulator can exceed {dtype}",
                where=self.op.name,
                got=magnitude,
                allowed=f"at most {limit}",
                hint="use fewer bits or a coarser weight scale for this operator",
            )

    def multiplier(self, factor: ArrayLike, magnitude: int) -> Multiplier:
        """Exact products of a factor with integers up to `magnitude` fit int64."""
        found = Multiplier.of(factor)
        self.require(
            not np.any(found.shift > PRODUCT_BITS)
            and found.product_bound(magnitude) < 2**PRODUCT_BITS,
            f"Products with the factor exceed {PRODUCT_BITS} bits",
            magnitude,
        )
        return found

    def scaling(self, factor: float, magnitude: int) -> None:
        """Integers up to `magnitude` times a factor, in float32 or exact."""
        self.factor(factor)
        if self.program.exact:
            self.multiplier(np.float32(factor), magnitude)
