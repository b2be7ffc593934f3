"""The quantization error that a range would cause, expected from the histogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from toolchain.numerics.affine import params_from_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from toolchain.calibration.ranges.histogram import Intervals
    from toolchain.core.quant import QuantSpec

_SMALLEST_SCALE = 2.0**-126


def expected_error(
    found: Intervals,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    spec: QuantSpec,
    clip_weight: float = 1.0,
) -> NDArray[np.float64]:
    """Mean squared error of quantizing to each of the ranges [low[i], high[i]].

    Each range gets the scale and zero point it would really get, so power-of-two scales and the
    shift of the zero point are in the figure. With x in steps, the error of x is d = x - k, where
    k is x rounded and kept within the integers, and the antiderivative of d**2 is k / 12 + d**3 / 3
    everywhere, inside and beyond the range: the mean over an interval is exact, however its width
    compares with a step.

    Args:
        found: The elements.
        low: float64 (ranges,).
        high: float64 (ranges,).
        spec: What the integers are.
        clip_weight: How much heavier the squared error beyond the range weighs than that inside.

    Returns:
        float64 (ranges,), squared real units.
    """
    params = params_from_range(low, high, spec, _SMALLEST_SCALE)
    scale = params.scale.astype(np.float64)[:, None]
    zero = params.zero_point.astype(np.float64)[:, None]
    bottom, top = spec.qmin - zero, spec.qmax - zero
    left, right = found.low / scale, found.high / scale
    from_left, from_right = np.rint(left), np.rint(right)
    np.clip(from_left, bottom, top, out=from_left)
    np.clip(from_right, bottom, top, out=from_right)
    steps = from_right - from_left
    d, e = left - from_left, right - from_right
    # Inside one step (e**3 - d**3) / (e - d) without the cancellation.
    mean = (d * d + d * e + e * e) * (1.0 / 3.0)
    several = np.flatnonzero(steps > 0.0)
    d, e = d.ravel()[several], e.ravel()[several]
    area = steps.ravel()[several] * (1.0 / 12.0) + (e * e * e - d * d * d) * (1.0 / 3.0)
    mean.ravel()[several] = area / (right - left).ravel()[several]
    if clip_weight != 1.0:
        outside = (found.low + found.high) / 2.0 / scale
        mean *= np.where((outside > top + 0.5) | (outside < bottom - 0.5), clip_weight, 1.0)
    total: NDArray[np.float64] = (mean * found.count).sum(axis=1) * scale[:, 0] ** 2
    total /= found.count.sum()
    return total
