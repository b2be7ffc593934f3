from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from toolchain.numerics.paired import bootstrap_interval, mcnemar_p


@pytest.mark.parametrize(
    ("lost", "won", "expected"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 0, 0.0625),  # 2 * 1 / 32
        (1, 5, 0.21875),  # 2 * (1 + 6) / 64
        (3, 3, 1.0),
    ],
)
def test_mcnemar_by_hand(lost: int, won: int, expected: float) -> None:
    assert mcnemar_p(lost, won) == expected
    assert mcnemar_p(won, lost) == expected


def test_mcnemar_of_many_stays_a_probability() -> None:
    assert 0 < mcnemar_p(2000, 2500) < 1e-12


def interval(values: Any, **options: Any) -> tuple[float, float]:
    given = {"resamples": 2000, "confidence": 0.95, "seed": 0, **options}
    return bootstrap_interval(lambda drawn: float(values[drawn].mean()), len(values), **given)


def test_the_interval_of_a_mean_is_close_to_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(0.3, 2.0, 400)
    half = NormalDist().inv_cdf(0.975) * values.std() / 20
    low, high = interval(values)
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)
    narrow = interval(values, confidence=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_the_seed_decides() -> None:
    values = np.arange(10.0)
    assert interval(values) == interval(values)
    assert interval(values, resamples=20) != interval(values, resamples=20, seed=1)


def test_no_difference_has_no_width() -> None:
    assert interval(np.zeros(5)) == (0.0, 0.0)
