"""The method `default`: of several ranges, the one that serves this tensor best."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from toolchain.calibration.ranges.error import expected_error
from toolchain.calibration.ranges.histogram import intervals
from toolchain.calibration.ranges.mse import mse
from toolchain.calibration.ranges.simple import minmax, percentile_range

if TYPE_CHECKING:
    from toolchain.core.quant import QuantSpec
    from toolchain.core.stats import TensorRange, TensorStats

CLIP_WEIGHT = 4.0
"""How much heavier an error beyond the range weighs than one inside."""

FEW_BINS = 16
"""A tensor that occupies no more bins than this is stored as it is."""


def default(stats: TensorStats, spec: QuantSpec, percentile: float) -> TensorRange:
    """Chosen per tensor among `minmax`, `percentile` 0.99999 and 0.9999, and `mse`.

    Each candidate is scored with its expected squared error, in which errors of clipped elements
    weigh `CLIP_WEIGHT` times: clipping hits the largest activations, which mean the most to the
    layers behind. The least score wins, the wider range in a tie. Tensors in no more than
    `FEW_BINS` bins, or without width, take `minmax`. The name of the winner is in the result.
    `percentile` is not used.
    """
    del percentile
    whole = minmax(stats, spec, 1.0)
    if len(stats.bins) <= FEW_BINS or whole.minimum == whole.maximum:
        return whole
    candidates = [
        whole,
        percentile_range(stats, spec, 0.99999),
        percentile_range(stats, spec, 0.9999),
        mse(stats, spec, 1.0),
    ]
    low = np.array([candidate.minimum for candidate in candidates])
    high = np.array([candidate.maximum for candidate in candidates])
    scores = expected_error(intervals(stats), low, high, spec, CLIP_WEIGHT)
    chosen = candidates[int(np.argmin(scores))]
    return replace(chosen, method=f"default ({chosen.method})")
