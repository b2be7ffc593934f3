"""Requantization without floating point: integer multipliers and right shifts (numerics.md, 5).

A factor is `significand * 2**-shift` with integers; products with accumulators are exact, and only
the shift rounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from toolchain.core.quant import Rounding

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from toolchain.core.dtypes import Array, DType

PRODUCT_BITS = 62
"""Products of accumulators and significands stay below 2**62, so that int64 holds them."""


class Multiplier(NamedTuple):
    """significand * 2**-shift.

    Attributes:
        significand: int64, odd or 0.
        shift: int64, the same shape; negative for factors of 2 and more.
    """

    significand: NDArray[np.int64]
    shift: NDArray[np.int64]

    @classmethod
    def of(cls, factor: ArrayLike) -> Multiplier:
        """The multiplier that is equal to a float32 `factor`, which is >= 0 and finite."""
        fraction, exponent = np.frexp(np.asarray(factor, np.float64))
        significand = np.ldexp(fraction, 24).astype(np.int64)
        # The lowest bit that is set says how many zeros can go.
        lowest = significand & -significand
        zeros = np.where(significand == 0, 0, np.frexp(lowest.astype(np.float64))[1] - 1)
        shift = np.where(significand == 0, 0, 24 - exponent - zeros)
        return cls(significand >> zeros, shift.astype(np.int64))

    def product_bound(self, magnitude: int) -> int:
        """Largest product with an integer of at most `magnitude`, left shifts included."""
        left = np.maximum(-self.shift, 0)
        return max((magnitude * int(m) << int(s) for m, s in np.nditer((self.significand, left))))


def nearest_multiplier(real: ArrayLike, bits: int) -> NDArray[np.float32]:
    """The nearest numbers with at most `bits` <= 24 significant bits, ties to even, as float32."""
    fraction, exponent = np.frexp(np.asarray(real, np.float64))
    significand = np.rint(np.ldexp(fraction, bits))
    return np.asarray(np.ldexp(significand, exponent - bits), np.float32)


def common_multipliers(first: float, second: float, bits: int) -> tuple[np.float32, np.float32]:
    """Two factors over one shift: the larger has at most `bits` significant bits.

    The smaller is rounded to the same multiple of a power of two, ties to even.
    """
    larger = nearest_multiplier(max(first, second), bits)
    step = np.ldexp(1.0, int(np.frexp(np.float64(larger))[1]) - bits)
    one, other = (np.float32(np.rint(value / step) * step) for value in (first, second))
    return one, other


def shift_right(
    values: NDArray[np.int64], shift: NDArray[np.int64], rounding: Rounding
) -> NDArray[np.int64]:
    """Values * 2**-shift rounded to an integer; a negative shift multiplies.

    `shift` broadcasts against `values` and is at most 62; |values| < 2**62.
    """
    right, left = np.maximum(shift, 0), np.maximum(-shift, 0)
    floor = values >> right
    rest = values - (floor << right)
    half = (np.int64(1) << right) >> 1
    match rounding:
        case Rounding.HALF_EVEN:
            tie = (floor & 1) == 1
        case Rounding.HALF_UP:
            tie = np.ones_like(values, np.bool_)
        case Rounding.HALF_AWAY:
            tie = values >= 0
    up = (right > 0) & ((rest > half) | ((rest == half) & tie))
    return np.asarray((floor + up) << left, np.int64)


def shift_saturate(
    values: NDArray[np.int64],
    shift: NDArray[np.int64],
    zero_point: int,
    bounds: tuple[int, int],
    rounding: Rounding,
    dtype: DType,
) -> Array:
    """saturate(round(values * 2**-shift) + zero_point) within `bounds`, all in int64."""
    steps = shift_right(values, shift, rounding)
    return np.clip(steps + zero_point, *bounds).astype(dtype.numpy)


def reciprocal(count: int) -> tuple[int, int]:
    """Integers m and s whose m * 2**-s is nearest to 1 / count, s < ceil(log2(128 * count)).

    Of two equally near the one with the smaller s (the average pooling of Xilinx's DPU, see the
    sources of the target).
    """
    last = int(np.ceil(np.log2(128 * count)))
    pairs = [(round(2**s / count), s) for s in range(last)]
    return min(pairs, key=lambda pair: abs(pair[0] * count - 2 ** pair[1]) / 2 ** pair[1])
