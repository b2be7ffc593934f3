from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from toolchain.numerics.agreement import PIECE, Agreement, energy

VALUES = arrays(np.float32, st.integers(1, 40), elements=st.floats(-100, 100, width=32))


def test_figures_by_hand() -> None:
    found = Agreement.of(np.float32([3, 4, 0]), np.float32([3, 5, 1]))
    assert (found.count, found.signal, found.noise) == (3, 25.0, 2.0)
    assert (found.product, found.power) == (29.0, 35.0)
    assert found.noise_to_signal == 2.0 / (25.0 + 1e-7)
    assert found.cosine == pytest.approx(29.0 / (5.0 * math.sqrt(35.0)))
    assert (found.expected, found.actual) == ((0.0, 4.0), (1.0, 5.0))


def test_zeros() -> None:
    zeros, ones = np.zeros(4, np.float32), np.ones(4, np.float32)
    assert Agreement.of(zeros, zeros).cosine == 1.0
    assert Agreement.of(zeros, ones).cosine == 0.0
    assert Agreement.of(ones, zeros).cosine == 0.0
    # XQuant's formula is finite without any signal.
    assert Agreement.of(zeros, ones).noise_to_signal == 4.0 / 1e-7
    assert Agreement.of(zeros[:0], zeros[:0]).expected == (0.0, 0.0)


@given(VALUES, st.integers(0, 3))
def test_against_numpy_in_one_piece(values: np.ndarray, copies: int) -> None:
    f = np.tile(values, 1 + copies * PIECE // values.size)
    q = np.round(f)
    found = Agreement.of(f, q)
    f64, q64 = f.astype(np.float64), q.astype(np.float64)
    assert found.count == f.size
    assert found.noise == pytest.approx(np.sum((q64 - f64) ** 2), rel=1e-9)
    assert found.signal == pytest.approx(np.sum(f64**2), rel=1e-9)
    assert energy(f) == pytest.approx(found.signal, rel=1e-12)
    assert found.cosine <= 1.0
    assert found.expected == (f.min(), f.max())
