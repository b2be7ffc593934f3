"""Element types of tensors, with the facts that quantization needs of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""An array of any element type."""


class DType(StrEnum):
    """Element type of a tensor; the values are the words users write."""

    INT4 = "int4"
    UINT4 = "uint4"
    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT16 = "float16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BOOL = "bool"

    @property
    def is_integer(self) -> bool:
        """True for signed and unsigned integers, not for bool."""
        return self.value.startswith(("int", "uint"))

    @property
    def is_float(self) -> bool:
        """True for the floating-point types."""
        return self.value.startswith("float")

    @property
    def signed(self) -> bool:
        """True where negative values exist."""
        return not self.value.startswith("uint") and self is not DType.BOOL

    @property
    def bits(self) -> int:
        """Width of one element in bits; bool is stored in 8."""
        return 8 if self is DType.BOOL else int("".join(c for c in self.value if c.isdigit()))

    @property
    def qmin(self) -> int:
        """Smallest integer of an integer type."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def qmax(self) -> int:
        """Largest integer of an integer type."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    @property
    def numpy(self) -> np.dtype[Any]:
        """The numpy type that holds one element; 4-bit types live in 8-bit ones."""
        match self:
            case DType.INT4:
                return np.dtype(np.int8)
            case DType.UINT4:
                return np.dtype(np.uint8)
            case _:
                return np.dtype(self.value)
