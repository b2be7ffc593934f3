from __future__ import annotations

import numpy as np
import pytest

from toolchain.calibration.ranges.error import expected_error
from toolchain.calibration.ranges.histogram import Intervals, intervals, magnitudes
from toolchain.calibration.statistics import stats_of
from toolchain.core.dtypes import DType
from toolchain.core.quant import QuantSpec, ScaleKind
from toolchain.core.stats import TensorStats
from toolchain.numerics.affine import fake_quantize, params_from_range


def one_interval(low, high):
    return Intervals(low=np.array([low]), high=np.array([high]), count=np.array([3.0]))


SPECS = [
    QuantSpec(),
    QuantSpec(symmetric=True),
    QuantSpec(dtype=DType.UINT8, symmetric=True),
    QuantSpec(dtype=DType.INT4),
    QuantSpec(symmetric=True, scale_kind=ScaleKind.POWER_OF_TWO),
    QuantSpec(symmetric=True, narrow_range=True),
]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, 0.3), (-0.011, 0.019), (-3.0, 4.0), (1.2, 1.9), (0.7, 0.7), (-2e-9, 3e-9)],
)
def test_against_fake_quantized_numbers(spec, low, high):
    """200 001 evenly spread numbers, really quantized to [-1, 1.5]."""
    numbers = np.linspace(low, high, 200_001).astype(np.float32)
    real = fake_quantize(numbers, params_from_range(-1.0, 1.5, spec, 2.0**-126)).astype(np.float64)
    expected = np.mean((real - np.linspace(low, high, 200_001)) ** 2)
    found = expected_error(one_interval(low, high), np.array([-1.0]), np.array([1.5]), spec)
    np.testing.assert_allclose(found[0], expected, rtol=1e-3, atol=1e-16)


def test_clipping_weighs_more_only_beyond_the_range():
    spec, low, high = QuantSpec(), np.array([-1.0]), np.array([1.0])
    for at, factor in ((0.4, 1.0), (2.0, 5.0), (-3.0, 5.0)):
        found = one_interval(at, at)
        plain = expected_error(found, low, high, spec)
        assert expected_error(found, low, high, spec, 5.0)[0] == pytest.approx(factor * plain[0])


def test_intervals_are_sorted_and_cut():
    stats = stats_of(np.array([[-3.0, -0.001, 0.0, 0.5, 6.0, 6.01]], np.float32))
    found = intervals(stats)
    assert np.all(np.diff(found.low) > 0)
    assert (found.low[0], found.high[-1]) == (-3.0, np.float32(6.01))
    assert found.count.tolist() == [1, 1, 1, 1, 2]
    assert np.all(found.low <= found.high)
    assert (found.low[2], found.high[2]) == (0.0, 0.0)


def test_quantile_is_linear_inside_an_interval():
    found = Intervals(
        low=np.array([0.0, 1.0]), high=np.array([0.0, 3.0]), count=np.array([6.0, 4.0])
    )
    assert [found.quantile(share) for share in (0.3, 0.6, 0.8, 1.0)] == [0.0, 0.0, 2.0, 3.0]


def test_magnitudes_fold_the_signs():
    found = magnitudes(stats_of(np.array([[-2.0, 2.0, 0.0, -1.0]], np.float32)))
    assert found.low.tolist() == [0.0, 1.0, 2.0]
    assert found.count.tolist() == [1, 1, 2]


def test_extremes_that_thinning_lost_come_back():
    stats = TensorStats(
        count=10,
        minimum=-4.0,
        maximum=8.0,
        bins=np.array([0x3F80], np.uint16),
        histogram=np.array([10]),
        channel_abs_max=np.array([8.0], np.float32),
        channel_sum=np.array([0.0]),
        channel_count=40,
    )
    found = intervals(stats)
    assert found.low.tolist() == [-4.0, 1.0, 8.0]
    assert found.count.tolist() == [0.25, 10.0, 0.25]


def test_details_near_zero_become_zero():
    found = intervals(stats_of(np.array([[-1.0, -0.01, 0.02, 0.5]], np.float32)))
    coarse = found.without_details_below(0.1)
    assert coarse.low.tolist() == [-1.0, 0.0, 0.5]
    assert coarse.count.tolist() == [1.0, 2.0, 1.0]
    assert found.without_details_below(1e-6) is found
