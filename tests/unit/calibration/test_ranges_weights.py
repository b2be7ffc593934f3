from __future__ import annotations

import numpy as np
import pytest

from toolchain.calibration.ranges.weights import weight_range
from toolchain.core.dtypes import DType
from toolchain.core.quant import QuantSpec
from toolchain.errors import ConfigError
from toolchain.numerics.affine import fake_quantize, params_from_range

SYMMETRIC = QuantSpec(symmetric=True)


def true_error(values, low, high, spec):
    params = params_from_range(low, high, spec, 2.0**-126)
    return float(np.sum((fake_quantize(values, params).astype(np.float64) - values) ** 2))


def test_minmax_by_hand():
    array = np.array([[[1.0, -4.0], [2.0, 3.0]], [[0.5, 0.25], [0.125, 1.0]]], np.float32)
    low, high = weight_range(array, 0, SYMMETRIC, "minmax")
    assert (low.tolist(), high.tolist()) == ([-4.0, -1.0], [4.0, 1.0])
    low, high = weight_range(array, 2, QuantSpec(), "minmax")
    assert (low.tolist(), high.tolist()) == ([0.0, -4.0], [2.0, 3.0])
    low, high = weight_range(array, None, QuantSpec(), "minmax")
    assert (low.shape, float(low), float(high)) == ((), -4.0, 3.0)


@pytest.mark.parametrize(
    "spec", [SYMMETRIC, QuantSpec(), QuantSpec(dtype=DType.INT4, symmetric=True)]
)
@pytest.mark.parametrize("axis", [0, 1])
def test_mse_takes_the_best_factor_of_every_channel(spec, axis):
    array = np.random.default_rng(0).standard_t(3, (6, 5, 3, 3)).astype(np.float32)
    low, high = weight_range(array, axis, spec, "mse")
    widest_low, widest_high = weight_range(array, axis, spec, "minmax")
    for channel in range(array.shape[axis]):
        values = np.take(array, channel, axis)
        errors = [
            true_error(values, widest_low[channel] * f, widest_high[channel] * f, spec)
            for f in np.linspace(1.0, 0.5, 51)
        ]
        found = true_error(values, low[channel], high[channel], spec)
        assert found <= min(errors) * (1 + 1e-5)


def test_zero_channels_and_unknown_methods():
    low, high = weight_range(np.zeros((2, 3), np.float32), 0, SYMMETRIC, "mse")
    assert low.tolist() == high.tolist() == [0.0, 0.0]
    with pytest.raises(ConfigError, match="no such range method"):
        weight_range(np.zeros((2, 3), np.float32), 0, SYMMETRIC, "kl")
