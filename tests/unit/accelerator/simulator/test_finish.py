"""Rounding of finishes against exact fractions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.accelerator.isa.operands import Finish, Rounding, ToFloat, ToInteger
from toolchain.accelerator.simulator.finish import finish, parts, to_integer, with_bias
from toolchain.core.dtypes import DType
from toolchain.errors import CompileError

Oracle = Callable[[int, float, Finish], float]

WORD = ToInteger(
    rounding=Rounding.HALF_EVEN,
    exact=False,
    guard_bits=0,
    zero_point=0,
    low=-(2**31),
    high=2**31 - 1,
)
ROUNDINGS = st.sampled_from(Rounding)
SINGLES = st.floats(width=32, allow_nan=False, allow_infinity=False)
FACTORS = st.one_of(
    SINGLES.filter(lambda value: abs(value) < 2.0**30),
    st.builds(lambda m, e: m * 2.0**e, st.integers(-9, 9), st.integers(-40, 8)),
)


@given(st.integers(-(2**37), 2**37), FACTORS, ROUNDINGS, st.integers(-300, 300))
def test_exact_finishes(acc: int, factor: float, rounding: Rounding, zero_point: int) -> None:
    how = replace(WORD, exact=True, rounding=rounding, zero_point=zero_point)
    got = finish(np.array([acc]), np.float32(factor), how, DType.INT32)
    value = Fraction(acc) * Fraction(factor)
    half = Fraction(1, 2)
    nearest = {
        Rounding.HALF_EVEN: round(value),
        Rounding.HALF_UP: (value + half).__floor__(),
        Rounding.HALF_AWAY: (abs(value) + half).__floor__() * (1 if value > 0 else -1),
    }[rounding]
    assert got[0] == min(max(nearest + zero_point, how.low), how.high)


@given(st.integers(-(2**40), 2**40), FACTORS, ROUNDINGS, st.sampled_from([-128, 0, 5, 2**25]))
def test_float32_finishes(acc: int, factor: float, rounding: Rounding, zero_point: int) -> None:
    how = replace(WORD, rounding=rounding, zero_point=zero_point)
    got = finish(np.array([acc]), np.float32(factor), how, DType.INT32)
    value = Fraction(float(np.float32(acc) * np.float32(factor)))
    half = Fraction(1, 2)
    nearest = {
        Rounding.HALF_EVEN: round(value),
        Rounding.HALF_UP: (value + half).__floor__(),
        Rounding.HALF_AWAY: (abs(value) + half).__floor__() * (1 if value > 0 else -1),
    }[rounding]
    assert got[0] == min(max(nearest + zero_point, how.low), how.high)


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        # The table of docs/numerics.md, 1, and values that floor(v + 0.5) gets wrong.
        (Rounding.HALF_EVEN, [0, 2, 0, -2, 0, 8388609, 127]),
        (Rounding.HALF_UP, [1, 2, 0, -1, 0, 8388609, 127]),
        (Rounding.HALF_AWAY, [1, 2, -1, -2, 0, 8388609, 127]),
    ],
)
def test_ties(rounding: Rounding, expected: list[int]) -> None:
    real = np.array([0.5, 1.5, -0.5, -1.5, 0.49999997, 8388609, 127.25], np.float32)
    got = to_integer(real, replace(WORD, rounding=rounding), DType.INT32)
    assert got.tolist() == expected


def test_infinities_saturate() -> None:
    real = np.array([np.inf, -np.inf, 3e38, -3e38], np.float32)
    for rounding in Rounding:
        for zero_point in (0, 77):
            how = replace(WORD, rounding=rounding, zero_point=zero_point, low=-5, high=6)
            assert to_integer(real.copy(), how, DType.INT8).tolist() == [6, -5, 6, -5]
            wide = replace(WORD, rounding=rounding, zero_point=zero_point)
            assert to_integer(real.copy(), wide, DType.INT32).tolist() == [
                2**31 - 1,
                -(2**31),
                2**31 - 1,
                -(2**31),
            ]


def test_one_conversion_of_the_accumulator() -> None:
    # 2**24 + 1 and 2**24 + 3 are ties of float32, to even: 2**24 and 2**24 + 4.
    acc = np.array([2**24 + 1, 2**24 + 3])
    for kind in (np.int32, np.int64, np.float64):
        got = finish(acc.astype(kind), np.float32(1), WORD, DType.INT32)
        assert got.tolist() == [2**24, 2**24 + 4]


def test_float_finishes_are_clamped() -> None:
    how = ToFloat(guard_bits=0, low=-1.0, high=float("inf"))
    got = finish(np.array([-9, 3, 2**24 + 1]), np.float32(0.25), how, DType.FLOAT32)
    assert got.dtype == np.float32
    assert got.tolist() == [-1.0, 0.75, 2.0**22]


@given(SINGLES)
def test_parts_are_the_factor(factor: float) -> None:
    significand, shift = (int(part) for part in parts(np.float32(factor)))
    assert Fraction(factor) == significand * Fraction(2) ** -shift
    assert significand % 2 == 1 or (significand, shift) == (0, 0)


def test_factors_by_channel() -> None:
    how = replace(WORD, exact=True)
    acc = np.array([[3, 3, 3, 3]])
    got = finish(acc, np.array([0.5, 4, 0, -1.5], np.float32), how, DType.INT32)
    assert got.tolist() == [[2, 12, 0, -4]]


def test_a_product_beyond_62_bits_is_refused() -> None:
    with pytest.raises(CompileError, match="too large"):
        finish(np.array([2**40]), np.float32(2**23 + 1), replace(WORD, exact=True), DType.INT32)


def test_each_product_counts_for_itself() -> None:
    # 2**41 alone would be too large for the significand of the other channel.
    acc, factor = np.array([[2**41, 2**10]]), np.array([2.0**-20, 1 + 2.0**-23], np.float32)
    got = finish(acc, factor, replace(WORD, exact=True), DType.INT32)
    assert got.tolist() == [[2**21, 2**10]]


@given(
    st.integers(-(2**40), 2**40),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(0, 16),
)
def test_bias_below_the_steps_of_the_sum(total: int, bias: int, guard_bits: int) -> None:
    for kind in (np.float32, np.float64, np.int64):
        if kind is np.float32 and abs(total) > 2**24:
            continue
        acc = with_bias(np.array([total], kind), np.array([bias], np.int32), guard_bits)
        assert int(acc[0]) == (total << guard_bits) + bias


@given(
    st.integers(-(2**62) + 1, 2**62 - 1),
    st.integers(-62, 10).map(lambda e: 2.0**e),
    st.booleans(),
)
def test_results_of_64_bits(acc: int, factor: float, exact: bool) -> None:
    how = replace(WORD, exact=exact, low=-(2**63), high=2**63 - 1)
    got = finish(np.array([acc]), np.float32(factor), how, DType.INT64)
    value = Fraction(acc) if exact else Fraction(float(np.float32(acc)))
    assert got[0] == min(max(round(value * Fraction(factor)), how.low), how.high)


def test_zero_points_at_the_ends_of_64_bits() -> None:
    for exact in (False, True):
        how = replace(WORD, exact=exact, zero_point=2**63 - 1, low=-(2**63), high=2**63 - 1)
        got = finish(np.array([-5, 5]), np.float32(1), how, DType.INT64)
        assert got.tolist() == [2**63 - 6, 2**63 - 1]
