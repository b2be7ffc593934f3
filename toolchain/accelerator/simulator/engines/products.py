"""Sums of products on BLAS: floats are exact integers where the sums are small enough."""

from __future__ import annotations

import numpy as np

from toolchain.accelerator.simulator.refusal import refuse
from toolchain.core.dtypes import Array


def carrier(largest: int, magnitudes: Array, axes: tuple[int, ...]) -> type[np.floating]:
    """Float type that holds every partial sum of products exactly.

    Args:
        largest: Largest magnitude of one factor.
        magnitudes: Of the other factor, integers.
        axes: What is summed over.
    """
    total = largest * int(np.sum(magnitudes, axis=axes, dtype=np.int64).max())
    if total < 2**24:
        return np.float32
    if total < 2**53:
        return np.float64
    raise refuse("a sum of products can exceed 2**53", got=total)
