"""How far a difference measured on a sample may be from the true one."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def bootstrap_interval(
    difference: Callable[[NDArray[np.int64]], float],
    count: int,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> tuple[float, float]:
    """Percentile interval of the paired bootstrap (Efron and Tibshirani 1993, chapter 13).

    `count` positions are drawn with replacement `resamples` times; both forms are scored on the
    same draw, so that what makes a sample hard cancels out. The ends are the quantiles
    (1 - confidence) / 2 and (1 + confidence) / 2 of the differences, interpolated linearly.

    Args:
        difference: Positions (count,) to the difference of the two scores on them.
        count: Number of samples.
        resamples: How often they are drawn.
        confidence: Between 0 and 1.
        seed: Of `numpy.random.default_rng`; the same for all forms that are compared.
    """
    rng = np.random.default_rng(seed)
    found = [difference(rng.integers(0, count, count)) for _ in range(resamples)]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(np.array(found, np.float64), [tail, 1.0 - tail])
    return float(low), float(high)


def mcnemar_p(lost: int, won: int) -> float:
    """Two-sided exact p-value that losing and winning a sample are equally likely.

    McNemar's test with the binomial distribution: 2 * P(X <= min(lost, won)) for X of lost + won
    throws of a fair coin, at most 1.
    """
    total = lost + won
    tail = sum(comb(total, k) for k in range(min(lost, won) + 1))
    return min(1.0, float(2 * tail / 2**total))
