from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from toolchain.calibration.ranges.weights import weight_range
from toolchain.core.dtypes import DType
from toolchain.core.quant import PerBlock, PerChannel, QuantSpec
from toolchain.errors import ConfigError
from toolchain.numerics.affine import fake_quantize, params_from_range

SYMMETRIC = QuantSpec(symmetric=True)


def along(axis: int, spec: QuantSpec) -> QuantSpec:
    """`spec` with one scale per index along `axis`."""
    return replace(spec, granularity=PerChannel(axis))


def true_error(values, low, high, spec):
    params = params_from_range(low, high, spec, 2.0**-126)
    return float(np.sum((fake_quantize(values, params).astype(np.float64) - values) ** 2))


def test_minmax_by_hand():
    array = np.array([[[1.0, -4.0], [2.0, 3.0]], [[0.5, 0.25], [0.125, 1.0]]], np.float32)
    low, high = weight_range(array, along(0, SYMMETRIC), "minmax")
    assert (low.tolist(), high.tolist()) == ([-4.0, -1.0], [4.0, 1.0])
    low, high = weight_range(array, along(2, QuantSpec()), "minmax")
    assert (low.tolist(), high.tolist()) == ([0.0, -4.0], [2.0, 3.0])
    low, high = weight_range(array, QuantSpec(), "minmax")
    assert (low.shape, float(low), float(high)) == ((), -4.0, 3.0)


@pytest.mark.parametrize(
    "spec", [SYMMETRIC, QuantSpec(), QuantSpec(dtype=DType.INT4, symmetric=True)]
)
@pytest.mark.parametrize("axis", [0, 1])
def test_mse_takes_the_best_factor_of_every_channel(spec, axis):
    array = np.random.default_rng(0).standard_t(3, (6, 5, 3, 3)).astype(np.float32)
    low, high = weight_range(array, along(axis, spec), "mse")
    widest_low, widest_high = weight_range(array, along(axis, spec), "minmax")
    for channel in range(array.shape[axis]):
        values = np.take(array, channel, axis)
        errors = [
            true_error(values, widest_low[channel] * f, widest_high[channel] * f, spec)
            for f in np.linspace(1.0, 0.5, 51)
        ]
        found = true_error(values, low[channel], high[channel], spec)
        assert found <= min(errors) * (1 + 1e-5)


def test_gain_keeps_the_size_of_a_filter():
    """The best of 66 factors, an error along the weight counting 17 times; found one by one."""
    rng = np.random.default_rng(6)
    spec = QuantSpec(dtype=DType.INT4, symmetric=True)
    sizes = {"gain": [], "mse": []}
    for _ in range(20):
        values = rng.standard_normal(64).astype(np.float32)
        largest = float(np.abs(values).max())
        costs = {}
        for factor in np.linspace(1.15, 0.5, 66):
            params = params_from_range(-largest * factor, largest * factor, spec, 2.0**-126)
            error = fake_quantize(values, params).astype(np.float64) - values
            along = (error @ values) ** 2 / (values.astype(np.float64) @ values)
            costs[largest * factor] = error @ error + 16.0 * along
        high = float(weight_range(values, spec, "gain")[1])
        best = min(costs.values())
        assert min(costs[c] for c in costs if abs(c - high) < 1e-9) <= best * (1 + 1e-5)
        for method, found in sizes.items():
            low, high = weight_range(values, spec, method)
            kept = fake_quantize(values, params_from_range(low, high, spec, 2.0**-126))
            found.append(float(kept @ values / (values @ values)))
    lost = {method: np.mean(np.abs(1.0 - np.array(found))) for method, found in sizes.items()}
    assert lost["gain"] < lost["mse"] / 3


def test_zero_channels_and_unknown_methods():
    low, high = weight_range(np.zeros((2, 3), np.float32), along(0, SYMMETRIC), "mse")
    assert low.tolist() == high.tolist() == [0.0, 0.0]
    with pytest.raises(ConfigError, match="no such range method"):
        weight_range(np.zeros((2, 3), np.float32), along(0, SYMMETRIC), "kl")


def test_blocks_by_hand():
    """Blocks of 2 along axis 1 of (2, 4, 1): every row of two numbers has a range of its own."""
    array = np.array([[1, -4, 2, 3], [0.5, 0.25, -8, 1]], np.float32)[:, :, None]
    spec = replace(SYMMETRIC, granularity=PerBlock(1, 2))
    low, high = weight_range(array, spec, "minmax")
    assert high.tolist() == [[[4.0], [3.0]], [[0.5], [8.0]]]
    np.testing.assert_array_equal(low, -high)


def test_a_short_last_block():
    array = np.array([[1.0, -4.0, 2.0]], np.float32)
    _, high = weight_range(array, QuantSpec(symmetric=True, granularity=PerBlock(1, 2)), "mse")
    assert high.shape == (1, 2)
    assert high[0, 1] == 2.0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_blocks_have_the_error_of_their_slices(axis):
    """A block is searched as if it stood alone."""
    array = np.random.default_rng(2).standard_t(3, (4, 4, 4)).astype(np.float32)
    spec = QuantSpec(dtype=DType.INT4, symmetric=True, granularity=PerBlock(axis, 2))
    _, high = weight_range(array, spec, "mse")
    alone = np.moveaxis(array, axis, 0)[2:4, 1, 3]
    _, expected = weight_range(alone, QuantSpec(dtype=DType.INT4, symmetric=True), "mse")
    assert np.moveaxis(high, axis, 0)[1, 1, 3] == expected


def test_four_bits_are_searched_and_eight_take_everything():
    array = np.random.default_rng(3).standard_normal((2, 100)).astype(np.float32)
    for dtype, method in ((DType.INT4, "gain"), (DType.UINT4, "gain"), (DType.INT8, "minmax")):
        spec = along(0, QuantSpec(dtype=dtype, symmetric=True))
        expected = weight_range(array, spec, method)
        np.testing.assert_array_equal(weight_range(array, spec, "default"), expected)
