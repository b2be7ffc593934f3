"""The method `default`: the range with the least error where it counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolchain.calibration.ranges.mse import mse
from toolchain.calibration.ranges.simple import minmax

if TYPE_CHECKING:
    from toolchain.core.quant import QuantSpec
    from toolchain.core.stats import TensorRange, TensorStats

FEW_BINS = 16
"""A tensor that occupies no more bins than this is stored as it is."""


def default(stats: TensorStats, spec: QuantSpec, percentile: float) -> TensorRange:
    """The range of the least expected squared error of weighed statistics.

    The search is that of `mse`. What makes the difference are the statistics: elements count as
    much as errors in their channel matter to the model outputs, and the model outputs themselves
    have tails beyond what was seen (`RangeMethodDef.weighed`). Tensors in no more than `FEW_BINS`
    bins, or without width, take `minmax`. `percentile` is not used.
    """
    del percentile
    whole = minmax(stats, spec, 1.0)
    if len(stats.bins) <= FEW_BINS or whole.minimum == whole.maximum:
        return whole
    return replace(mse(stats, spec, 1.0), method="default (mse)")
