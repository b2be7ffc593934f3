from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.core.quant import Rounding
from toolchain.numerics.rounding import round_to_integer

VALUES = [-2.5, -1.5, -0.5, -0.25, 0.25, 0.5, 1.5, 2.5, 0.49999997, -0.49999997]


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_EVEN, [-2, -2, 0, 0, 0, 0, 2, 2, 0, 0]),
        (Rounding.HALF_UP, [-2, -1, 0, 0, 0, 1, 2, 3, 0, 0]),
        (Rounding.HALF_AWAY, [-3, -2, -1, 0, 0, 1, 2, 3, 0, 0]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ties_by_hand(rounding, expected, dtype) -> None:
    result = round_to_integer(np.array(VALUES, np.float32).astype(dtype), rounding)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("rounding", Rounding)
def test_large_odd_integers_and_infinities_stay(rounding) -> None:
    # floor(x + 0.5) would turn 2**23 + 1 into 2**23 + 2.
    values = np.array([2**23 + 1, -(2**23) - 1, 2**24 - 1, np.inf, -np.inf], np.float32)
    np.testing.assert_array_equal(round_to_integer(values, rounding), values)


def exact(value: Fraction, rounding: Rounding) -> int:
    if rounding is Rounding.HALF_EVEN:
        return round(value)
    if rounding is Rounding.HALF_UP:
        return floor(value + Fraction(1, 2))
    return (1 if value >= 0 else -1) * floor(abs(value) + Fraction(1, 2))


@settings(deadline=None, max_examples=200)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.sampled_from(Rounding))
def test_equals_exact_arithmetic(value, rounding) -> None:
    result = round_to_integer(np.array([value], np.float32), rounding)
    assert int(result[0]) == exact(Fraction(value), rounding)
