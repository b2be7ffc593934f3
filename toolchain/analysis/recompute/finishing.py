"""From the exact value of one element to what is stored, written down from docs/numerics.md.

Everything is exact: Python's integers and fractions, and float32 where the rules say float32. It is
not the interpreter's arithmetic, so that the one can be held against the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding

Exact: TypeAlias = Fraction | float
"""A number before rounding; a float is an infinity."""
_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """saturate(round(value) + zero_point) within [low, high].

    Attributes:
        dtype: Type of the output.
        rounding: How ties are rounded.
        zero_point: Integer that stands for 0.
        low: Smallest integer kept.
        high: Largest integer kept.
    """

    dtype: DType
    rounding: Rounding
    zero_point: int
    low: int
    high: int

    def store(self, value: Exact) -> int:
        """The integer that `value`, in steps of the output, is stored as."""
        if isinstance(value, float):
            return self.high if value > 0 else self.low
        return min(max(round_exactly(value, self.rounding) + self.zero_point, self.low), self.high)

    def faults(self, value: Exact) -> dict[str, float]:
        """What would be stored with each of the usual mistakes, by what the mistake is."""
        if isinstance(value, float):
            return {}
        found: dict[str, float] = {}
        if abs(value - math.floor(value)) == _HALF:
            for other in Rounding:
                if other is not self.rounding:
                    text = f"ties are rounded {other} instead of {self.rounding}"
                    found[text] = replace(self, rounding=other).store(value)
        found["the value is cut off instead of rounded"] = self._clamp(math.trunc(value))
        found["the value is rounded down instead of to the nearest"] = self._clamp(
            math.floor(value)
        )
        found["the zero point of the output is missing"] = min(
            max(round_exactly(value, self.rounding), self.low), self.high
        )
        whole = round_exactly(value, self.rounding) + self.zero_point
        bits = self.dtype.bits
        wrapped = (whole - self.dtype.qmin) % (1 << bits) + self.dtype.qmin
        found["the value wraps around instead of saturating"] = wrapped
        ends = replace(self, low=self.dtype.qmin, high=self.dtype.qmax)
        found[f"the bounds [{self.low}, {self.high}] are not applied"] = ends.store(value)
        return found

    def _clamp(self, steps: int) -> int:
        return min(max(steps + self.zero_point, self.low), self.high)


def round_exactly(value: Fraction, rounding: Rounding) -> int:
    """The integer nearest to `value` (docs/numerics.md, 1)."""
    floor = math.floor(value)
    rest = value - floor
    if rest != _HALF:
        return floor + (rest > _HALF)
    match rounding:
        case Rounding.HALF_EVEN:
            return floor + floor % 2
        case Rounding.HALF_UP:
            return floor + 1
        case Rounding.HALF_AWAY:
            return floor + (value > 0)


def exactly(value: np.float32 | float) -> Exact:
    """A float as the number that it is."""
    return Fraction(float(value)) if math.isfinite(value) else float(value)


def product(accumulator: int, factor: np.float32, *, exact: bool) -> Exact:
    """float32(accumulator) * factor in float32, or exact (docs/numerics.md, 5)."""
    if exact:
        return accumulator * Fraction(float(factor))
    with np.errstate(over="ignore"):
        # From an int64 there is one rounding; a Python float between would make it two.
        return exactly(np.int64(accumulator).astype(np.float32) * factor)
