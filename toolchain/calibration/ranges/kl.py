"""The range that loses the least information.

After Migacz, "8-bit Inference with TensorRT", GPU Technology Conference 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.calibration.ranges.histogram import Intervals, magnitudes
from toolchain.calibration.ranges.simple import range_of
from toolchain.core.stats import TensorRange

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.quant import QuantSpec
    from toolchain.core.stats import TensorStats

_BINS = 2048
_STEP = 16  # bins between two thresholds that are tried
_LOST = 20.0  # per share of elements: about log of a share divided by 1e-9


def kl(stats: TensorStats, spec: QuantSpec, percentile: float) -> TensorRange:
    """The range whose quantized histogram diverges least (Kullback-Leibler) from the original.

    Works on the magnitudes in 2048 equal bins: a threshold cuts them, the rest is merged into as
    many levels as there are integers for it, and the divergence between the two is measured. The
    first bin takes the count of the second, so that the zeros of a Relu do not decide. Asymmetric
    ranges end at the minimum or maximum where that is nearer than the threshold. Types with more
    levels than bins take the whole range: there is nothing to lose. `percentile` is not used.
    """
    del percentile
    one_sided = stats.minimum >= 0.0 or stats.maximum <= 0.0
    levels = (spec.qmax - spec.qmin + 1) // (1 if one_sided and not spec.symmetric else 2)
    largest = max(-stats.minimum, stats.maximum)
    if levels >= _BINS or largest == 0.0:
        return range_of(stats.minimum, stats.maximum, spec, "kl")
    counts = _rebinned(magnitudes(stats), largest)
    counts[0] = counts[1]
    tried = range(levels, _BINS + 1, _STEP)
    scores = [_divergence(counts, end, levels) for end in tried]
    # Of equal scores the widest range wins.
    best = len(scores) - 1 - int(np.argmin(scores[::-1]))
    limit = largest if tried[best] == tried[-1] else (tried[best] + 0.5) * largest / _BINS
    return range_of(max(stats.minimum, -limit), min(stats.maximum, limit), spec, "kl")


def _rebinned(found: Intervals, largest: float) -> NDArray[np.float64]:
    """Counts in equal bins over [0, largest], intervals that lie in several of them divided."""
    edges = np.linspace(0.0, largest, _BINS + 1)
    ends = np.concatenate([[0.0], np.cumsum(found.count)])
    points = np.column_stack([found.low, found.high]).ravel()
    below = np.column_stack([ends[:-1], ends[1:]]).ravel()
    cumulated = np.interp(edges, points, below)
    cumulated[0], cumulated[-1] = 0.0, ends[-1]
    counts: NDArray[np.float64] = np.diff(cumulated)
    return counts


def _divergence(counts: NDArray[np.float64], end: int, levels: int) -> float:
    """Kullback-Leibler divergence of `counts`, clipped at bin `end`, from its merged levels."""
    kept = counts[:end]
    clipped = kept.copy()
    clipped[-1] += counts[end:].sum()
    level = np.minimum(np.arange(end) * levels // end, levels - 1)
    occupied = kept > 0
    sums = np.bincount(level, kept, levels)
    members = np.bincount(level, occupied, levels)
    merged = np.where(occupied, (sums / np.maximum(members, 1))[level], 0.0)
    both = (clipped > 0) & (merged > 0)
    if not both.any():
        return float("inf")
    p, q = clipped / clipped.sum(), merged / merged.sum()
    # An occupied bin that the merged levels leave empty would cost infinitely much.
    lost = float(p[(clipped > 0) & ~both].sum())
    return float((p[both] * np.log(p[both] / q[both])).sum()) + lost * _LOST
