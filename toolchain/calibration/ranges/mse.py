"""The range of the least expected squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.calibration.ranges.error import expected_error
from toolchain.calibration.ranges.histogram import Intervals, intervals
from toolchain.calibration.ranges.simple import range_of
from toolchain.core.stats import TensorRange

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.quant import QuantSpec
    from toolchain.core.stats import TensorStats

_COARSE = np.geomspace(1.0, 0.01, 16)
_FINE = np.geomspace(1.2, 1.0 / 1.2, 7)
_FINEST = np.geomspace(1.05, 1.0 / 1.05, 5)


def mse(stats: TensorStats, spec: QuantSpec, percentile: float) -> TensorRange:
    """The range of the least mean squared error, rounding and clipping together.

    `percentile` is not used. See `search`.
    """
    del percentile
    low, high = search(stats, spec)
    return range_of(low, high, spec, "mse")


def search(stats: TensorStats, spec: QuantSpec, clip_weight: float = 1.0) -> tuple[float, float]:
    """Ends of the best range between [min, max] and a hundredth of it.

    First both ends shrink together by common factors, then each alone, in ever finer steps
    around the best so far. A wider range wins a tie. `clip_weight` as in `expected_error`.
    """
    low, high = min(stats.minimum, 0.0), max(stats.maximum, 0.0)
    if spec.symmetric:
        high = max(-low, high)
        low = -high
    if low == high:
        return low, high
    step = (high - low) / (spec.qmax - spec.qmin) * _COARSE[-1]
    found = intervals(stats).without_details_below(step / 4.0)
    limits = np.array([low, high])
    best = _best(found, limits * _COARSE[:, None], spec, clip_weight)
    sides = [[1.0, 1.0]] if spec.symmetric else [[0.0, 1.0], [1.0, 0.0]]
    rounds = (
        (_FINE, _FINEST)
        if spec.symmetric or low == 0.0 or high == 0.0
        else (_COARSE, _FINE, _FINEST)
    )
    for factors in rounds:
        for side in sides:
            around = limits if factors is _COARSE else best
            moved = np.where(side, around * factors[:, None], best)
            candidates = np.clip(np.vstack([best, moved]), low, high)
            best = _best(found, candidates, spec, clip_weight)
    return float(best[0]), float(best[1])


def _best(
    found: Intervals, candidates: NDArray[np.float64], spec: QuantSpec, clip_weight: float
) -> NDArray[np.float64]:
    errors = expected_error(found, candidates[:, 0], candidates[:, 1], spec, clip_weight)
    best: NDArray[np.float64] = candidates[int(np.argmin(errors))]
    return best
