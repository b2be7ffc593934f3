"""How an accumulator becomes the result (docs/numerics.md, 1 and 5).

Accumulators are arrays of exact integers: of an integer type, or float32 and float64 where they
stay within what those count exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.accelerator.isa.operands import Finish, Rounding, ToFloat, ToInteger
from toolchain.accelerator.simulator.refusal import refuse
from toolchain.core.dtypes import Array, DType

_EXACT_LIMIT = 1 << 62
"""Products of an exact finish stay below this magnitude."""

_MIN, _MAX = -(1 << 63), (1 << 63) - 1
"""Of int64."""


def with_bias(total: Array, bias: Array | None, guard_bits: int) -> Array:
    """(total << guard_bits) + bias, exact; a float `total` may be overwritten.

    It becomes float64 where float32 does not count up to the result, and int64 beyond 2**53.
    """
    if bias is None and guard_bits == 0:
        return total
    added = np.zeros(1, np.int64) if bias is None else bias.astype(np.int64)
    most = (largest(total) << guard_bits) + largest(added)
    check_fits(most)
    if most > 2**53:
        total = total.astype(np.int64)
    elif most > 2**24:
        total = total.astype(np.float64, copy=False)
    total *= total.dtype.type(1 << guard_bits)
    total += added.astype(total.dtype)
    return total


def largest(integers: Array) -> int:
    """Largest magnitude of exact integers."""
    return max(int(integers.max()), -int(integers.min()))


def check_fits(magnitude: int) -> None:
    """Refuse accumulators that can exceed 63 bits."""
    if magnitude >= 1 << 63:
        raise refuse("an accumulator is too large", got=magnitude, allowed="below 2**63")


def finish(acc: Array, factor: Array | np.float32, how: Finish, dtype: DType) -> Array:
    """The result of accumulators, with a float32 factor that broadcasts against them."""
    if isinstance(how, ToFloat):
        real = acc.astype(np.float32) * factor
        return np.asarray(np.clip(real, np.float32(how.low), np.float32(how.high)))
    if how.exact:
        return _exact(acc, factor, how, dtype)
    return to_integer(acc.astype(np.float32) * factor, how, dtype)


def to_integer(real: NDArray[np.float32], how: ToInteger, dtype: DType) -> Array:
    """saturate(round(real) + zero_point) of float32 steps of the output; may overwrite them."""
    steps = np.asarray(rounded(np.asarray(real), how.rounding))
    low, high = how.low - how.zero_point, how.high - how.zero_point
    if max(abs(low), abs(high), abs(how.zero_point)) < 2**24:
        # All of these are float32 numbers, and clamping first is the same.
        np.clip(steps, np.float32(low), np.float32(high), out=steps)
        steps += np.float32(how.zero_point)
        return steps.astype(dtype.numpy)
    # The largest float32 number below 2**63 is 2**63 - 2**39.
    integers = np.clip(steps, -(2.0**63), 2.0**63 - 2.0**39).astype(np.int64)
    return saturated(np.where(steps >= 2.0**63, _MAX, integers), how, dtype)


def rounded(real: NDArray[np.float32], rounding: Rounding) -> NDArray[np.float32]:
    """Nearest integers, as float32; may overwrite its argument."""
    if rounding is Rounding.HALF_EVEN:
        return np.rint(real, out=real)
    if rounding is Rounding.HALF_UP:
        return _half_up(real)
    return np.copysign(_half_up(np.abs(real)), real)


def _half_up(real: NDArray[np.float32]) -> NDArray[np.float32]:
    below = np.floor(real)
    with np.errstate(invalid="ignore"):  # An infinity minus itself: no tie.
        below += (real - below) >= np.float32(0.5)
    return below


def _exact(acc: Array, factor: Array | np.float32, how: ToInteger, dtype: DType) -> Array:
    significand, shift = parts(factor)
    integers = acc.astype(np.int64)
    if largest(integers) * largest(significand) >= _EXACT_LIMIT:
        # Each with its own factor; float64 is precise enough to tell.
        most = float(np.abs(integers.astype(np.float64) * significand).max())
        if most >= _EXACT_LIMIT:
            what = "a product of an exact finish is too large"
            raise refuse(what, got=most, allowed="below 2**62")
    return saturated(shifted(integers * significand, shift, how.rounding), how, dtype)


def parts(factor: Array | np.float32) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Integers with factor = significand * 2**-shift, the significand odd or 0."""
    mantissa, exponent = np.frexp(np.asarray(factor, np.float64))
    significand = np.ldexp(mantissa, 24).astype(np.int64)
    zeros = np.maximum(np.frexp((significand & -significand).astype(np.float64))[1] - 1, 0)
    shift = np.where(significand == 0, 0, 24 - exponent - zeros)
    return significand >> zeros, shift.astype(np.int64)


def shifted(product: NDArray[np.int64], shift: Array, rounding: Rounding) -> NDArray[np.int64]:
    """round(product * 2**-shift) for products below 2**62, within int64."""
    left = np.clip(-shift, 0, 63)
    limit = np.int64(_MAX) >> left
    raised = np.where(product > limit, _MAX, np.where(product < -limit, _MIN, product << left))
    # From 63 bits on nothing is left of a product below 2**62, as of one of 0.
    right = np.clip(shift, 0, 62)
    raised = np.where(shift > 62, 0, raised)
    half = np.where(right > 0, np.left_shift(1, np.maximum(right, 1) - 1), 0)
    if rounding is Rounding.HALF_AWAY:
        away: NDArray[np.int64] = np.sign(raised) * ((np.abs(raised) + half) >> right)
        return away
    up: NDArray[np.int64] = (raised + half) >> right
    if rounding is Rounding.HALF_EVEN:
        tie = (half > 0) & ((raised & ((half << 1) - 1)) == half)
        up -= tie & (up & 1)
    return up


def saturated(steps: NDArray[np.int64], how: ToInteger, dtype: DType) -> Array:
    """Integers moved by the zero point and clamped."""
    low, high = max(how.low - how.zero_point, _MIN), min(how.high - how.zero_point, _MAX)
    result: NDArray[Any] = np.clip(steps, low, high) + how.zero_point
    return result.astype(dtype.numpy)
