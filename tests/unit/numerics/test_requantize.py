from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.core.dtypes import DType
from toolchain.core.quant import Rounding
from toolchain.numerics.requantize import multiplier, requantize, saturate


def test_the_multiplier_rounds_the_product_first() -> None:
    a, b, c = (np.float32(v) for v in (0.1, 0.3, 0.7))
    # Exact in float64, then rounded to float32 after each operation.
    product = np.float32(np.float64(a) * np.float64(b))
    expected = np.float32(np.float64(product) / np.float64(c))
    result = multiplier(a, np.array([b, b]), c)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, [expected, expected])


@pytest.mark.parametrize(
    ("rounding", "expected"),
    # Accumulators -5, -3, -1, 1, 3, 5 times 1/2 plus 10.
    [
        (Rounding.HALF_EVEN, [8, 8, 10, 10, 12, 12]),
        (Rounding.HALF_UP, [8, 9, 10, 11, 12, 13]),
        (Rounding.HALF_AWAY, [7, 8, 9, 11, 12, 13]),
    ],
)
def test_ties_by_hand(rounding, expected) -> None:
    accumulators = np.array([-5, -3, -1, 1, 3, 5], np.int32)
    result = requantize(accumulators, np.float32(0.5), 10, (-128, 127), rounding, DType.INT8)
    assert result.dtype == np.int8
    np.testing.assert_array_equal(result, expected)


def test_bounds_and_huge_values_saturate() -> None:
    accumulators = np.array([-(2**31), -1, 0, 3, 2**31 - 1], np.int32)
    factor = np.float32(2.0)
    result = requantize(accumulators, factor, 5, (5, 10), Rounding.HALF_EVEN, DType.UINT8)
    np.testing.assert_array_equal(result, [5, 5, 5, 10, 10])
    wide = requantize(
        accumulators, factor, 0, (-(2**31), 2**31 - 1), Rounding.HALF_EVEN, DType.INT32
    )
    np.testing.assert_array_equal(wide, [-(2**31), -2, 0, 6, 2**31 - 1])


def test_int32_above_two_to_the_24_rounds_to_the_nearest_even_float() -> None:
    accumulators = np.array([2**24 + 1, 2**24 + 3], np.int32)
    result = requantize(
        accumulators, np.float32(1), 0, (-(2**31), 2**31 - 1), Rounding.HALF_EVEN, DType.INT32
    )
    np.testing.assert_array_equal(result, [2**24, 2**24 + 4])


def test_one_factor_per_channel() -> None:
    accumulators = np.array([[4, 8], [4, 8]], np.int32)
    factor = np.array([[0.5], [0.25]], np.float32)
    result = requantize(accumulators, factor, 0, (-128, 127), Rounding.HALF_EVEN, DType.INT8)
    np.testing.assert_array_equal(result, [[2, 4], [1, 2]])


def test_infinities_saturate() -> None:
    real = np.array([np.inf, -np.inf, 2.5], np.float32)
    result = saturate(real, 1, (-128, 127), Rounding.HALF_UP, DType.INT8)
    np.testing.assert_array_equal(result, [127, -128, 4])


@settings(deadline=None, max_examples=100)
@given(st.integers(-(2**24), 2**24), st.floats(2.0**-30, 1, width=32))
def test_is_one_rounded_product(accumulator, factor) -> None:
    # An integer of 25 bits is exact in float32; the product is rounded once.
    real = Fraction(float(np.float32(np.float64(accumulator) * np.float64(factor))))
    expected = min(max(round(real) - 3, -128), 127)
    result = requantize(
        np.array([accumulator], np.int32),
        np.float32(factor),
        -3,
        (-128, 127),
        Rounding.HALF_EVEN,
        DType.INT8,
    )
    assert int(result[0]) == expected
