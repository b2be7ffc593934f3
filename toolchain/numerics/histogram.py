"""A histogram that needs no range beforehand and adds up over samples.

Bins are as wide as a power of two and begin at 0. Where a value lies beyond the last one,
neighbours are merged until it fits: floor(x / 2w) = floor(floor(x / w) / 2), so the counts depend
on the values alone and not on the order in which they came.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from toolchain.numerics.agreement import PIECE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array

HALF = 1024
"""Fine bins on each side of 0."""
SMALLEST = -149
"""Exponent of the narrowest bin: the smallest float32."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Histogram:
    """Counts of finite values in 2 * HALF bins.

    Attributes:
        exponent: Bins are 2**exponent wide.
        counts: int64; bin k holds floor(x / 2**exponent) = k - HALF.
    """

    exponent: int
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, values: Array) -> Self:
        """Count all finite elements, in the narrowest bins that hold them all."""
        flat = values.reshape(-1)
        largest = float(max(abs(flat.min()), abs(flat.max()))) if flat.size else 0.0
        if not math.isfinite(largest):
            flat = flat[np.isfinite(flat)]
            largest = float(np.abs(flat).max(initial=0.0))
        exponent = SMALLEST
        if largest > 0.0:
            # HALF * width must exceed the largest magnitude; frexp: largest < 2**exponent.
            exponent = max(math.frexp(largest)[1] - (HALF.bit_length() - 1), SMALLEST)
        counts = np.zeros(2 * HALF, np.int64)
        for start in range(0, flat.size, PIECE):
            piece = flat[start : start + PIECE].astype(np.float64)
            index = np.floor(np.ldexp(piece, -exponent)).astype(np.int64) + HALF
            counts += np.bincount(index, minlength=2 * HALF)
        return cls(exponent=exponent, counts=counts)

    def plus(self, other: Self) -> Self:
        """The histogram of both sets of values."""
        exponent = max(self.exponent, other.exponent)
        counts = self._widened(exponent) + other._widened(exponent)
        return type(self)(exponent=exponent, counts=counts)

    def bins(self, minimum: float, maximum: float, number: int) -> tuple[int, ...]:
        """Counts in `number` equal bins over [minimum, maximum], by the middles of the fine ones.

        What lies outside counts in the first and the last bin.
        """
        (found,) = np.nonzero(self.counts)
        middles = np.ldexp(found - HALF + 0.5, self.exponent)
        width = (maximum - minimum) / number
        with np.errstate(over="ignore", invalid="ignore"):
            index = np.floor((middles - minimum) / width) if width > 0 else np.zeros(found.size)
        coarse = np.clip(np.nan_to_num(index), 0, number - 1).astype(np.int64)
        counts = np.zeros(number, np.int64)
        np.add.at(counts, coarse, self.counts[found])
        return tuple(int(count) for count in counts)

    def _widened(self, exponent: int) -> NDArray[np.int64]:
        """Counts in bins of 2**exponent."""
        counts = self.counts
        for _ in range(min(exponent - self.exponent, 2 * HALF.bit_length())):
            wide = np.zeros_like(counts)
            wide[HALF // 2 : HALF // 2 + HALF] = counts.reshape(-1, 2).sum(axis=1)
            counts = wide
        return counts
