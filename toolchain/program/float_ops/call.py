"""One evaluation of a float operator: its record, its inputs, and checked access to both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from toolchain.errors import Code, CompileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array
    from toolchain.program.records import FloatOp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Call:
    """What a kernel gets.

    Attributes:
        op: The operator with its attributes.
        inputs: All inputs in ONNX order, constants filled in, None where left out.

    Every method raises CompileError(PROGRAM_INVALID) naming the operator where an input or an
    attribute is missing or of the wrong kind.
    """

    op: FloatOp
    inputs: tuple[Array | None, ...]

    def invalid(self, message: str, *, got: object = None, allowed: str = "") -> CompileError:
        """The error to raise where the operator cannot be evaluated."""
        return CompileError(
            Code.PROGRAM_INVALID,
            f"{self.op.op_type}: {message}",
            where=self.op.name,
            got=got,
            allowed=allowed or None,
        )

    def optional(self, index: int) -> Array | None:
        """Input `index`, None where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def array(self, index: int) -> Array:
        """Input `index` of any type."""
        value = self.optional(index)
        if value is None:
            raise self.invalid(f"input {index} is missing")
        return value

    def real(self, index: int) -> NDArray[np.float32]:
        """Input `index`, which must be float32."""
        return self._checked(self.array(index), index)

    def optional_real(self, index: int) -> NDArray[np.float32] | None:
        """Input `index`, which must be float32, None where it is left out."""
        value = self.optional(index)
        return None if value is None else self._checked(value, index)

    def reals(self) -> tuple[NDArray[np.float32], ...]:
        """All inputs, which must be float32."""
        return tuple(self.real(index) for index in range(len(self.inputs)))

    def _checked(self, value: Array, index: int) -> NDArray[np.float32]:
        if value.dtype != np.float32:
            raise self.invalid(f"input {index}", got=value.dtype, allowed="float32")
        return value

    def numbers(self, index: int) -> tuple[int, ...] | None:
        """The integers in input `index` (shapes, axes, pads), None where it is left out."""
        value = self.optional(index)
        if value is None:
            return None
        if value.dtype.kind not in "iu":
            raise self.invalid(f"input {index}", got=value.dtype, allowed="an integer type")
        return tuple(int(item) for item in value.ravel())

    def integer(self, name: str, default: int | None = None) -> int:
        """Integer attribute; without a default it must be there."""
        value = self.op.attributes.get(name, default)
        if not isinstance(value, int):
            raise self.invalid(f"attribute {name}", got=value, allowed="an integer")
        return value

    def number(self, name: str, default: float) -> np.float32:
        """Float attribute, rounded to float32 as ONNX stores it."""
        value = self.op.attributes.get(name, default)
        if not isinstance(value, (int, float)):
            raise self.invalid(f"attribute {name}", got=value, allowed="a number")
        return np.float32(value)

    def text(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """Text attribute, one of `allowed`."""
        value = self.op.attributes.get(name, default)
        if not isinstance(value, str) or value not in allowed:
            raise self.invalid(f"attribute {name}", got=value, allowed=", ".join(allowed))
        return value

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Attribute of several integers, None where it is not set."""
        value = self.op.attributes.get(name)
        if value is None:
            return None
        if not isinstance(value, tuple) or not all(isinstance(item, int) for item in value):
            raise self.invalid(f"attribute {name}", got=value, allowed="integers")
        return tuple(int(item) for item in value)

    def axis(self, value: int, rank: int) -> int:
        """`value` counted from the front, 0 <= axis < rank."""
        if not -rank <= value < rank:
            raise self.invalid("axis", got=value, allowed=f"{-rank} to {rank - 1}")
        return value % rank

    def axes(self, values: tuple[int, ...], rank: int) -> tuple[int, ...]:
        """`values` counted from the front, each at most once, in the order given."""
        found = tuple(self.axis(value, rank) for value in values)
        if len(set(found)) != len(found):
            raise self.invalid("axes repeat", got=values, allowed="each axis once")
        return found


Kernel: TypeAlias = Callable[[Call], tuple["Array", ...]]
"""Computes the outputs of one operator."""
