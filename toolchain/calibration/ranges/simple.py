"""Ranges read off the statistics: everything, or a given share of the elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.calibration.ranges.histogram import intervals, magnitudes
from toolchain.core.stats import TensorRange

if TYPE_CHECKING:
    from toolchain.core.quant import QuantSpec
    from toolchain.core.stats import TensorStats


def range_of(low: float, high: float, spec: QuantSpec, method: str) -> TensorRange:
    """[low, high] widened to contain 0, and mirrored around it if `spec` is symmetric."""
    low, high = min(low, 0.0), max(high, 0.0)
    if spec.symmetric:
        high = max(-low, high)
        low = -high
    return TensorRange(minimum=low + 0.0, maximum=high, method=method)


def minmax(stats: TensorStats, spec: QuantSpec, percentile: float) -> TensorRange:
    """From the smallest to the largest element seen; `percentile` is not used."""
    del percentile
    return range_of(stats.minimum, stats.maximum, spec, "minmax")


def percentile_range(stats: TensorStats, spec: QuantSpec, percentile: float) -> TensorRange:
    """The range that keeps the share `percentile` of the elements and cuts the tails.

    Symmetric: the largest magnitudes are cut. Asymmetric: (1 - percentile) / 2 on either side,
    or all of it above (below) where no element is negative (positive), since 0 stays in the range.
    Linear interpolation inside a bin; never beyond the exact minimum and maximum.
    """
    if spec.symmetric:
        limit = magnitudes(stats).quantile(percentile)
        return range_of(-limit, limit, spec, "percentile")
    found = intervals(stats)
    if stats.minimum >= 0.0:
        return range_of(0.0, found.quantile(percentile), spec, "percentile")
    if stats.maximum <= 0.0:
        return range_of(found.quantile(1.0 - percentile), 0.0, spec, "percentile")
    cut = (1.0 - percentile) / 2.0
    return range_of(found.quantile(cut), found.quantile(1.0 - cut), spec, "percentile")
