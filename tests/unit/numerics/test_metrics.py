from __future__ import annotations

import math

import numpy as np
import pytest

from toolchain.numerics.metrics import cosine, decibels, energies, max_excess


def array(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_cosine_by_hand() -> None:
    assert cosine(array(1, 0), array(5, 0)) == 1.0
    assert cosine(array(1, 0), array(0, 2)) == 0.0
    assert cosine(array(1, 1), array(-2, -2)) == pytest.approx(-1.0)
    assert cosine(array(3, 4), array(4, 3)) == pytest.approx(24 / 25)
    assert cosine(array(0, 0), array(0, 0)) == 1.0
    assert cosine(array(0, 0), array(1, 0)) == 0.0


def test_cosine_of_integers_does_not_wrap() -> None:
    ones = np.full(4, 127, np.int8)
    assert cosine(ones, ones) == pytest.approx(1.0)


def test_energies_and_decibels_by_hand() -> None:
    assert energies(array(10, 0), array(10, 1)) == (100.0, 1.0)
    assert energies(array(1, 2), array(1, 2)) == (5.0, 0.0)
    assert decibels(100.0, 1.0) == pytest.approx(20.0)
    assert decibels(1.0, 0.0) == math.inf
    assert decibels(0.0, 1.0) == -math.inf
    assert decibels(0.0, 0.0) == math.inf


def test_max_excess_by_hand() -> None:
    # 0.3 off where 0.1 + 0.1 * 2 is allowed: just 1.
    assert max_excess(array(2, 0), array(2.3, 0), 0.1, 0.1) == pytest.approx(1.0, rel=1e-6)
    assert max_excess(array(0), array(1), 0.1, 0.0) == math.inf
    assert max_excess(array(0), array(0), 0.1, 0.0) == 0.0
    assert max_excess(array(), array(), 0.1, 0.1) == 0.0
