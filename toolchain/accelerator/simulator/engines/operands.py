"""Operands of all engines: elements without their zero points."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from toolchain.accelerator.isa.operands import View
from toolchain.accelerator.simulator.finish import check_fits, largest
from toolchain.core.dtypes import Array

Read: TypeAlias = Callable[[View], Array]
"""Elements of a view."""


def centred(elements: Array, zero: int) -> Array:
    """Exact differences: int32 for types of up to 16 bits, int64 for wider ones."""
    wide = np.int32 if elements.dtype.itemsize <= 2 else np.int64
    if elements.dtype.itemsize == 8:
        check_fits(largest(elements) + abs(zero))
    return np.subtract(elements, wide(zero), dtype=wide)


def optional(read: Read, view: View | None) -> Array | None:
    """Elements of an operand that need not be there."""
    return None if view is None else read(view)
