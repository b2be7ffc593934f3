"""The DPU's functions against its integer formulas, for every 8-bit input at many positions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from tc_target_dpu import functions

Q = range(-128, 128)


def real(position: int) -> np.ndarray:
    return np.array([q * 2.0**-position for q in Q], np.float32)


def rounded(results: np.ndarray, position: int) -> list[int]:
    """Half up to int8, exactly, from float32 results."""
    return [half_up(Fraction(float(y)) * 2**position) for y in results]


def half_up(exact: Fraction) -> int:
    return max(-128, min(127, math.floor(exact + Fraction(1, 2))))


@pytest.mark.parametrize("position", range(16))
def test_hard_sigmoid_by_shifts(position: int):
    found = rounded(functions.hard_sigmoid(None, real(position)), 7)
    shift = 14 + position - 7
    formula = [
        half_up(Fraction(min(2**32, max(0, q * 2731 + 3 * 2731 * 2**position)), 2**shift))
        for q in Q
    ]
    assert found == formula


@pytest.mark.parametrize("position", range(16))
@pytest.mark.parametrize("output", [0, 4, 9, 15])
def test_hard_swish_by_shifts(position: int, output: int):
    found = rounded(functions.hard_swish(None, real(position)), output)
    shift = 14 + position - 7
    inner = [half_up(Fraction(max(0, q * 2731 + 3 * 2731 * 2**position), 2**shift)) for q in Q]
    exact = (
        Fraction(q * h) * Fraction(2) ** (output - position - 7)
        for q, h in zip(Q, inner, strict=True)
    )
    assert found == [half_up(value) for value in exact]


@pytest.mark.parametrize("position", range(-3, 12))
def test_leaky_relu_by_26_over_256(position: int):
    found = rounded(functions.leaky_relu(None, real(position)), 5)
    exact = (Fraction(q) * (Fraction(26, 256) if q < 0 else 1) for q in Q)
    assert found == [half_up(value * Fraction(2) ** (5 - position)) for value in exact]


@pytest.mark.parametrize("position", range(16))
def test_sigmoid_by_table(position: int):
    found = functions.sigmoid(None, real(position))
    for q, value in zip(Q, found, strict=True):
        index = math.floor(q * 2.0 ** (7 - position))
        if abs(index) >= 1024:
            assert value == (index > 0)
        else:
            entry = 32768 / (1 + math.exp(-index / 128))
            assert abs(value * 32768 - entry) <= 0.5 + 1e-3
            assert float(value * 32768).is_integer()


def test_tanh_by_table():
    found = functions.tanh(None, np.array([-4.0, -1.0, 0.0, 1 / 256, 1.999 / 256, 4.0], np.float32))
    one = round(math.tanh(1) * 32768) / 32768
    first = round(math.tanh(1 / 256) * 32768) / 32768
    assert found.tolist() == [-1.0, -one, 0.0, first, first, 1.0]
