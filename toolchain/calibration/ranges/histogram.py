"""The range-free histogram of a tensor as intervals of real numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.core.stats import TensorStats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Intervals:
    """How many elements lie where; elements are taken as spread evenly inside an interval.

    Attributes:
        low: float64, ascending lower ends.
        high: float64, upper ends; equal to `low` where all elements are one number.
        count: float64, elements in each interval.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    count: NDArray[np.float64]

    def quantile(self, share: float) -> float:
        """Number below which `share` of the elements lie, linear inside an interval."""
        ends = np.cumsum(self.count)
        wanted = share * ends[-1]
        index = min(int(np.searchsorted(ends, wanted)), len(ends) - 1)
        inside = 1.0 - (ends[index] - wanted) / self.count[index]
        return float(self.low[index] + inside * (self.high[index] - self.low[index]))

    def without_details_below(self, magnitude: float) -> Intervals:
        """The same, with everything nearer to zero than `magnitude` counted as zero."""
        small = np.maximum(np.abs(self.low), np.abs(self.high)) < magnitude
        if not small.any():
            return self
        first = int(np.argmax(small))
        keep = ~small
        return Intervals(
            low=np.insert(self.low[keep], first, 0.0),
            high=np.insert(self.high[keep], first, 0.0),
            count=np.insert(self.count[keep], first, self.count[small].sum()),
        )


def intervals(stats: TensorStats) -> Intervals:
    """Intervals of a tensor, cut at its exact minimum and maximum.

    Both are in the result even where thinning left them out of the histogram. The bin of the
    numbers below 2**-133 in magnitude counts as zero.
    """
    bins, counts = _with_extremes(stats)
    return _intervals(bins, counts, stats.minimum, stats.maximum)


def magnitudes(stats: TensorStats) -> Intervals:
    """Intervals of the magnitudes |x|, cut at the exact largest one; else as `intervals`."""
    signed, signed_counts = _with_extremes(stats)
    bins, where = np.unique(signed & np.uint16(0x7FFF), return_inverse=True)
    counts = np.bincount(where, signed_counts, bins.size).astype(np.float64)
    return _intervals(bins, counts, 0.0, max(-stats.minimum, stats.maximum))


def _with_extremes(stats: TensorStats) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    """Bins and counts, with minimum and maximum as one element of all where thinning lost them."""
    elements = stats.channel_count * len(stats.channel_sum) or stats.count
    extremes = np.array([stats.minimum, stats.maximum], np.float32).view(np.uint32) >> 16
    missing = np.setdiff1d(extremes.astype(np.uint16), stats.bins)
    where = np.searchsorted(stats.bins, missing)
    counts = np.insert(stats.histogram.astype(np.float64), where, stats.count / elements)
    return np.insert(stats.bins, where, missing), counts


def _intervals(
    bins: NDArray[np.uint16], counts: NDArray[np.float64], minimum: float, maximum: float
) -> Intervals:
    pattern = bins.astype(np.uint32) << np.uint32(16)
    near = pattern.view(np.float32).astype(np.float64)
    # The bin of the largest float32 ends at the pattern of infinity, which the cut below removes.
    far = (pattern + np.uint32(1 << 16)).view(np.float32).astype(np.float64)
    far[bins == 0] = 0.0
    negative = bins >= 0x8000
    order = np.concatenate([np.flatnonzero(negative)[::-1], np.flatnonzero(~negative)])
    low, high = np.where(negative, far, near)[order], np.where(negative, near, far)[order]
    return Intervals(
        low=np.clip(low, minimum, maximum),
        high=np.clip(high, minimum, maximum),
        count=counts[order],
    )
