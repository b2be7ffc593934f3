"""How far a difference measured on a sample may be from the true one."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def resampled(
    score: Callable[[NDArray[np.int64]], float], count: int, *, resamples: int, seed: int
) -> NDArray[np.float64]:
    """Scores of a bootstrap: `count` positions drawn with replacement, `resamples` times.

    With the same count and seed the draws are the same, so that the scores of two forms can be
    subtracted draw by draw: what makes a sample hard cancels out.

    Args:
        score: Positions (count,) to the score of the samples there.
        count: Number of samples.
        resamples: How often they are drawn.
        seed: Of `numpy.random.default_rng`.

    Returns:
        float64 (resamples,).
    """
    rng = np.random.default_rng(seed)
    found = [score(rng.integers(0, count, count)) for _ in range(resamples)]
    return np.array(found, np.float64)


def percentile_interval(differences: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Percentile interval of the bootstrap (Efron and Tibshirani 1993, chapter 13).

    The ends are the quantiles (1 - confidence) / 2 and (1 + confidence) / 2, interpolated linearly.
    """
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(differences, [tail, 1.0 - tail])
    return float(low), float(high)


def mcnemar_p(lost: int, won: int) -> float:
    """Two-sided exact p-value that losing and winning a sample are equally likely.

    McNemar's test with the binomial distribution: 2 * P(X <= min(lost, won)) for X of lost + won
    throws of a fair coin, at most 1.
    """
    total = lost + won
    tail = sum(comb(total, k) for k in range(min(lost, won) + 1))
    return min(1.0, float(2 * tail / 2**total))
