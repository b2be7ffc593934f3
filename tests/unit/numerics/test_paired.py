from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from toolchain.numerics.paired import mcnemar_p, percentile_interval, resampled


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


def interval(values: Any, *, confidence: float = 0.95, **options: Any) -> tuple[float, float]:
    given = {"resamples": 2000, "seed": 0, **options}
    found = resampled(lambda drawn: float(values[drawn].mean()), len(values), **given)
    return percentile_interval(found, confidence)


def test_forms_are_scored_on_the_same_draws() -> None:
    values = np.random.default_rng(2).normal(size=50)
    scores = [
        resampled(lambda drawn, v=v: float(v[drawn].mean()), 50, resamples=20, seed=3)
        for v in (values, values + 1)
    ]
    np.testing.assert_allclose(scores[1] - scores[0], np.ones(20))


def test_quantiles_by_hand() -> None:
    # 0, 1, ..., 40: five per cent of 40 steps are two; 2.5 % on each side one.
    assert percentile_interval(np.arange(41.0), 0.95) == pytest.approx((1.0, 39.0))
    assert percentile_interval(np.arange(41.0), 0.5) == pytest.approx((10.0, 30.0))


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
