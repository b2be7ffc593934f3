"""How far a tensor is from what it should be: sums that add up over samples.

All sums are taken in float64, over pieces of a fixed length in a fixed order, so that the result
does not depend on the number of threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.dtypes import Array

PIECE = 8192
"""Elements summed at once: short enough for the processor's cache, and for one thread of BLAS."""
SIGNAL_FLOOR = 1e-7
"""Added to the signal power, so that a tensor of zeros has a finite noise-to-signal ratio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Sums over one sample of a tensor: float values f, quantized values q.

    Attributes:
        count: Elements.
        signal: Sum of f**2.
        noise: Sum of (q - f)**2.
        product: Sum of f * q.
        power: Sum of q**2.
        expected: Smallest and largest f.
        actual: Smallest and largest q.
    """

    count: int
    signal: float
    noise: float
    product: float
    power: float
    expected: tuple[float, float]
    actual: tuple[float, float]

    @classmethod
    def of(cls, expected: Array, actual: Array) -> Self:
        """Compare two tensors of one shape; empty ones agree."""
        f, q = expected.reshape(-1), actual.reshape(-1)
        sums = np.zeros(4)
        for start in range(0, f.size, PIECE):
            a, b = (item[start : start + PIECE].astype(np.float64) for item in (f, q))
            difference = b - a
            sums += (a @ a, difference @ difference, a @ b, b @ b)
        signal, noise, product, power = map(float, sums)
        return cls(
            count=f.size,
            signal=signal,
            noise=noise,
            product=product,
            power=power,
            expected=_bounds(f),
            actual=_bounds(q),
        )

    @property
    def noise_to_signal(self) -> float:
        """sum((q - f)**2) / (sum(f**2) + 1e-7), a ratio of powers: less is better.

        What XQuant's report calls SNR (the formula is XSlim's, its open successor's).
        """
        return self.noise / (self.signal + SIGNAL_FLOOR)

    @property
    def cosine(self) -> float:
        """Cosine of the angle between f and q; 1.0 where both are all zero."""
        if self.signal == 0.0 or self.power == 0.0:
            return 1.0 if self.signal == self.power else 0.0
        return min(self.product / (math.sqrt(self.signal) * math.sqrt(self.power)), 1.0)


def energy(values: Array) -> float:
    """Sum of the squares, in float64."""
    flat = values.reshape(-1)
    total = 0.0
    for start in range(0, flat.size, PIECE):
        piece = flat[start : start + PIECE].astype(np.float64)
        total += float(piece @ piece)
    return total


def _bounds(values: NDArray[np.generic]) -> tuple[float, float]:
    if not values.size:
        return 0.0, 0.0
    return float(values.min()), float(values.max())
