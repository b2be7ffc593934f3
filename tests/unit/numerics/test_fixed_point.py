"""Integer requantization, held against exact fractions and against numbers worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.numerics.fixed_point import (
    Multiplier,
    common_multipliers,
    nearest_multiplier,
    reciprocal,
    shift_right,
    shift_saturate,
)

FACTORS = st.floats(2.0**-30, 2.0**10, width=32)


def exactly_rounded(value: Fraction, rounding: Rounding) -> int:
    """Independent of the code: fractions and the words of docs/numerics.md, 1."""
    below = floor(value)
    rest = value - below
    if rest != Fraction(1, 2):
        return below + (rest > Fraction(1, 2))
    match rounding:
        case Rounding.HALF_EVEN:
            return below + below % 2
        case Rounding.HALF_UP:
            return below + 1
        case Rounding.HALF_AWAY:
            return below + (value > 0)


@given(FACTORS)
@settings(deadline=None, max_examples=100)
def test_a_multiplier_is_the_factor_itself(factor: float) -> None:
    found = Multiplier.of(np.float32(factor))
    assert Fraction(int(found.significand)) / Fraction(2) ** int(found.shift) == Fraction(factor)
    assert int(found.significand) % 2 == 1


def test_multiplier_of_zero_and_of_powers_of_two() -> None:
    found = Multiplier.of(np.array([0.0, 1.0, 0.125, 4.0], np.float32))
    assert found.significand.tolist() == [0, 1, 1, 1]
    assert found.shift.tolist() == [0, 0, 3, -2]


def test_product_bound_counts_left_shifts() -> None:
    assert Multiplier.of(np.array([3.0, 0.5], np.float32)).product_bound(10) == 30
    assert Multiplier.of(np.array([8.0], np.float32)).product_bound(10) == 80


@given(FACTORS, st.integers(2, 24))
@settings(deadline=None, max_examples=100)
def test_nearest_multiplier_is_within_half_a_step(factor: float, bits: int) -> None:
    found = nearest_multiplier(factor, bits)
    assert int(Multiplier.of(found).significand).bit_length() <= bits
    assert abs(Fraction(float(found)) - Fraction(factor)) <= Fraction(factor) / 2**bits


def test_common_multipliers_by_hand() -> None:
    # 1.5 with 3 bits is 6 * 2**-2; 0.30 in steps of a quarter is 1 * 2**-2.
    assert common_multipliers(1.5, 0.30, 3) == (np.float32(1.5), np.float32(0.25))
    # 0.99 rounds up to 1 = 4 * 2**-2 with 3 bits: the steps are those of the rounded number.
    assert common_multipliers(0.26, 0.99, 3) == (np.float32(0.25), np.float32(1.0))


@given(
    st.lists(st.integers(-(2**61), 2**61), min_size=1, max_size=8),
    st.integers(0, 62),
    st.sampled_from(Rounding),
)
@settings(deadline=None, max_examples=200)
def test_shift_right_rounds_exactly(values: list[int], shift: int, rounding: Rounding) -> None:
    found = shift_right(np.array(values, np.int64), np.array(shift), rounding)
    wanted = [exactly_rounded(Fraction(value, 2**shift), rounding) for value in values]
    assert found.tolist() == wanted


def test_negative_shifts_multiply() -> None:
    found = shift_right(np.array([3, -5]), np.array(-2), Rounding.HALF_UP)
    assert found.tolist() == [12, -20]


@pytest.mark.parametrize(
    ("rounding", "wanted"),
    [
        # -20 / 8 = -2.5, -12 / 8 = -1.5, 12 / 8 = 1.5, 20 / 8 = 2.5, 13 / 8 = 1.625
        (Rounding.HALF_EVEN, [-2, -2, 2, 2, 2]),
        (Rounding.HALF_UP, [-2, -1, 2, 3, 2]),
        (Rounding.HALF_AWAY, [-3, -2, 2, 3, 2]),
    ],
)
def test_ties_by_hand(rounding: Rounding, wanted: list[int]) -> None:
    values = np.array([-20, -12, 12, 20, 13])
    assert shift_right(values, np.array(3), rounding).tolist() == wanted


def test_saturation_by_hand() -> None:
    # (1000, -1000, 40) / 4 + 10 = 260, -240, 20
    found = shift_saturate(
        np.array([1000, -1000, 40]), np.array(2), 10, (0, 255), Rounding.HALF_UP, DType.UINT8
    )
    assert found.tolist() == [255, 0, 20]
    assert found.dtype == np.uint8


@pytest.mark.parametrize(
    ("count", "wanted"),
    [
        (4, (1, 2)),
        (1, (1, 0)),
        # s < ceil(log2(384)) = 9: 85 / 256 is 0.3320, nearer than 43 / 128 = 0.3359
        (3, (85, 8)),
    ],
)
def test_reciprocals(count: int, wanted: tuple[int, int]) -> None:
    assert reciprocal(count) == wanted


@given(st.integers(1, 4096))
@settings(deadline=None, max_examples=50)
def test_reciprocals_are_the_best_of_their_shifts(count: int) -> None:
    significand, shift = reciprocal(count)
    error = abs(Fraction(significand, 2**shift) - Fraction(1, count))
    limit = 0
    while 2**limit < 128 * count:
        limit += 1
    others = (Fraction(round(Fraction(2**s, count)), 2**s) for s in range(limit))
    assert error == min(abs(other - Fraction(1, count)) for other in others)
    assert shift < limit
